#include "simulator/principals.h"

#include <fmt/format.h>

namespace spa::sim {
namespace {

using Kind = Principal::Kind;

// Numbers in a site collection: groups below 10, audiences, then people, groups, guests, links.
constexpr std::uint32_t kEveryoneNumber = 10, kEeeuNumber = 11, kForeignNumber = 12,
                        kWindowsNumber = 8, kSharePointAppNumber = 9;
constexpr std::uint32_t kFirstUser = 20;
constexpr std::uint32_t kLinksPerItem = 4;
constexpr std::uint32_t kFirstListLinkGroup = 0x20000000;

std::uint32_t FirstGroup(const SimulatedTenant& t) {
  return kFirstUser + t.directory().user_count();
}
std::uint32_t FirstGuest(const SimulatedTenant& t) {
  return FirstGroup(t) + 2 * static_cast<std::uint32_t>(t.directory().groups().size());
}
std::uint32_t FirstLink(const SimulatedTenant& t) {
  return FirstGuest(t) + static_cast<std::uint32_t>(t.spec().otp_guests);
}

Face GroupFace(const SimulatedTenant& tenant, std::uint32_t number, bool owners) {
  const Group& group = tenant.directory().groups()[number];
  Face face;
  face.title = group.name + (owners ? " Owners" : "");
  face.login =
      owners ? tenant.directory().OwnersClaim(number) : tenant.directory().MembersClaim(number);
  face.email = group.mail;
  face.directory_id = group.id;
  face.site_number = FirstGroup(tenant) + 2 * number + owners;
  face.principal_type = 4;
  return face;
}

Face AudienceFace(std::string_view title, std::string login, std::uint32_t number) {
  Face face;
  face.title = title;
  face.login = std::move(login);
  face.site_number = number;
  face.principal_type = 4;
  return face;
}

}  // namespace

Face FaceOf(const SimulatedTenant& tenant, const Web& web, const Principal& who) {
  const Directory& directory = tenant.directory();
  Face face;
  switch (who.kind) {
    case Kind::kUser: {
      const User user = directory.UserAt(who.number);
      face.title = user.name;
      face.login = user.login;
      face.email = user.mail;
      face.upn = user.upn;
      face.directory_id = user.id;
      face.guest = user.guest;
      face.site_number = kFirstUser + who.number;
      return face;
    }
    case Kind::kGroup:
    case Kind::kGroupOwners:
      return GroupFace(tenant, who.number, who.kind == Kind::kGroupOwners);
    case Kind::kSiteGroup:
      for (const SiteGroup& group : tenant.webs()[web.collection].groups) {
        if (group.id == who.number) face.title = face.login = group.title;
      }
      face.site_number = who.number;
      face.principal_type = 8;
      return face;
    case Kind::kEveryone:
      return AudienceFace(Say(Phrase::kEveryone, web.language), "c:0(.s|true", kEveryoneNumber);
    case Kind::kWindowsEveryone:
      return AudienceFace("All Users (windows)", "c:0!.s|windows", kWindowsNumber);
    case Kind::kEveryoneExceptExternal:
      return AudienceFace(Say(Phrase::kEveryoneExceptExternal, web.language),
                          "c:0-.f|rolemanager|spo-grid-all-users/" + tenant.spec().tenant_id,
                          kEeeuNumber);
    case Kind::kForeignEveryoneExceptExternal:
      return AudienceFace(
          Say(Phrase::kEveryoneExceptExternal, web.language),
          "c:0-.f|rolemanager|spo-grid-all-users/" + Text(MakeGuid(tenant.spec().seed + 77)),
          kForeignNumber);
    case Kind::kOtpGuest:
      face.title = face.email = directory.OtpMail(who.number);
      face.login = directory.OtpLogin(who.number);
      face.guest = true;
      face.site_number = FirstGuest(tenant) + who.number;
      return face;
    case Kind::kSharePointApp:
      face.title = "SharePoint App";
      face.login = "i:0i.t|00000003-0000-0ff1-ce00-000000000000|app@sharepoint";
      face.site_number = kSharePointAppNumber;
      return face;
    case Kind::kLink:
      break;
  }
  return face;
}

std::string AppLogin(const SimulatedTenant& tenant, const AppGrant& app) {
  return fmt::format("i:0i.t|ms.sp.ext|{}@{}", app.app_id, tenant.spec().tenant_id);
}

std::uint32_t LinkGroupNumber(const SimulatedTenant& tenant, const Library& library,
                              std::uint32_t item, std::uint32_t index, const Link& link) {
  if (link.group_number != 0) return link.group_number;
  const auto place = (library.first_in_collection + item) * kLinksPerItem + index;
  return FirstLink(tenant) + static_cast<std::uint32_t>(place);
}

std::uint32_t LinkGroupNumber(const GenericList& list, std::uint32_t item, std::uint32_t index) {
  return kFirstListLinkGroup + (list.number << 14) + item * kLinksPerItem + index;
}

std::optional<LinkPlace> LinkOfGroup(const SimulatedTenant& tenant, const Web& web,
                                     std::uint32_t number) {
  std::optional<FoundItem> owner;
  if (number >= kFirstGivenLinkGroup) {
    owner = tenant.ItemOfLinkGroup(number);
  } else if (number >= FirstLink(tenant)) {
    const std::uint64_t place = (number - FirstLink(tenant)) / kLinksPerItem;
    for (const Library& library : tenant.libraries()) {
      if (tenant.webs()[library.web].collection != web.collection) continue;
      if (place <= library.first_in_collection) continue;
      const auto item = static_cast<std::uint32_t>(place - library.first_in_collection);
      if (item <= library.built_items) owner = FoundItem{library.number, item};
    }
  }
  if (!owner) return std::nullopt;
  const Library& library = tenant.libraries()[owner->library];
  if (library.deleted || tenant.webs()[library.web].collection != web.collection ||
      tenant.KindOf(library, owner->item) != ScopeKind::kLinks) {
    return std::nullopt;
  }
  const Acl acl = tenant.OwnAcl(library, owner->item);
  for (std::uint32_t link = 0; link < acl.links.size(); ++link) {
    if (LinkGroupNumber(tenant, library, owner->item, link, acl.links[link]) == number) {
      return LinkPlace{owner->library, owner->item, link};
    }
  }
  return std::nullopt;
}

std::string LinkGroupTitle(const SimulatedTenant& tenant, const Library& library,
                           std::uint32_t item, const Link& link) {
  return fmt::format("SharingLinks.{}.{}.{}", Text(tenant.UniqueId(library, item)), link.group_kind,
                     link.id);
}

std::uint64_t Mask(const std::vector<Level>& levels) {
  std::uint64_t mask = 0;
  for (Level level : levels) mask |= Info(level).mask;
  return mask;
}

// Graph shows the strongest level alone.
std::string_view GraphRole(const std::vector<Level>& levels) {
  Level best = levels.front();
  for (Level level : levels) {
    if (Info(level).order < Info(best).order) best = level;
  }
  return Info(best).graph_role;
}

}  // namespace spa::sim
