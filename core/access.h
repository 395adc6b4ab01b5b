// The words of access: who can reach the objects behind one permission scope, how far, and along
// which paths. What the model computes (permissions/access/), what exports and commands print.
//
// Plain data whose texts belong to the model that made it: valid while that one lives.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/model.h"

namespace spa {

// An audience that has no list of people stays a word (permissions.md 7.2).
enum class Audience {
  kAnyone,        // whoever has the link, without signing in
  kOrganization,  // every member: Everyone except external users, or a link for the organization
  kEveryone,      // whoever can sign in, guests included
  kPerson,
  kApplication,
};
std::string_view Name(Audience audience);  // "anyone", "organization", …

// How sure a scope's list of people is.
enum class Bound {
  kExact,
  kLower,  // A group or principal on the way could not be read: others may reach it, too.
  kUpper,  // The list shows or lets people change only what they made: fewer may reach it.
  kOpen,   // Both.
};
std::string_view Name(Bound bound);  // "exact", "lower", "upper", "open"

// One step of a path: the object that owns the scope, the principal of its grant or its link, the
// groups inside, the person.
struct Hop {
  Hop() = default;
  Hop(std::string_view kind, std::string_view id, std::string_view name)
      : kind(kind), id(id), name(name) {}
  // "site" … "list_item"; "user", "guest", "group", "group_owners", "site_group", "everyone",
  // "everyone_except_external", "link", "application", "site_admin"
  std::string_view kind;
  std::string_view id, name;
};

// One who reaches a scope. Filled anew for the next one.
struct Reach {
  Reach() = default;
  Audience audience = Audience::kPerson;
  std::string_view user_id, user_principal_name, user_name;
  std::string_view user_type;   // "member", "guest" or empty
  Role role = Role::kNone;      // the strongest of the open paths, else of all
  bool needs_link = false;      // every open path is a link that was not redeemed yet
  std::string_view blocked_by;  // empty: at least one path is open
  Bound bound = Bound::kExact;
  bool more_paths = false;  // there are more than are listed

  std::vector<Hop> hops;          // of all paths, one after another
  std::vector<std::size_t> ends;  // where each path ends in `hops`

  std::size_t paths() const { return ends.size(); }
  std::span<const Hop> Path(std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends[i - 1];
    return std::span(hops).subspan(begin, ends[i] - begin);
  }
};

// "group Falcon > group Inner": a path without the object and the person themselves.
std::string WayText(std::span<const Hop> path);

}  // namespace spa
