// SimulatedTenant: the true tenant behind the simulated services.
//
// The access model is SharePoint's own (permissions.md 0): a web, a library or list, and an item
// either inherit or own a scope, a scope is a set of entries (principal -> level), and nothing is
// inherited past a break. Sharing links are entries of the item's own scope.
//
// Items are computed, not stored: item i of a library is a pure function of seed, library and i, so
// a million items cost no memory. Item 0 is the drive root. An item's parent is found in O(1), its
// scope and path in O(depth).
//
// The computed tenant never changes; what happens to it later (tenant_changer.h) lies above it, one
// record per object touched. Scopes are computed from the tenant as it was built, so that a scope
// below never follows a change above.
//
// Threads: any may ask while nobody changes it; Service takes care of that for all it serves.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "simulator/acl.h"
#include "simulator/changes.h"
#include "simulator/directory.h"
#include "simulator/ids.h"
#include "simulator/tenant_spec.h"
#include "simulator/words.h"

namespace spa::sim {

enum class SiteState : std::uint8_t { kOpen, kLocked, kArchived, kForbidden, kMissing, kDeleted };
std::string_view Name(SiteState state);

struct SiteGroup {
  std::uint32_t id = 0;
  std::string title;
  std::string owner_title;
  std::string description;
  bool members_edit = false;
  std::vector<Principal> members;
  bool system = false;  // belongs to the system account
};

struct Web {
  std::uint32_t number = 0;
  std::uint32_t collection = 0;  // number of its root web
  std::int32_t parent = -1;      // number of the parent web; -1 for the root web
  Guid site_id, web_id;
  std::string id;        // "host,siteGuid,webGuid"
  std::string host;      // as the id has it
  std::string path;      // server relative, "/sites/falcon"
  std::string old_path;  // renamed sites: answers 308
  std::string name, title;
  bool personal = false;
  bool channel = false;  // of a private channel of a team: a collection of its own
  SiteState state = SiteState::kOpen;
  Language language = Language::kEnglish;
  bool unique = true;
  Acl acl;                        // where unique
  std::optional<Scope> built;     // its scope before the first change of it
  std::vector<Entry> plumbing;    // Limited Access rows: in REST, never access
  std::vector<Principal> admins;  // root webs: site collection administrators
  std::vector<AppGrant> apps;     // root webs
  std::vector<SiteGroup> groups;  // root webs
  std::vector<std::uint32_t> children, libraries, lists;
};

struct Library {
  std::uint32_t number = 0;
  std::uint32_t web = 0;
  Guid list_id;
  std::string drive_id, title, url_name;
  bool system = false;
  bool unique = false;
  bool deleted = false;
  Acl acl;                     // where unique
  std::optional<Scope> built;  // its scope before the first change of it
  // Without the root; numbered 1..items, which is also the list item id. Later ones are added, and
  // a number is never used again: SimulatedTenant::Exists tells which are left.
  std::uint32_t items = 0;
  std::uint32_t built_items = 0;  // these are computed
  std::unique_ptr<ContainerChanges> changes;
  std::uint64_t seed = 0;
  std::uint32_t prefix = 0;  // of its item ids
  std::uint32_t stride = 0;  // every stride-th item is a folder; 0: none
  std::uint32_t folders = 0;
  std::uint32_t branching = 2;
  std::uint32_t name_length = 0;          // 0: short names
  std::uint64_t first_in_collection = 0;  // items of the collection's libraries before this one
};

// A generic list. Item k (1..items) has no drive item.
struct GenericList {
  std::uint32_t number = 0;
  std::uint32_t web = 0;
  Guid list_id;
  std::string title, url_name;
  bool hidden = false;
  bool unique = false;
  Acl acl;
  std::optional<Scope> built;
  std::uint32_t items = 0;
  std::uint64_t seed = 0;
  std::unique_ptr<ContainerChanges> changes;
};

struct FoundItem {
  std::uint32_t library = 0, item = 0;
};

}  // namespace spa::sim

namespace spa {

class SimulatedTenant {
 public:
  explicit SimulatedTenant(TenantSpec spec);

  const TenantSpec& spec() const { return spec_; }
  const sim::Directory& directory() const { return directory_; }
  const std::vector<sim::Web>& webs() const { return webs_; }
  const std::vector<sim::Library>& libraries() const { return libraries_; }
  const std::vector<sim::GenericList>& lists() const { return lists_; }

  // Counts everything that ever changed; 0 as built.
  std::uint64_t position() const { return position_; }
  // The position before the first change at or after this time ("2026-11-20T08:20:11…").
  std::uint64_t PositionAt(std::string_view time) const;

  // Look-ups by what a URL says; nothing where the tenant has no such thing.
  std::optional<std::uint32_t> FindWeb(std::string_view site_id) const;  // every form of 2.2
  // The web whose path is the longest beginning of `path`.
  std::optional<std::uint32_t> WebAtPath(std::string_view path) const;
  std::optional<std::uint32_t> RenamedTo(std::string_view old_path) const;
  std::optional<std::uint32_t> FindLibrary(std::string_view drive_id) const;
  std::optional<std::uint32_t> LibraryOfList(const sim::Guid& list_id) const;
  std::optional<std::uint32_t> FindList(const sim::Guid& list_id) const;
  std::optional<std::uint32_t> FindItem(const sim::Library& library, std::string_view id) const;

  // Items. `item` is 0 (the root) or 1..library.items; the rest may also be asked of deleted ones.
  bool Exists(const sim::Library& library, std::uint32_t item) const {
    const sim::ItemChange* change = ChangeOf(library, item);
    return !change || !change->deleted;
  }
  bool Exists(const sim::GenericList& list, std::uint32_t item) const {
    const sim::ItemChange* change = ChangeOf(list, item);
    return !change || !change->deleted;
  }
  // Nothing where the item is as it was computed. Works for libraries and lists.
  template <class Container>
  const sim::ItemChange* ChangeOf(const Container& container, std::uint32_t item) const {
    if (!container.changes) return nullptr;
    const auto found = container.changes->items.find(item);
    return found == container.changes->items.end() ? nullptr : &found->second;
  }
  template <class Container>
  std::uint32_t CountItems(const Container& container) const {
    return container.items - (container.changes ? container.changes->deleted : 0);
  }
  bool IsFolder(const sim::Library& library, std::uint32_t item) const;
  std::uint32_t ParentOf(const sim::Library& library, std::uint32_t item) const;  // of item > 0
  void AppendName(std::string& out, const sim::Library& library, std::uint32_t item) const;
  sim::Guid UniqueId(const sim::Library& library, std::uint32_t item) const;
  std::string ItemId(const sim::Library& library, std::uint32_t item) const;
  void AppendItemId(std::string& out, const sim::Library& library, std::uint32_t item) const;
  std::int64_t SizeOf(const sim::Library& library, std::uint32_t item) const;
  void AppendModified(std::string& out, const sim::Library& library, std::uint32_t item) const;
  std::uint32_t VersionOf(const sim::Library& library, std::uint32_t item) const;
  // The path below the site's origin, percent-encoded: "/sites/x/Shared%20Documents/a".
  void AppendPath(std::string& out, const sim::Library& library, std::uint32_t item) const;

  // Scopes.
  sim::ScopeKind KindOf(const sim::Library& library, std::uint32_t item) const;  // of item > 0
  bool OwnsScope(const sim::Library& library, std::uint32_t item) const;
  // The item whose scope applies: itself, an ancestor, or 0 for the library's.
  std::uint32_t ScopeOf(const sim::Library& library, std::uint32_t item) const;
  // The entries of the scope that `item` owns (item > 0).
  sim::Acl OwnAcl(const sim::Library& library, std::uint32_t item) const;
  // What applies to the item, whoever owns it.
  sim::Acl EffectiveAcl(const sim::Library& library, std::uint32_t item) const;
  const sim::Web& ScopeWeb(const sim::Web& web) const;  // itself or the ancestor that is unique
  bool ListItemOwnsScope(const sim::GenericList& list, std::uint32_t item) const;
  sim::Guid UniqueId(const sim::GenericList& list, std::uint32_t item) const;
  sim::Acl ListItemAcl(const sim::GenericList& list, std::uint32_t item) const;
  const sim::Acl& LibraryAcl(const sim::Library& library) const;  // own or the web's
  const sim::Acl& ListAcl(const sim::GenericList& list) const;
  // The item a link's hidden group belongs to, for numbers that changes have given.
  std::optional<sim::FoundItem> ItemOfLinkGroup(std::uint32_t number) const;

 private:
  friend class TenantBuilder;
  friend class TenantChanger;
  // As it was computed, whatever has happened since.
  bool BuiltFolder(const sim::Library& library, std::uint32_t item) const;
  std::uint32_t BuiltParent(const sim::Library& library, std::uint32_t item) const;
  bool BuiltOwnsScope(const sim::Library& library, std::uint32_t item) const;
  sim::ScopeKind BuiltKind(const sim::Library& library, std::uint32_t item) const;
  sim::Acl BuiltOwnAcl(const sim::Library& library, std::uint32_t item) const;
  const sim::Acl& BuiltWebAcl(std::uint32_t web) const;
  template <class Container>
  const sim::Acl& BuiltAcl(const Container& container) const;
  std::uint32_t FolderAt(const sim::Library& library, std::uint32_t ordinal) const {
    return 1 + ordinal * library.stride;
  }
  sim::Acl MakeAcl(const sim::Acl& parent, sim::ScopeKind kind, std::uint64_t hash) const;
  sim::Link MakeLink(std::uint64_t hash) const;
  sim::Principal AnyPrincipal(std::uint64_t hash) const;

  TenantSpec spec_;
  sim::Directory directory_;
  std::vector<sim::Web> webs_;
  std::vector<sim::Library> libraries_;
  std::vector<sim::GenericList> lists_;
  std::unordered_map<std::string, std::uint32_t> web_by_guid_;  // site and web GUIDs
  std::unordered_map<std::string, std::uint32_t> web_by_path_;  // lower case
  std::unordered_map<std::string, std::uint32_t> renamed_;
  std::unordered_map<std::string, std::uint32_t> library_by_drive_;
  std::unordered_map<std::string, std::uint32_t> library_by_list_;
  std::unordered_map<std::string, std::uint32_t> list_by_guid_;
  std::uint64_t position_ = 0;
  std::vector<std::pair<std::string, std::uint64_t>> times_;  // position before each change
  std::unordered_map<std::uint32_t, sim::FoundItem> link_groups_;
};

}  // namespace spa
