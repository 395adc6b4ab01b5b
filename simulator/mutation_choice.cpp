#include <fmt/format.h>

#include <algorithm>

#include "simulator/mutation.h"
#include "simulator/principals.h"

namespace spa::sim {
namespace {

constexpr std::pair<std::string_view, Level> kLevelNames[] = {
    {"read", Level::kRead},
    {"contribute", Level::kContribute},
    {"edit", Level::kEdit},
    {"design", Level::kDesign},
    {"full_control", Level::kFullControl},
    {"restricted_view", Level::kRestrictedView}};

}  // namespace

bool Mutation::OpenLibrary(const Library& library) const {
  return !library.deleted && t_.webs()[library.web].state == SiteState::kOpen;
}

template <class Container, class IsThere>
std::optional<Securable> Mutation::PickIn(const Container& all, Kind kind, const Suits& suits,
                                          IsThere is_there) {
  const std::uint64_t start = Next();
  for (std::size_t k = 0; k < all.size(); ++k) {
    const auto number = static_cast<std::uint32_t>((start + k) % all.size());
    const Securable object{kind, number, 0};
    if (is_there(all[number]) && suits(object)) return object;
  }
  why_ = "nothing suits";
  return std::nullopt;
}

template <class Container>
std::optional<Securable> Mutation::ScanItems(const Container& container, Kind kind,
                                             const Suits& suits) {
  const std::uint64_t start = Next();
  for (std::uint32_t k = 0; k < container.items; ++k) {
    const auto item = static_cast<std::uint32_t>(1 + (start + k) % container.items);
    const Securable object{kind, container.number, item};
    if (t_.Exists(container, item) && suits(object)) return object;
  }
  why_ = "nothing suits";
  return std::nullopt;
}

std::optional<Securable> Mutation::PickWeb(const Json& ask, const Suits& suits) {
  if (!ask.contains("site")) {
    return PickIn(t_.webs(), Kind::kWeb, suits,
                  [](const Web& web) { return web.state == SiteState::kOpen; });
  }
  const auto number = t_.FindWeb(Field(ask, "site"));
  if (number && t_.webs()[*number].state != SiteState::kDeleted) {
    const Securable object{Kind::kWeb, *number, 0};
    if (suits(object)) return object;
    why_ = "the site does not suit";
    return std::nullopt;
  }
  why_ = "there is no such site";
  return std::nullopt;
}

std::optional<Securable> Mutation::PickLibrary(const Json& ask, const Suits& suits) {
  if (!ask.contains("drive")) {
    return PickIn(t_.libraries(), Kind::kLibrary, suits,
                  [&](const Library& library) { return OpenLibrary(library) && !library.system; });
  }
  if (const auto number = t_.FindLibrary(Field(ask, "drive"))) {
    const Securable object{Kind::kLibrary, *number, 0};
    if (suits(object)) return object;
    why_ = "the drive does not suit";
    return std::nullopt;
  }
  why_ = "there is no such drive";
  return std::nullopt;
}

std::optional<Securable> Mutation::PickList(const Json& ask, const Suits& suits) {
  if (!ask.contains("list")) {
    return PickIn(t_.lists(), Kind::kList, suits, [&](const GenericList& list) {
      return t_.webs()[list.web].state == SiteState::kOpen;
    });
  }
  const auto guid = ParseGuid(Field(ask, "list"));
  if (const auto number = guid ? t_.FindList(*guid) : std::nullopt) {
    const Securable object{Kind::kList, *number, 0};
    if (suits(object)) return object;
    why_ = "the list does not suit";
    return std::nullopt;
  }
  why_ = "there is no such list";
  return std::nullopt;
}

std::optional<Securable> Mutation::PickItem(const Json& ask, const Suits& suits) {
  std::optional<Securable> found;
  if (!ask.contains("item")) {
    PickLibrary(ask, [&](const Securable& at) {
      found = ScanItems(t_.libraries()[at.number], Kind::kItem, suits);
      return found.has_value();
    });
    return found;
  }
  const auto library = PickLibrary(ask, [&](const Securable& at) {
    const auto item = t_.FindItem(t_.libraries()[at.number], Field(ask, "item"));
    if (item && *item > 0) found = Securable{Kind::kItem, at.number, *item};
    return found.has_value();
  });
  if (!library) {
    why_ = "there is no such item";
  } else if (!suits(*found)) {
    why_ = "the item does not suit";
    return std::nullopt;
  }
  return found;
}

std::optional<Securable> Mutation::PickListItem(const Json& ask, const Suits& suits) {
  std::optional<Securable> found;
  PickList(ask, [&](const Securable& at) {
    const GenericList& list = t_.lists()[at.number];
    if (!ask.contains("item")) {
      found = ScanItems(list, Kind::kListItem, suits);
    } else if (ask["item"].is_number_unsigned()) {
      const Securable object{Kind::kListItem, at.number, ask["item"].get<std::uint32_t>()};
      const bool there = object.item > 0 && object.item <= list.items;
      if (there && t_.Exists(list, object.item) && suits(object)) found = object;
    }
    return found.has_value();
  });
  return found;
}

std::optional<Securable> Mutation::Pick(const Json& ask, Kind kind, const Suits& suits) {
  switch (kind) {
    case Kind::kWeb:
      return PickWeb(ask, suits);
    case Kind::kLibrary:
      return PickLibrary(ask, suits);
    case Kind::kList:
      return PickList(ask, suits);
    case Kind::kItem:
      return PickItem(ask, suits);
    case Kind::kListItem:
      break;
  }
  return PickListItem(ask, suits);
}

// A folder to put something into: never what is put, nor below it, and by choice of the seed never
// where paths would grow past their limit (graph.md 4.9).
std::optional<std::uint32_t> Mutation::PickFolder(const Json& ask, std::uint32_t number,
                                                  std::uint32_t for_item) {
  const Library& library = t_.libraries()[number];
  auto holds = [&](std::uint32_t folder) {  // whether `folder` is, or lies in, what is moved
    for (std::uint32_t at = folder; for_item > 0 && at > 0; at = t_.ParentOf(library, at)) {
      if (at == for_item) return true;
    }
    return false;
  };
  if (ask.contains("parent")) {
    const auto folder = t_.FindItem(library, Field(ask, "parent"));
    if (folder && t_.IsFolder(library, *folder) && !holds(*folder)) return folder;
    why_ = "the parent is no folder that can take it";
    return std::nullopt;
  }
  auto length = [&](std::uint32_t folder) {
    std::string path;
    t_.AppendPath(path, library, folder);
    return path.size();
  };
  const std::uint32_t parent = for_item > 0 ? t_.ParentOf(library, for_item) : 0;
  const std::size_t room = for_item > 0 ? std::max<std::size_t>(length(parent), 100) : 200;
  const auto suits = [&](const Securable& at) {
    return t_.IsFolder(library, at.item) && at.item != parent && !holds(at.item) &&
           length(at.item) <= room;
  };
  if (for_item == 0 && Chance(0.2)) return 0;
  if (const auto folder = ScanItems(library, Kind::kItem, suits)) return folder->item;
  if (parent > 0 || for_item == 0) return 0;
  return std::nullopt;
}

std::optional<std::uint32_t> Mutation::PickUser(const Json& id) {
  if (id.is_null()) return static_cast<std::uint32_t>(Next() % t_.directory().user_count());
  const auto user = id.is_string() ? t_.directory().FindUser(id.get<std::string>()) : std::nullopt;
  if (!user) why_ = "there is no such user";
  return user;
}

// {"user": id} | {"group": id} | {"group_owners": id} | {"site_group": number} | {"everyone": true}
// | {"everyone_except_external": true}
std::optional<Principal> Mutation::PickWho(const Json& ask, const Json& who) {
  using Who = Principal::Kind;
  if (!ask.contains("who") && who.is_null()) return changer_.AnyPrincipal(Next());
  const Json& named = who.is_null() ? ask["who"] : who;
  why_ = "'who' names nobody";
  if (!named.is_object()) return std::nullopt;
  if (named.contains("user")) {
    const auto user = PickUser(named["user"]);
    return user ? std::optional(Principal{Who::kUser, *user}) : std::nullopt;
  }
  for (const auto& [key, kind] :
       {std::pair{"group", Who::kGroup}, {"group_owners", Who::kGroupOwners}}) {
    if (!named.contains(key)) continue;
    const auto group = t_.directory().FindGroup(Field(named, key));
    return group ? std::optional(Principal{kind, *group}) : std::nullopt;
  }
  if (named.contains("site_group") && named["site_group"].is_number_unsigned()) {
    return Principal{Who::kSiteGroup, named["site_group"].get<std::uint32_t>()};
  }
  if (named.contains("everyone")) return Principal{Who::kEveryone, 0};
  if (named.contains("everyone_except_external")) {
    return Principal{Who::kEveryoneExceptExternal, 0};
  }
  return std::nullopt;
}

std::optional<Level> Mutation::PickLevel(const Json& ask) {
  constexpr std::size_t kCount = std::size(kLevelNames);
  if (!ask.contains("level")) return kLevelNames[Next() % kCount].second;
  for (const auto& [name, level] : kLevelNames) {
    if (ask["level"] == name) return level;
  }
  why_ = "there is no such level";
  return std::nullopt;
}

// {"scope", "type", "expires", "people": [user ids]}, each of which may be missing.
std::optional<Link> Mutation::MakeLink(const Json& ask) {
  Link link = changer_.AnyLink(Next());
  if (!ask.contains("link") || !ask["link"].is_object()) return link;
  const Json& named = ask["link"];
  if (named.contains("scope")) {
    link.scope = Field(named, "scope");
    link.group_kind = "Flexible";
    link.password = false;
    link.people.clear();
    if (link.scope == "users") link.people.push_back({Principal::Kind::kUser, *PickUser(nullptr)});
  }
  if (named.contains("type")) link.type = Field(named, "type");
  if (link.type != "view") link.no_download = false;
  if (named.contains("expires")) link.expires = Field(named, "expires");
  if (named.contains("people")) {
    link.people.clear();
    for (const Json& id : named["people"]) {
      const auto user = PickUser(id);
      if (!user) return std::nullopt;
      link.people.push_back({Principal::Kind::kUser, *user});
    }
  }
  return link;
}

std::string Mutation::GrantId(const Securable& object, const Acl& acl, const Entry& entry) const {
  if (entry.who.kind == Principal::Kind::kLink) return acl.links[entry.who.number].id;
  return Base64Url(FaceOf(t_, WebOf(object), entry.who).login);
}

// The entry whose id, as the truth has it, is "grant"; else one that was not copied.
std::optional<std::size_t> Mutation::PickEntry(const Json& ask, const Securable& object,
                                               bool links_only) {
  const Acl acl = changer_.AclOf(object);
  std::vector<std::size_t> suiting;
  for (std::size_t i = 0; i < acl.entries.size(); ++i) {
    const Entry& entry = acl.entries[i];
    const bool link = entry.who.kind == Principal::Kind::kLink;
    if (links_only && !link) continue;
    if (ask.contains("grant") ? ask["grant"] == GrantId(object, acl, entry)
                              : !entry.copied && (i > 0 || object.kind == Kind::kItem)) {
      suiting.push_back(i);
    }
  }
  why_ = "there is no such grant";
  if (suiting.empty()) return std::nullopt;
  return suiting[Next() % suiting.size()];
}

}  // namespace spa::sim
