#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "simulator/graph_service.h"
#include "simulator/json_out.h"
#include "simulator/rest_service.h"

namespace spa::sim {
namespace {

using Kind = Principal::Kind;

constexpr std::uint32_t kFirstPlumbing = 13;  // up to 19: a collection has five webs at most

void WriteLevels(JsonOut& json, const std::vector<Level>& levels, Language language) {
  json.Open("RoleDefinitionBindings", '[');
  for (Level level : levels) {
    const LevelInfo& info = Info(level);
    json.Open('{').Open("BasePermissions", '{');
    json.Field("High", std::to_string(info.mask >> 32));
    json.Field("Low", std::to_string(info.mask & 0xffffffff)).Close('}');
    json.Field("Hidden", info.hidden).Field("Id", info.id);
    json.Field("Name", info.names[static_cast<int>(language)]).Field("Order", info.order);
    json.Field("RoleTypeKind", info.kind).Close('}');
  }
  json.Close(']');
}

SiteGroup Plumbing(const Web& web) {
  SiteGroup group;
  group.id = kFirstPlumbing + web.number - web.collection;
  group.title = "Limited Access System Group For Web " + Text(web.web_id);
  group.owner_title = Say(Phrase::kSystemAccount, web.language);
  group.system = true;
  group.description = group.title;
  return group;
}

}  // namespace

// permissions.md 3.2: on an object that inherits, the effective assignments. Links appear as their
// hidden groups, and Limited Access as the plumbing it is.
Response RestService::Assignments(const Request& request, const Web& web, const Acl& acl,
                                  const std::vector<Entry>& plumbing, ListRef place,
                                  std::uint32_t scope_item) const {
  const std::string expand = Lower(request.Query("$expand"));
  const bool member = expand.find("member") != std::string::npos;
  const bool users = expand.find("member/users") != std::string::npos;
  const auto large = static_cast<std::size_t>(t_.spec().wire.large_acl);
  if (large > 0 && member && acl.entries.size() > large) {
    return RestError(500, "-1, System.Runtime.InteropServices.COMException",
                     "Exception from HRESULT: 0x80131904");
  }
  const bool bindings = expand.find("roledefinitionbindings") != std::string::npos;
  Response response;
  JsonOut json(response.body);
  json.Open('{').Open("value", '[');
  auto open = [&](std::uint32_t number) {
    json.Open('{');
    if (member) json.Key("Member");
    return number;
  };
  auto close = [&](std::uint32_t number, const std::vector<Level>& levels) {
    if (bindings) WriteLevels(json, levels, web.language);
    json.Field("PrincipalId", number).Close('}');
  };
  auto write = [&](const Entry& entry) {
    if (entry.who.kind == Kind::kLink) {
      const SiteGroup group =
          LinkGroup(place, scope_item, entry.who.number, acl.links[entry.who.number]);
      open(group.id);
      if (member) WriteSiteGroup(json, web, group, users);
      close(group.id, entry.levels);
      return;
    }
    const Face face = FaceOf(t_, web, entry.who);
    open(face.site_number);
    if (member && entry.who.kind == Kind::kSiteGroup) {
      for (const SiteGroup& group : t_.webs()[web.collection].groups) {
        if (group.id == entry.who.number) WriteSiteGroup(json, web, group, users);
      }
    } else if (member) {
      WritePerson(json, web, entry.who);
    }
    close(face.site_number, entry.levels);
  };
  const std::string top(request.Query("$top"));
  std::size_t room = top.empty() ? SIZE_MAX : std::strtoul(top.c_str(), nullptr, 10);
  for (const std::vector<Entry>* entries : {&acl.entries, &plumbing}) {
    for (const Entry& entry : *entries) {
      if (room == 0) break;
      --room;
      write(entry);
    }
  }
  if (!plumbing.empty() && room > 0) {
    const SiteGroup group = Plumbing(web);
    open(group.id);
    if (member) WriteSiteGroup(json, web, group, users);
    close(group.id, {Level::kWebLimited});
  }
  json.Close(']').Close('}');
  return response;
}

void RestService::WritePerson(JsonOut& json, const Web& web, const Principal& who) const {
  const Face face = FaceOf(t_, web, who);
  const auto& admins = t_.webs()[web.collection].admins;
  json.Open('{').Field("Id", face.site_number).Field("IsHiddenInUI", false);
  json.Field("LoginName", face.login).Field("Title", face.title);
  json.Field("PrincipalType", face.principal_type).Field("Email", face.email);
  json.Field("Expiration", "");
  json.Field("IsEmailAuthenticationGuestUser", who.kind == Kind::kOtpGuest);
  json.Field("IsShareByEmailGuestUser", face.guest && who.kind == Kind::kUser);
  json.Field("IsSiteAdmin", std::find(admins.begin(), admins.end(), who) != admins.end());
  if (who.kind == Kind::kUser) {
    json.Open("UserId", '{').Field("NameId", fmt::format("1003{:012x}", face.site_number));
    json.Field("NameIdIssuer", "urn:federation:microsoftonline").Close('}');
    json.Field("UserPrincipalName", Lower(face.upn));
    // Rows that are older than the column have none (permissions.md 5).
    if (Unit(HashText(face.login)) < t_.spec().wire.no_aad_id_rate) {
      json.Null("AadObjectId");
    } else {
      json.Open("AadObjectId", '{').Field("NameId", face.directory_id);
      json.Field("NameIdIssuer", "urn:federation:microsoftonline").Close('}');
    }
  } else {
    json.Null("UserId").Null("UserPrincipalName").Null("AadObjectId");
  }
  json.Close('}');
}

void RestService::WriteSiteGroup(JsonOut& json, const Web& web, const SiteGroup& group,
                                 bool with_users) const {
  json.Open('{').Field("Id", group.id).Field("IsHiddenInUI", false);
  json.Field("LoginName", group.title).Field("Title", group.title).Field("PrincipalType", 8);
  json.Field("AllowMembersEditMembership", group.members_edit);
  json.Field("AllowRequestToJoinLeave", false).Field("AutoAcceptRequestToJoinLeave", false);
  if (group.description.empty()) {
    json.Null("Description");
  } else {
    json.Field("Description", group.description);
  }
  json.Field("OnlyAllowMembersViewMembership", group.system).Field("OwnerTitle", group.owner_title);
  json.Null("RequestToJoinLeaveEmailSetting");
  if (with_users) {
    json.Open("Users", '[');
    for (const Principal& who : group.members) WritePerson(json, web, who);
    json.Close(']');
  }
  json.Close('}');
}

SiteGroup RestService::LinkGroup(ListRef place, std::uint32_t item, std::uint32_t link,
                                 const Link& what) const {
  const Web& web = t_.webs()[place.library ? place.library->web : place.list->web];
  SiteGroup group;
  group.owner_title = Say(Phrase::kSystemAccount, t_.webs()[web.collection].language);
  group.system = true;
  group.members = what.people;
  std::string path;
  if (place.library) {
    t_.AppendPath(path, *place.library, item);
    group.id = LinkGroupNumber(t_, *place.library, item, link, what);
    group.title = LinkGroupTitle(t_, *place.library, item, what);
  } else {
    path = fmt::format("{}/Lists/{}/{}_.000", web.path, place.list->url_name, item);
    group.id = LinkGroupNumber(*place.list, item, link);
    group.title = fmt::format("SharingLinks.{}.{}.{}", Text(t_.UniqueId(*place.list, item)),
                              what.group_kind, what.id);
  }
  group.description = fmt::format("This group is for {} sharing links on item '{}'",
                                  what.group_kind, PercentDecode(path));
  return group;
}

std::vector<SiteGroup> RestService::LinkGroups(const Web& web) const {
  std::vector<SiteGroup> groups;
  const auto add = [&](ListRef place, std::uint32_t item, const Acl& acl) {
    for (std::uint32_t link = 0; link < acl.links.size(); ++link) {
      groups.push_back(LinkGroup(place, item, link, acl.links[link]));
    }
  };
  for (const Library& library : t_.libraries()) {
    const Web& holder = t_.webs()[library.web];
    if (library.deleted || holder.collection != web.collection ||
        holder.state == SiteState::kDeleted) {
      continue;
    }
    for (std::uint32_t item = 1; item <= library.items; ++item) {
      if (t_.KindOf(library, item) == ScopeKind::kLinks) {
        add({&library, nullptr}, item, t_.OwnAcl(library, item));
      }
    }
  }
  for (const GenericList& list : t_.lists()) {
    const Web& holder = t_.webs()[list.web];
    if (holder.collection != web.collection || holder.state == SiteState::kDeleted) continue;
    for (std::uint32_t item = 1; item <= list.items; ++item) {
      if (t_.Exists(list, item) && t_.ListItemOwnsScope(list, item)) {
        add({nullptr, &list}, item, t_.ListItemAcl(list, item));
      }
    }
  }
  return groups;
}

Response RestService::SiteGroupRoutes(const Request& request, const Web& web, const Steps& steps) {
  Response response;
  std::string number = steps[0].argument;
  std::size_t next = 1;
  if (steps.size() > 1 && steps[1].name == "getbyid") {
    number = steps[1].argument;
    next = 2;
  }
  if (number.empty()) {
    if (steps.size() > 1) {
      return RestError(404, "-1, Microsoft.SharePoint.Client.ResourceNotFoundException",
                       "Cannot find resource for the request.");
    }
    response = SiteGroups(request, web);
    response.route = "rest sitegroups";
    return response;
  }
  const auto id = static_cast<std::uint32_t>(std::strtoul(number.c_str(), nullptr, 10));
  std::optional<SiteGroup> found;
  for (const SiteGroup& group : t_.webs()[web.collection].groups) {
    if (group.id == id) found = group;
  }
  for (const Web& each : t_.webs()) {
    if (each.collection == web.collection && Plumbing(each).id == id) found = Plumbing(each);
  }
  if (const auto place = LinkOfGroup(t_, web, id)) {
    const Library& library = t_.libraries()[place->library];
    const Acl acl = t_.OwnAcl(library, place->item);
    found = LinkGroup({&library, nullptr}, place->item, place->link, acl.links[place->link]);
  } else if (!found) {
    for (const SiteGroup& group : LinkGroups(web)) {
      if (group.id == id) found = group;
    }
  }
  if (!found) {
    return RestError(404, "-2146232832, Microsoft.SharePoint.SPException",
                     "Group cannot be found.");
  }
  JsonOut json(response.body);
  if (steps.size() > next && steps[next].name == "users") {
    json.Open('{').Open("value", '[');
    for (const Principal& who : found->members) WritePerson(json, web, who);
    json.Close(']').Close('}');
    response.route = "rest sitegroup users";
  } else {
    WriteSiteGroup(json, web, *found, Lower(request.Query("$expand")) == "users");
    response.route = "rest sitegroup";
  }
  return response;
}

// Site groups belong to the collection: each of its webs answers the same.
Response RestService::SiteGroups(const Request& request, const Web& web) {
  const bool users = Lower(request.Query("$expand")).find("users") != std::string::npos;
  Response response;
  JsonOut json(response.body);
  json.Open('{').Open("value", '[');
  for (const SiteGroup& group : t_.webs()[web.collection].groups) {
    WriteSiteGroup(json, web, group, users);
  }
  for (const Web& each : t_.webs()) {
    if (each.collection == web.collection) WriteSiteGroup(json, web, Plumbing(each), users);
  }
  for (const SiteGroup& group : LinkGroups(web)) WriteSiteGroup(json, web, group, users);
  json.Close(']').Close('}');
  return response;
}

// Everyone the collection ever referred to (permissions.md 3.5): not a list of who has access.
Response RestService::SiteUsers(const Request& request, const Web& web) {
  const std::string filter = Lower(request.Query("$filter"));
  const bool admins_only = filter.find("issiteadmin eq true") != std::string::npos;
  std::map<std::uint32_t, Principal> known;
  auto note = [&](const Principal& who) {
    if (who.kind == Kind::kSiteGroup || who.kind == Kind::kLink) return;
    known.emplace(FaceOf(t_, web, who).site_number, who);
  };
  auto note_entries = [&](const std::vector<Entry>& entries) {
    for (const Entry& entry : entries) note(entry.who);
  };
  const Web& root = t_.webs()[web.collection];
  for (const Principal& admin : root.admins) note(admin);
  if (!admins_only) {
    for (const SiteGroup& group : root.groups) {
      for (const Principal& who : group.members) note(who);
    }
    for (const Web& each : t_.webs()) {
      if (each.collection != web.collection || each.state == SiteState::kDeleted) continue;
      note_entries(each.acl.entries);
      note_entries(each.plumbing);
      for (auto number : each.libraries) {
        const Library& library = t_.libraries()[number];
        note_entries(library.acl.entries);
        for (std::uint32_t item = 1; item <= library.items; ++item) {
          if (t_.OwnsScope(library, item)) note_entries(t_.OwnAcl(library, item).entries);
        }
      }
      for (auto number : each.lists) {
        const GenericList& list = t_.lists()[number];
        note_entries(list.acl.entries);
        for (std::uint32_t item = 1; item <= list.items; ++item) {
          if (t_.ListItemOwnsScope(list, item)) note_entries(t_.ListItemAcl(list, item).entries);
        }
      }
    }
  }
  Response response;
  JsonOut json(response.body);
  json.Open('{').Open("value", '[');
  for (const auto& [number, who] : known) WritePerson(json, web, who);
  if (!admins_only) WriteSystemAccount(json, web);
  json.Close(']').Close('}');
  return response;
}

// Everywhere the same number and login, but a title in the language of the site.
void RestService::WriteSystemAccount(JsonOut& json, const Web& web) const {
  json.Open('{').Field("Id", kSystemAccount).Field("IsHiddenInUI", false);
  json.Field("LoginName", "SHAREPOINT\\system");
  json.Field("Title", Say(Phrase::kSystemAccount, t_.webs()[web.collection].language));
  json.Field("PrincipalType", 1).Field("Email", "").Field("Expiration", "");
  json.Field("IsEmailAuthenticationGuestUser", false).Field("IsShareByEmailGuestUser", false);
  json.Field("IsSiteAdmin", false).Null("UserPrincipalName").Null("AadObjectId").Close('}');
}

}  // namespace spa::sim
