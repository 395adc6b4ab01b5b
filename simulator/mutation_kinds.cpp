#include <fmt/format.h>

#include <algorithm>

#include "simulator/mutation.h"
#include "simulator/principals.h"

namespace spa::sim {
namespace {

std::string_view EndingOf(std::string_view name) {
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos ? "" : name.substr(dot);
}

bool Any(const Securable&) { return true; }

}  // namespace

bool Mutation::AddFile(const Json& ask, Kind) { return AddItem(ask, false); }
bool Mutation::AddFolder(const Json& ask, Kind) { return AddItem(ask, true); }

bool Mutation::AddItem(const Json& ask, bool folder) {
  const auto library = PickLibrary(ask, Any);
  if (!library) return false;
  const auto parent = PickFolder(ask, library->number, 0);
  if (!parent) return false;
  const std::uint32_t number = t_.libraries()[library->number].items + 1;
  std::string name = Field(ask, "name");
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
  std::string name = Field(ask, "name");
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
  std::string expires = Field(ask, "expires");
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
  const std::uint32_t library = changer_.AddLibrary(web->number, Number(ask, "items", 12));
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
  std::string title = Field(ask, "title");
  if (title.empty()) title = fmt::format("{} {}", FolderWord(Next()), t_.position());
  done_["title"] = title;
  changer_.RenameLibrary(library->number, std::move(title));
  Tell(*library);
  return true;
}

bool Mutation::AddSite(const Json& ask, Kind) {
  const std::uint32_t web = changer_.AddSite(Number(ask, "items", 12));
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
  std::string title = Field(ask, "title");
  if (title.empty()) title = fmt::format("{} {}", SiteWord(Next()), t_.position());
  done_["title"] = title;
  changer_.RenameWeb(web->number, std::move(title));
  Tell(*web);
  return true;
}

bool Mutation::AddMember(const Json& ask, Kind) { return ChangeMember(ask, true); }
bool Mutation::RemoveMember(const Json& ask, Kind) { return ChangeMember(ask, false); }

bool Mutation::ChangeMember(const Json& ask, bool add) {
  const Directory& directory = t_.directory();
  if (directory.groups().empty()) return No("there are no groups");
  for (int tries = 0; tries < 50; ++tries) {
    std::optional<std::uint32_t> group;
    if (ask.contains("group")) {
      group = directory.FindGroup(Field(ask, "group"));
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

bool Mutation::AddSiteMember(const Json& ask, Kind) { return ChangeSiteMember(ask, true); }
bool Mutation::RemoveSiteMember(const Json& ask, Kind) { return ChangeSiteMember(ask, false); }

bool Mutation::ChangeSiteMember(const Json& ask, bool add) {
  for (int tries = 0; tries < 50; ++tries) {
    const auto web = PickWeb(ask, [&](const Securable& at) {
      return !t_.webs()[t_.webs()[at.number].collection].groups.empty();
    });
    if (!web) return false;
    const auto& groups = t_.webs()[t_.webs()[web->number].collection].groups;
    std::uint32_t number = groups[Next() % groups.size()].id;
    if (ask.contains("site_group")) number = Number(ask, "site_group", 0);
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
