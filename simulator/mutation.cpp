#include "simulator/mutation.h"

#include <fmt/format.h>

#include <algorithm>

#include "simulator/principals.h"

namespace spa::sim {
namespace {

using nlohmann::json;

constexpr std::pair<std::string_view, Level> kLevelNames[] = {
    {"read", Level::kRead},
    {"contribute", Level::kContribute},
    {"edit", Level::kEdit},
    {"design", Level::kDesign},
    {"full_control", Level::kFullControl},
    {"restricted_view", Level::kRestrictedView}};

std::string TextOf(const json& ask, const char* key) {
  return ask.contains(key) && ask[key].is_string() ? ask[key].get<std::string>() : std::string();
}

std::string_view EndingOf(std::string_view name) {
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos ? "" : name.substr(dot);
}

bool Any(const Securable&) { return true; }

}  // namespace

struct Mutation::Row {
  std::string_view name;
  int weight;  // among random changes
  bool (Mutation::*change)(const Json& ask, Kind kind);
  Kind kind = Kind::kItem;
};

const Mutation::Row Mutation::kRows[] = {
    {"file.add", 12, &Mutation::AddItem, Kind::kItem},
    {"folder.add", 5, &Mutation::AddItem, Kind::kLibrary},
    {"item.delete", 8, &Mutation::DeleteItem},
    {"item.rename", 10, &Mutation::RenameItem},
    {"item.move", 8, &Mutation::MoveItem},
    {"item.edit", 15, &Mutation::EditItem},
    {"item.share", 12, &Mutation::Share},
    {"item.unshare", 7, &Mutation::Ungrant, Kind::kItem},
    {"item.grant", 5, &Mutation::Grant, Kind::kItem},
    {"item.break", 4, &Mutation::Break, Kind::kItem},
    {"item.inherit", 5, &Mutation::Inherit, Kind::kItem},
    {"link.people", 3, &Mutation::LinkPeople},
    {"link.expiry", 3, &Mutation::LinkExpiry},
    {"library.add", 1, &Mutation::AddLibrary},
    {"library.delete", 1, &Mutation::DeleteLibrary},
    {"library.rename", 1, &Mutation::RenameLibrary},
    {"library.grant", 2, &Mutation::Grant, Kind::kLibrary},
    {"library.ungrant", 1, &Mutation::Ungrant, Kind::kLibrary},
    {"library.break", 1, &Mutation::Break, Kind::kLibrary},
    {"library.inherit", 1, &Mutation::Inherit, Kind::kLibrary},
    {"list.grant", 1, &Mutation::Grant, Kind::kList},
    {"list.ungrant", 1, &Mutation::Ungrant, Kind::kList},
    {"list.break", 1, &Mutation::Break, Kind::kList},
    {"list.inherit", 1, &Mutation::Inherit, Kind::kList},
    {"listitem.add", 2, &Mutation::AddListItem},
    {"listitem.delete", 2, &Mutation::DeleteListItem},
    {"listitem.grant", 1, &Mutation::Grant, Kind::kListItem},
    {"listitem.ungrant", 1, &Mutation::Ungrant, Kind::kListItem},
    {"listitem.break", 2, &Mutation::Break, Kind::kListItem},
    {"listitem.inherit", 1, &Mutation::Inherit, Kind::kListItem},
    {"web.grant", 2, &Mutation::Grant, Kind::kWeb},
    {"web.ungrant", 1, &Mutation::Ungrant, Kind::kWeb},
    {"web.break", 1, &Mutation::Break, Kind::kWeb},
    {"web.inherit", 1, &Mutation::Inherit, Kind::kWeb},
    {"site.add", 1, &Mutation::AddSite},
    {"site.delete", 1, &Mutation::DeleteSite},
    {"site.rename", 1, &Mutation::RenameSite},
    {"group.add_member", 3, &Mutation::ChangeMember, Kind::kItem},
    {"group.remove_member", 3, &Mutation::ChangeMember, Kind::kLibrary},
    {"sitegroup.add_member", 3, &Mutation::ChangeSiteMember, Kind::kItem},
    {"sitegroup.remove_member", 3, &Mutation::ChangeSiteMember, Kind::kLibrary},
};

Result<std::string> Mutation::Apply(std::string_view body) {
  const Json ask = Json::parse(body, nullptr, false);
  const bool random = ask.is_object() && ask.contains("count");
  if (!ask.is_object() || (random && !ask["count"].is_number_unsigned()) ||
      (!random && !(ask.contains("changes") && ask["changes"].is_array())) ||
      (ask.contains("seed") && !ask["seed"].is_number_unsigned())) {
    return Fail(ErrorCode::kUsage, "neither {\"seed\", \"count\"} nor {\"changes\": [...]}");
  }
  seed_ = Hash(t_.spec().seed, ask.value("seed", std::uint64_t{1}), t_.position());
  const auto find = [](const Json& name) -> const Row* {
    const auto found = std::find_if(std::begin(kRows), std::end(kRows),
                                    [&](const Row& row) { return name == row.name; });
    return found == std::end(kRows) ? nullptr : found;
  };
  Json changes = Json::array();
  auto refused = [&](std::string_view kind) {
    return Fail(ErrorCode::kUsage, fmt::format("change {} '{}': {}", changes.size(), kind, why_));
  };
  if (!random) {
    for (const Json& each : ask["changes"]) {
      const std::string kind = each.is_object() ? TextOf(each, "kind") : "";
      const Row* row = find(kind);
      if (!row) why_ = "there is no such kind";
      if (!row || !DoOne(*row, each)) return refused(kind);
      changes.push_back(std::move(done_));
    }
  } else {
    std::vector<const Row*> bag;
    if (ask.contains("kinds")) {
      for (const Json& name : ask["kinds"]) {
        const Row* row = find(name);
        if (!row) why_ = "there is no such kind";
        if (!row) return refused(name.dump());
        bag.push_back(row);
      }
    } else {
      for (const Row& row : kRows)
        bag.insert(bag.end(), static_cast<std::size_t>(row.weight), &row);
    }
    const auto count = ask["count"].get<std::uint64_t>();
    int failures = 0;  // Some kinds have nothing left to be done to.
    while (changes.size() < count) {
      const Row& row = *bag[Next() % bag.size()];
      if (DoOne(row, Json::object())) {
        changes.push_back(std::move(done_));
        failures = 0;
      } else if (++failures > 200) {
        return refused(row.name);
      }
    }
  }
  return Json{{"position", t_.position()}, {"changes", std::move(changes)}}.dump();
}

bool Mutation::DoOne(const Row& row, const Json& ask) {
  changer_.Begin();
  done_ = Json{{"kind", row.name}};
  return (this->*row.change)(ask, row.kind);
}

bool Mutation::No(std::string why) {
  why_ = std::move(why);
  return false;
}

const Web& Mutation::WebOf(const Securable& object) const {
  switch (object.kind) {
    case Kind::kWeb:
      return t_.webs()[object.number];
    case Kind::kLibrary:
    case Kind::kItem:
      return t_.webs()[t_.libraries()[object.number].web];
    case Kind::kList:
    case Kind::kListItem:
      break;
  }
  return t_.webs()[t_.lists()[object.number].web];
}

// The ids the services and the truth know the object by.
void Mutation::Tell(const Securable& object) {
  done_["site"] = WebOf(object).id;
  std::string id = WebOf(object).id;
  if (object.kind == Kind::kLibrary || object.kind == Kind::kItem) {
    const Library& library = t_.libraries()[object.number];
    done_["drive"] = library.drive_id;
    id = t_.ItemId(library, object.item);
    if (object.kind == Kind::kItem) {
      done_["item"] = id;
      done_["folder"] = t_.IsFolder(library, object.item);
      done_["parent"] = t_.ItemId(library, t_.ParentOf(library, object.item));
      std::string name;
      t_.AppendName(name, library, object.item);
      done_["name"] = name;
    }
  } else if (object.kind != Kind::kWeb) {
    id = Text(t_.lists()[object.number].list_id);
    done_["list"] = id;
    if (object.kind == Kind::kListItem) {
      done_["item"] = object.item;
      id += fmt::format("/{}", object.item);
    }
  }
  done_["object_id"] = id;
}

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
  const auto number = t_.FindWeb(TextOf(ask, "site"));
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
  if (const auto number = t_.FindLibrary(TextOf(ask, "drive"))) {
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
  const auto guid = ParseGuid(TextOf(ask, "list"));
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
    const auto item = t_.FindItem(t_.libraries()[at.number], TextOf(ask, "item"));
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
    const auto folder = t_.FindItem(library, TextOf(ask, "parent"));
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
    const auto group = t_.directory().FindGroup(TextOf(named, key));
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
    link.scope = TextOf(named, "scope");
    link.group_kind = "Flexible";
    link.password = false;
    link.people.clear();
    if (link.scope == "users") link.people.push_back({Principal::Kind::kUser, *PickUser(nullptr)});
  }
  if (named.contains("type")) link.type = TextOf(named, "type");
  if (link.type != "view") link.no_download = false;
  if (named.contains("expires")) link.expires = TextOf(named, "expires");
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

bool Mutation::AddItem(const Json& ask, Kind kind) {
  const bool folder = kind == Kind::kLibrary;
  const auto library = PickLibrary(ask, Any);
  if (!library) return false;
  const auto parent = PickFolder(ask, library->number, 0);
  if (!parent) return false;
  const std::uint32_t number = t_.libraries()[library->number].items + 1;
  std::string name = TextOf(ask, "name");
  if (name.empty()) {
    const std::uint64_t hash = Next();
    name = folder ? fmt::format("{} {}", FolderWord(hash), number)
                  : fmt::format("{} {}{}", FileWord(hash), number, FileEnding(hash >> 20));
  }
  const std::uint32_t item = changer_.AddItem(library->number, *parent, folder, std::move(name));
  Tell({Kind::kItem, library->number, item});
  return true;
}

bool Mutation::DeleteItem(const Json& ask, Kind) {
  // By choice of the seed mostly files, and no folder that holds most of its library.
  const auto item = PickItem(ask, [&](const Securable& at) {
    if (ask.contains("item")) return true;
    const Library& library = t_.libraries()[at.number];
    return !t_.IsFolder(library, at.item) || (t_.ParentOf(library, at.item) > 0 && Chance(0.3));
  });
  if (!item) return false;
  Tell(*item);
  done_["deleted"] = changer_.Delete(item->number, item->item);
  return true;
}

bool Mutation::RenameItem(const Json& ask, Kind) {
  const auto item = PickItem(ask, Any);
  if (!item) return false;
  std::string name = TextOf(ask, "name");
  const Library& library = t_.libraries()[item->number];
  if (name.empty()) {
    std::string old;
    t_.AppendName(old, library, item->item);
    const bool folder = t_.IsFolder(library, item->item);
    name = fmt::format("renamed {} {}{}", t_.position(), item->item, folder ? "" : EndingOf(old));
  }
  changer_.Rename(item->number, item->item, std::move(name));
  Tell(*item);
  return true;
}

bool Mutation::MoveItem(const Json& ask, Kind) {
  std::optional<std::uint32_t> parent;
  const auto item = PickItem(ask, [&](const Securable& at) {
    if (!ask.contains("item") && ask.contains("parent")) return false;
    parent = PickFolder(ask, at.number, at.item);
    return parent.has_value();
  });
  if (!item) return false;
  changer_.Move(item->number, item->item, *parent);
  Tell(*item);
  return true;
}

bool Mutation::EditItem(const Json& ask, Kind) {
  const auto item = PickItem(
      ask, [&](const Securable& at) { return !t_.IsFolder(t_.libraries()[at.number], at.item); });
  if (!item) return false;
  changer_.Edit(item->number, item->item);
  Tell(*item);
  return true;
}

bool Mutation::Share(const Json& ask, Kind) {
  const auto item = PickItem(ask, Any);
  if (!item) return false;
  const bool direct = ask.contains("who") || (!ask.contains("link") && Chance(0.3));
  const auto link = direct ? std::nullopt : MakeLink(ask);
  const auto who = direct ? PickWho(ask, nullptr) : std::nullopt;
  const auto level = direct ? PickLevel(ask) : std::nullopt;
  if (direct ? !who || !level : !link) return false;
  const bool breaks = !changer_.Owns(*item);
  if (breaks) changer_.Break(*item);
  if (direct) {
    changer_.Grant(*item, *who, *level);
    done_["grant"] = Base64Url(FaceOf(t_, WebOf(*item), *who).login);
  } else {
    changer_.AddLink(*item, *link);
    done_["grant"] = link->id;
    done_["link"] = {{"scope", link->scope}, {"type", link->type}};
  }
  done_["broke_inheritance"] = breaks;
  Tell(*item);
  return true;
}

bool Mutation::Grant(const Json& ask, Kind kind) {
  const auto object = Pick(ask, kind, [&](const Securable& at) { return changer_.Owns(at); });
  if (!object) return false;
  const auto who = PickWho(ask, nullptr);
  const auto level = PickLevel(ask);
  if (!who || !level) return false;
  changer_.Grant(*object, *who, *level);
  done_["grant"] = Base64Url(FaceOf(t_, WebOf(*object), *who).login);
  Tell(*object);
  return true;
}

bool Mutation::Ungrant(const Json& ask, Kind kind) {
  std::optional<std::size_t> entry;
  const auto object = Pick(ask, kind, [&](const Securable& at) {
    if (changer_.Owns(at)) entry = PickEntry(ask, at, false);
    return entry.has_value();
  });
  if (!object) return false;
  const Acl acl = changer_.AclOf(*object);
  done_["grant"] = GrantId(*object, acl, acl.entries[*entry]);
  changer_.Ungrant(*object, *entry);
  Tell(*object);
  return true;
}

bool Mutation::Break(const Json& ask, Kind kind) {
  const auto object = Pick(ask, kind, [&](const Securable& at) { return !changer_.Owns(at); });
  if (!object) return false;
  changer_.Break(*object);
  // Mostly to lock it down: what was copied goes, but for the first.
  const bool lock = ask.contains("lock") ? ask["lock"] == true : Chance(0.7);
  if (lock) {
    while (changer_.AclOf(*object).entries.size() > 1) changer_.Ungrant(*object, 1);
  }
  done_["locked"] = lock;
  Tell(*object);
  return true;
}

bool Mutation::Inherit(const Json& ask, Kind kind) {
  const auto object = Pick(ask, kind, [&](const Securable& at) {
    const bool root = kind == Kind::kWeb && t_.webs()[at.number].parent < 0;
    return !root && changer_.Owns(at);
  });
  if (!object) return false;
  changer_.Inherit(*object);
  Tell(*object);
  return true;
}

bool Mutation::LinkPeople(const Json& ask, Kind) {
  std::optional<std::uint32_t> link;
  std::optional<Principal> who;
  const auto item = PickItem(ask, [&](const Securable& at) {
    const Library& library = t_.libraries()[at.number];
    if (t_.KindOf(library, at.item) != ScopeKind::kLinks) return false;
    const Acl acl = t_.OwnAcl(library, at.item);
    for (std::uint32_t i = 0; i < acl.links.size() && !link; ++i) {
      const bool named = !ask.contains("grant") || ask["grant"] == acl.links[i].id;
      if (acl.links[i].scope == "users" && named) link = i;
    }
    if (!link) return false;
    const auto& people = acl.links[*link].people;
    for (int tries = 0; tries < 20 && !who; ++tries) {
      const auto user = PickUser(ask.contains("user") ? ask["user"] : Json());
      if (!user) return false;
      who = Principal{Principal::Kind::kUser, *user};
      if (std::find(people.begin(), people.end(), *who) != people.end()) who.reset();
    }
    return who.has_value();
  });
  if (!item) return false;
  done_["grant"] = t_.OwnAcl(t_.libraries()[item->number], item->item).links[*link].id;
  done_["user"] = t_.directory().UserAt(who->number).id;
  changer_.AddLinkPerson(*item, *link, *who);
  Tell(*item);
  return true;
}

bool Mutation::LinkExpiry(const Json& ask, Kind) {
  std::optional<std::size_t> entry;
  const auto item = PickItem(ask, [&](const Securable& at) {
    if (t_.KindOf(t_.libraries()[at.number], at.item) == ScopeKind::kLinks) {
      entry = PickEntry(ask, at, true);
    }
    return entry.has_value();
  });
  if (!item) return false;
  std::string expires = TextOf(ask, "expires");
  if (!ask.contains("expires")) expires = fmt::format("2032-{:02}-02T10:00:00Z", 1 + Next() % 12);
  const Acl acl = t_.OwnAcl(t_.libraries()[item->number], item->item);
  const std::uint32_t link = acl.entries[*entry].who.number;
  done_["grant"] = acl.links[link].id;
  done_["expires"] = expires;
  changer_.SetLinkExpiry(*item, link, std::move(expires));
  Tell(*item);
  return true;
}

bool Mutation::AddListItem(const Json& ask, Kind) {
  const auto list = PickList(ask, Any);
  if (!list) return false;
  Tell({Kind::kListItem, list->number, changer_.AddListItem(list->number)});
  return true;
}

bool Mutation::DeleteListItem(const Json& ask, Kind) {
  const auto item = PickListItem(ask, Any);
  if (!item) return false;
  Tell(*item);
  changer_.DeleteListItem(item->number, item->item);
  return true;
}

bool Mutation::AddLibrary(const Json& ask, Kind) {
  const auto web =
      PickWeb(ask, [&](const Securable& at) { return !t_.webs()[at.number].personal; });
  if (!web) return false;
  const std::uint32_t library = changer_.AddLibrary(web->number, ask.value("items", 12u));
  Tell({Kind::kLibrary, library, 0});
  done_["title"] = t_.libraries()[library].title;
  return true;
}

bool Mutation::DeleteLibrary(const Json& ask, Kind) {
  // By choice of the seed never a site's first one.
  const auto library = PickLibrary(ask, [&](const Securable& at) {
    return ask.contains("drive") || WebOf(at).libraries.front() != at.number;
  });
  if (!library) return false;
  Tell(*library);
  changer_.DeleteLibrary(library->number);
  return true;
}

bool Mutation::RenameLibrary(const Json& ask, Kind) {
  const auto library = PickLibrary(ask, Any);
  if (!library) return false;
  std::string title = TextOf(ask, "title");
  if (title.empty()) title = fmt::format("{} {}", FolderWord(Next()), t_.position());
  done_["title"] = title;
  changer_.RenameLibrary(library->number, std::move(title));
  Tell(*library);
  return true;
}

bool Mutation::AddSite(const Json& ask, Kind) {
  const std::uint32_t web = changer_.AddSite(ask.value("items", 12u));
  Tell({Kind::kWeb, web, 0});
  done_["title"] = t_.webs()[web].title;
  return true;
}

bool Mutation::DeleteSite(const Json& ask, Kind) {
  const auto open = std::count_if(t_.webs().begin(), t_.webs().end(), [](const Web& web) {
    return web.state == SiteState::kOpen && web.parent < 0;
  });
  // By choice of the seed neither the root site nor one of the last three.
  const auto web = PickWeb(ask, [&](const Securable& at) {
    return at.number > 0 && (ask.contains("site") || open > 3);
  });
  if (!web) return false;
  Tell(*web);
  changer_.DeleteWeb(web->number);
  return true;
}

bool Mutation::RenameSite(const Json& ask, Kind) {
  const auto web = PickWeb(ask, Any);
  if (!web) return false;
  std::string title = TextOf(ask, "title");
  if (title.empty()) title = fmt::format("{} {}", SiteWord(Next()), t_.position());
  done_["title"] = title;
  changer_.RenameWeb(web->number, std::move(title));
  Tell(*web);
  return true;
}

bool Mutation::ChangeMember(const Json& ask, Kind kind) {
  const Directory& directory = t_.directory();
  if (directory.groups().empty()) return No("there are no groups");
  const bool add = kind == Kind::kItem;
  for (int tries = 0; tries < 50; ++tries) {
    std::optional<std::uint32_t> group;
    if (ask.contains("group")) {
      group = directory.FindGroup(TextOf(ask, "group"));
    } else {
      group = static_cast<std::uint32_t>(Next() % directory.groups().size());
    }
    if (!group || directory.groups()[*group].deleted) {
      if (ask.contains("group")) return No("there is no such group");
      continue;
    }
    auto user = PickUser(ask.contains("user") ? ask["user"] : Json());
    if (!user) return false;
    const auto members = directory.Members(*group).users;
    if (!add && !ask.contains("user") && !members.empty()) {
      user = members[Next() % members.size()];
    }
    if (!(add ? changer_.AddMember(*group, *user) : changer_.RemoveMember(*group, *user))) continue;
    done_["group"] = directory.groups()[*group].id;
    done_["user"] = directory.UserAt(*user).id;
    return true;
  }
  return No(add ? "it is a member already" : "it is no member");
}

bool Mutation::ChangeSiteMember(const Json& ask, Kind kind) {
  const bool add = kind == Kind::kItem;
  for (int tries = 0; tries < 50; ++tries) {
    const auto web = PickWeb(ask, [&](const Securable& at) {
      return !t_.webs()[t_.webs()[at.number].collection].groups.empty();
    });
    if (!web) return false;
    const auto& groups = t_.webs()[t_.webs()[web->number].collection].groups;
    std::uint32_t number = groups[Next() % groups.size()].id;
    if (ask.contains("site_group")) number = ask.value("site_group", 0u);
    auto who = PickWho(ask, nullptr);
    if (!who) return false;
    for (const SiteGroup& group : groups) {
      if (group.id != number || add || ask.contains("who") || group.members.empty()) continue;
      who = group.members[Next() % group.members.size()];
    }
    if (!(add ? changer_.AddSiteMember(web->number, number, *who)
              : changer_.RemoveSiteMember(web->number, number, *who))) {
      continue;
    }
    Tell(*web);
    done_["site_group"] = number;
    done_["who"] = FaceOf(t_, t_.webs()[web->number], *who).login;
    return true;
  }
  return No(add ? "it is a member already, or there is no such group" : "it is no member");
}

}  // namespace spa::sim
