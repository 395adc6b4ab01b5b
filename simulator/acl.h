// The words of access in the simulated tenant: who (Principal), what a link is, who may do what
// (Acl), and whether an object has one of its own (Scope). Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/words.h"

namespace spa::sim {

struct Principal {
  enum class Kind : std::uint8_t {
    kUser,
    kGroup,
    kGroupOwners,
    kSiteGroup,
    kEveryone,
    kWindowsEveryone,
    kEveryoneExceptExternal,
    kForeignEveryoneExceptExternal,
    kOtpGuest,
    kSharePointApp,
    kLink
  };
  Kind kind = Kind::kUser;
  std::uint32_t number =
      0;  // of the user, group, site group or guest; for a link: index in the Acl
  bool operator==(const Principal&) const = default;
};

struct Link {
  std::string id;          // GUID
  std::string scope;       // anonymous, organization, users
  std::string type;        // view, edit, review
  std::string expires;     // empty: never
  std::string group_kind;  // OrganizationView … Flexible: as in SharingLinks.{item}.{kind}.{link}
  bool password = false;
  bool no_download = false;
  std::vector<Principal> people;
  // Of its hidden group, where the link or one beside it was made or taken away by a change; 0: the
  // number follows from its place.
  std::uint32_t group_number = 0;
};

// An application with a grant of its own to a site collection (Sites.Selected).
struct AppGrant {
  std::string app_id, name;
  std::string role;  // read, write, manage, fullcontrol
};

struct Entry {
  Principal who;
  std::vector<Level> levels;
  bool copied = false;  // came along when inheritance was broken
};

struct Acl {
  std::vector<Entry> entries;
  std::vector<Link> links;
  bool existing_access = false;  // also shows the all-zero pseudo link, which gives nothing
};

struct Scope {
  bool unique = false;
  Acl acl;  // where unique
};

enum class ScopeKind : std::uint8_t { kInherits, kUnshared, kDirect, kLinks };

// What such a scope is to Graph: by its links, else by the grants that were not copied.
ScopeKind KindOf(const Scope& scope);

}  // namespace spa::sim
