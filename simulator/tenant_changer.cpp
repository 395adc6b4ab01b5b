#include "simulator/tenant_changer.h"

#include <algorithm>

#include "simulator/http.h"
#include "simulator/principals.h"
#include "simulator/tenant_builder.h"

namespace spa {

using namespace sim;

namespace {

using What = LoggedChange::What;

template <class Container>
ItemChange& ChangeIn(Container& container, std::uint32_t item) {
  if (!container.changes) container.changes = std::make_unique<ContainerChanges>();
  return container.changes->items[item];
}

template <class Owner>
void KeepBuilt(Owner& owner) {
  if (!owner.built) owner.built = Scope{owner.unique, owner.acl};
}

}  // namespace

void TenantChanger::Begin() {
  const std::string now = TimeStamp();
  if (t_.times_.empty() || t_.times_.back().first != now) {
    t_.times_.emplace_back(now, t_.position_);
  }
  ++t_.position_;
}

ItemChange& TenantChanger::Touch(std::uint32_t library, std::uint32_t item) {
  return ChangeIn(t_.libraries_[library], item);
}

ItemChange& TenantChanger::TouchListItem(std::uint32_t list, std::uint32_t item) {
  return ChangeIn(t_.lists_[list], item);
}

void TenantChanger::Log(std::uint32_t library, std::uint32_t item, What what) {
  auto& changes = t_.libraries_[library].changes;
  if (!changes) changes = std::make_unique<ContainerChanges>();
  changes->log.push_back({++t_.position_, item, what});
}

std::uint32_t TenantChanger::AddItem(std::uint32_t library, std::uint32_t parent, bool folder,
                                     std::string name) {
  const std::uint32_t item = ++t_.libraries_[library].items;
  ItemChange& change = Touch(library, item);
  change.added = true;
  change.folder = folder;
  change.parent = parent;
  change.name = std::move(name);
  change.edited = t_.position_;
  Log(library, item, What::kItem);
  return item;
}

bool TenantChanger::IsBelow(std::uint32_t library, std::uint32_t item, std::uint32_t folder) const {
  while (item > 0 && item != folder) item = t_.ParentOf(t_.libraries_[library], item);
  return item == folder;
}

std::uint32_t TenantChanger::Delete(std::uint32_t library, std::uint32_t item) {
  std::vector<std::uint32_t> gone;
  const Library& from = t_.libraries_[library];
  if (t_.IsFolder(from, item)) {
    for (std::uint32_t each = 1; each <= from.items; ++each) {
      if (each != item && t_.Exists(from, each) && IsBelow(library, each, item)) {
        gone.push_back(each);
      }
    }
  }
  for (const std::uint32_t each : gone) {
    Touch(library, each).deleted = true;
    Log(library, each, What::kDeletedBelow);
  }
  Touch(library, item).deleted = true;
  Log(library, item, What::kDeleted);
  const auto count = static_cast<std::uint32_t>(gone.size() + 1);
  t_.libraries_[library].changes->deleted += count;
  return count;
}

void TenantChanger::Rename(std::uint32_t library, std::uint32_t item, std::string name) {
  ItemChange& change = Touch(library, item);
  change.name = std::move(name);
  ++change.version;
  Log(library, item, What::kItem);
}

void TenantChanger::Move(std::uint32_t library, std::uint32_t item, std::uint32_t parent) {
  ItemChange& change = Touch(library, item);
  change.parent = parent;
  ++change.version;
  Log(library, item, What::kItem);
}

void TenantChanger::Edit(std::uint32_t library, std::uint32_t item) {
  ItemChange& change = Touch(library, item);
  ++change.version;
  change.edited = t_.position_;
  Log(library, item, What::kItem);
}

std::uint32_t TenantChanger::AddListItem(std::uint32_t list) {
  const std::uint32_t item = ++t_.lists_[list].items;
  TouchListItem(list, item).added = true;
  return item;
}

void TenantChanger::DeleteListItem(std::uint32_t list, std::uint32_t item) {
  TouchListItem(list, item).deleted = true;
  ++t_.lists_[list].changes->deleted;
}

bool TenantChanger::Owns(const Securable& object) const {
  switch (object.kind) {
    case Securable::Kind::kWeb:
      return t_.webs_[object.number].unique;
    case Securable::Kind::kLibrary:
      return t_.libraries_[object.number].unique;
    case Securable::Kind::kList:
      return t_.lists_[object.number].unique;
    case Securable::Kind::kItem:
      return t_.OwnsScope(t_.libraries_[object.number], object.item);
    case Securable::Kind::kListItem:
      return t_.ListItemOwnsScope(t_.lists_[object.number], object.item);
  }
  return false;
}

Acl TenantChanger::AclOf(const Securable& object) const {
  switch (object.kind) {
    case Securable::Kind::kWeb:
      return t_.ScopeWeb(t_.webs_[object.number]).acl;
    case Securable::Kind::kLibrary:
      return t_.LibraryAcl(t_.libraries_[object.number]);
    case Securable::Kind::kList:
      return t_.ListAcl(t_.lists_[object.number]);
    case Securable::Kind::kItem:
      return t_.EffectiveAcl(t_.libraries_[object.number], object.item);
    case Securable::Kind::kListItem:
      return t_.ListItemAcl(t_.lists_[object.number], object.item);
  }
  return Acl();
}

TenantChanger::OwnScope TenantChanger::Own(const Securable& object) {
  auto kept = [](auto& owner) {
    KeepBuilt(owner);
    return OwnScope{owner.unique, owner.acl};
  };
  if (object.kind == Securable::Kind::kWeb) return kept(t_.webs_[object.number]);
  if (object.kind == Securable::Kind::kLibrary) return kept(t_.libraries_[object.number]);
  if (object.kind == Securable::Kind::kList) return kept(t_.lists_[object.number]);
  Scope now;
  now.unique = Owns(object);
  if (now.unique) now.acl = AclOf(object);
  const bool in_library = object.kind == Securable::Kind::kItem;
  if (in_library) {  // Numbers must not follow from places any more: a link before may go.
    const Library& library = t_.libraries_[object.number];
    for (std::uint32_t i = 0; i < now.acl.links.size(); ++i) {
      Link& link = now.acl.links[i];
      link.group_number = LinkGroupNumber(t_, library, object.item, i, link);
    }
  }
  ItemChange& change =
      in_library ? Touch(object.number, object.item) : TouchListItem(object.number, object.item);
  if (!change.scope) change.scope = std::move(now);
  return {change.scope->unique, change.scope->acl};
}

// What the library's log has to say of a change of permissions; those of webs and lists are in
// none.
void TenantChanger::Tell(const Securable& object, What what) {
  if (object.kind == Securable::Kind::kLibrary) Log(object.number, 0, What::kLibraryScope);
  if (object.kind == Securable::Kind::kItem) Log(object.number, object.item, what);
}

void TenantChanger::Break(const Securable& object) {
  Acl above = AclOf(object);
  auto [unique, acl] = Own(object);
  unique = true;
  acl = Acl();
  for (Entry& entry : above.entries) {
    if (entry.who.kind == Principal::Kind::kLink) continue;
    entry.copied = true;
    acl.entries.push_back(std::move(entry));
  }
  Tell(object, What::kShared);
}

void TenantChanger::Inherit(const Securable& object) {
  auto [unique, acl] = Own(object);
  unique = false;
  acl = Acl();
  Tell(object, What::kUnshared);
}

void TenantChanger::Grant(const Securable& object, const Principal& who, Level level) {
  Acl& acl = Own(object).acl;
  const auto found = std::find_if(acl.entries.begin(), acl.entries.end(),
                                  [&](const Entry& entry) { return entry.who == who; });
  if (object.kind == Securable::Kind::kWeb) {  // One row for each principal.
    std::erase_if(t_.webs_[object.number].plumbing,
                  [&](const Entry& entry) { return entry.who == who; });
  }
  if (found == acl.entries.end()) {
    acl.entries.push_back({who, {level}, false});
  } else {
    *found = {who, {level}, false};
  }
  Tell(object, What::kShared);
}

void TenantChanger::Ungrant(const Securable& object, std::size_t entry) {
  Acl& acl = Own(object).acl;
  const Principal who = acl.entries[entry].who;
  acl.entries.erase(acl.entries.begin() + static_cast<std::ptrdiff_t>(entry));
  if (who.kind == Principal::Kind::kLink) {
    acl.links.erase(acl.links.begin() + who.number);
    for (Entry& each : acl.entries) {
      if (each.who.kind == Principal::Kind::kLink && each.who.number > who.number) {
        --each.who.number;
      }
    }
  }
  Tell(object, What::kUnshared);
}

void TenantChanger::AddLink(const Securable& item, Link link) {
  Acl& acl = Own(item).acl;
  link.group_number = kFirstGivenLinkGroup + static_cast<std::uint32_t>(t_.link_groups_.size());
  t_.link_groups_.emplace(link.group_number, FoundItem{item.number, item.item});
  const Level level = link.type == "edit" ? Level::kContribute : Level::kRead;
  acl.entries.push_back(
      {{Principal::Kind::kLink, static_cast<std::uint32_t>(acl.links.size())}, {level}, false});
  acl.links.push_back(std::move(link));
  Tell(item, What::kShared);
}

void TenantChanger::AddLinkPerson(const Securable& item, std::size_t link, const Principal& who) {
  Own(item).acl.links[link].people.push_back(who);
  Tell(item, What::kLinkEdited);
}

void TenantChanger::SetLinkExpiry(const Securable& item, std::size_t link, std::string expires) {
  Own(item).acl.links[link].expires = std::move(expires);
  Tell(item, What::kLinkEdited);
}

std::uint32_t TenantChanger::AddSite(std::uint32_t items) {
  return TenantBuilder(t_).AddSiteLater(items);
}

void TenantChanger::DeleteWeb(std::uint32_t web) {
  t_.webs_[web].state = SiteState::kDeleted;
  for (const std::uint32_t child : t_.webs_[web].children) DeleteWeb(child);
}

void TenantChanger::RenameWeb(std::uint32_t web, std::string title) {
  t_.webs_[web].title = std::move(title);
}

std::uint32_t TenantChanger::AddLibrary(std::uint32_t web, std::uint32_t items) {
  return TenantBuilder(t_).AddLibraryLater(web, items);
}

void TenantChanger::DeleteLibrary(std::uint32_t number) {
  Library& library = t_.libraries_[number];
  library.deleted = true;
  std::erase(t_.webs_[library.web].libraries, number);
  t_.library_by_drive_.erase(library.drive_id);
  t_.library_by_list_.erase(Text(library.list_id));
}

void TenantChanger::RenameLibrary(std::uint32_t library, std::string title) {
  t_.libraries_[library].title = std::move(title);
}

bool TenantChanger::AddMember(std::uint32_t group, std::uint32_t user) {
  return t_.directory_.AddMember(group, user);
}

bool TenantChanger::RemoveMember(std::uint32_t group, std::uint32_t user) {
  return t_.directory_.RemoveMember(group, user);
}

bool TenantChanger::AddSiteMember(std::uint32_t web, std::uint32_t group, const Principal& who) {
  for (SiteGroup& each : t_.webs_[t_.webs_[web].collection].groups) {
    if (each.id != group) continue;
    if (std::find(each.members.begin(), each.members.end(), who) != each.members.end()) {
      return false;
    }
    each.members.push_back(who);
    return true;
  }
  return false;
}

bool TenantChanger::RemoveSiteMember(std::uint32_t web, std::uint32_t group, const Principal& who) {
  for (SiteGroup& each : t_.webs_[t_.webs_[web].collection].groups) {
    if (each.id == group) return std::erase(each.members, who) > 0;
  }
  return false;
}

}  // namespace spa
