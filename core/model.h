// The shared words: what Graph and SharePoint call their things, and the two words we add.
//
// Permission is what the service said. Grant is what we concluded: one principal, one role, one
// scope, and where it came from. A scope is a set of grants owned by one object; every other object
// below it inherits that set until the next owner.
//
// Plain data, safe to copy between threads. Times are as the service wrote them (ISO 8601), empty
// where it said nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace spa {

enum class ObjectType { kSite, kLibrary, kFolder, kFile, kList, kListItem };
std::string_view Name(ObjectType type);  // "site", "library", "folder", "file", "list", "list_item"

struct Site {
  Site() = default;
  std::string id;         // Graph: "host,siteCollectionGuid,webGuid", or whatever it is: opaque.
  std::string parent_id;  // Graph id of the parent web; empty for the root web of a collection.
  std::string root_id;    // Graph id of the topmost web known above it; empty: itself.
  std::string root_url;   // Its address.
  std::string web_url;
  std::string name;  // displayName, else name, else the URL's last part.
  bool is_personal = false;
};

struct Drive {
  Drive() = default;
  std::string id;
  std::string site_id;  // Graph id of the web it stands in.
  std::string list_id;  // GUID of the list behind it; empty where not told.
  std::string web_url;
  std::string name;
  std::string type;  // "documentLibrary", "business", …
  bool system = false;
};

struct List {
  List() = default;
  std::string id;  // GUID
  std::string site_id;
  std::string web_url;
  std::string name;
  std::string template_name;  // "genericList", …
  bool hidden = false;
  bool system = false;
};

// The `shared` facet as it stood in the JSON (graph.md 0.2): absent, {}, or with a scope.
enum class SharedFacet : std::uint8_t { kAbsent, kEmpty, kShared };

struct DriveItem {
  DriveItem() = default;
  enum class Kind : std::uint8_t { kFile, kFolder, kUnknown };  // A package is a folder.

  std::string id;
  std::string parent_id;  // Empty for the root.
  std::string name;
  std::string modified;
  std::string unique_id;           // sharepointIds.listItemUniqueId, lower case
  std::int64_t size = -1;          // bytes, -1 where not told
  std::int64_t list_item_id = -1;  // sharepointIds.listItemId
  Kind kind = Kind::kUnknown;
  bool is_root = false;
  bool deleted = false;
  SharedFacet shared = SharedFacet::kAbsent;
};

enum class PrincipalType {
  kUser,
  kGuest,
  kGroup,
  kSiteGroup,
  kEveryone,
  kEveryoneExceptExternal,
  kLink,
  kApplication,
  kUnknown
};
std::string_view Name(PrincipalType type);  // as contract.md section 4 spells them

enum class Role { kNone, kRead, kWrite, kOwner, kOther };
std::string_view Name(Role role);  // "none", "read", …

struct Grant {
  Grant() = default;

  std::string grant_id;  // Graph permission id, or base64url of the login for one read by REST.
  PrincipalType principal_type = PrincipalType::kUnknown;
  std::string principal_id, principal_name, principal_login, principal_email;
  std::string claim;  // What the login says it is, as ClassOf (permissions/claim.h) calls it.
  Role role = Role::kOther;
  std::vector<std::string> levels;      // Names as the tenant has them.
  std::optional<std::uint64_t> rights;  // Mask of all bindings together, where it was told.
  std::optional<bool> custom_level;     // One of the levels is of the tenant's own making.

  std::string link_scope;  // "anonymous", "organization", "users"; empty: not a link or not told.
  std::string link_type;   // "view", "edit", …
  std::string link_expires_at;
  std::optional<bool> link_has_password;
  std::optional<bool> link_blocks_download;
  std::vector<std::string> link_people;   // Directory ids, sorted.
  std::vector<std::string> link_groups;   // Of these, those of groups, sorted.
  std::vector<std::string> link_invited;  // Addresses of people without a directory id, sorted.

  std::string source;  // "graph" or "rest"
  bool inherited =
      false;  // The service marked the entry as inherited; a hint, not part of identity.
};

// One who stands in a group: a user, another group, an application …
struct Member {
  Member() = default;
  std::string id;    // Directory id; empty for SharePoint-only members.
  std::string kind;  // "user", "group", "device", "servicePrincipal", "orgContact", "everyone", …
  std::string name;  // Empty where the application may not read it.
  std::string login;  // userPrincipalName, or the claim for a site group's member.
  std::string email;
  std::string user_type;  // "member", "guest" or empty
  std::optional<bool> account_enabled;
  std::string external_state;  // Of a guest: "PendingAcceptance", "Accepted", or empty
  std::string external_since;  // Since when
  std::string claim;           // Of a site group's member: as Grant has it
};

// What the directory knows of one who is named: by a grant, by a link, in a site group. It tells
// apart those who are there, who were deleted, whom it does not know and whom we may not ask for.
struct DirectoryObject {
  DirectoryObject() = default;
  enum class State { kPresent, kDeleted, kMissing, kUnknown };
  std::string id;    // Directory id, lower case; the login where no id is known.
  std::string kind;  // "user", "group", "directory_role", "application"
  State state = State::kPresent;
  std::string name, login, email;  // login: userPrincipalName
  std::string user_type;           // "member", "guest" or empty
  std::optional<bool> account_enabled;
  std::string external_state, external_since;
  std::string deleted_at;
  std::vector<std::string> group_types;  // "Unified", "DynamicMembership"
  std::string visibility;                // Of a group: "Public", "Private", "HiddenMembership"
};
std::string_view Name(DirectoryObject::State state);  // "present", "deleted", "missing", "unknown"

// What is known of a group beside its members.
struct GroupFacts {
  GroupFacts() = default;
  explicit GroupFacts(std::string link_id) : link_id(std::move(link_id)) {}
  std::string link_id;  // Of a site group that stands for a sharing link.
  std::string name;
  std::string associated;  // Of a site group: "owners", "members", "visitors" where it is the
                           // web's default one; else empty.
  std::optional<bool> members_edit;  // Its members may add and remove members.
  std::optional<bool> auto_accept;   // Whoever asks to join does.
};

// Names a group whose members are looked up, and spells it as a key:
// "group:GUID", "group_owners:GUID", "site_group:SITE_ID:NUMBER".
struct GroupRef {
  GroupRef() = default;
  enum class Kind { kMembers, kOwners, kSiteGroup };
  Kind kind = Kind::kMembers;
  std::string id;       // Directory id, or the number of a site group.
  std::string site_id;  // Site groups only: Graph id of the web.
  std::string Key() const;
};

// What SharePoint REST told about one web, for those who scan its drives. Without REST all is
// empty.
struct SiteFacts {
  SiteFacts() = default;
  bool rest = false;  // The web was read by REST; its absence means Graph-only.
  struct List {
    bool owns_scope = false;
    std::int64_t item_count = -1;  // folders included; -1: not told
    // 1: all items; 2: own ones; 4 (write): none. 0: not told (permissions.md 3.4).
    std::int64_t read_security = 0, write_security = 0;
  };
  std::unordered_map<std::string, List> lists;  // by list GUID, lower case
  std::vector<std::string> linked_items;        // unique ids of items that own a sharing link
  bool links_known = false;                     // false: they could not be read
};

// How the scope owners of one drive were found (graph.md 4.8).
enum class ScopeMethod {
  kDeltaHierarchy,   // Delta with hierarchicalsharing, proven to be honoured.
  kRestUniqueFlags,  // SharePoint REST HasUniqueRoleAssignments of every item.
  kItemPermissions,  // Permissions of every item read and compared with the parent's.
};
std::string_view Name(
    ScopeMethod method);  // "delta_hierarchy", "rest_unique_flags", "item_permissions"

// The coverage ledger's states (design.md). Every object is in exactly one.
enum class CoverageState {
  kRead,
  kInherited,
  kSkipped,
  kDenied,
  kLocked,
  kThrottled,
  kFailed,
  kMembersHidden,
  kStale
};
std::string_view Name(CoverageState state);

}  // namespace spa
