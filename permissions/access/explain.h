// Why somebody reaches a scope, and what would end it.
//
// Threads: one. Errors: the database's, asked for at the end by whoever opened it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "permissions/access/scope_access.h"

namespace spa {

struct ExplainedHop {
  ExplainedHop() = default;
  std::string kind, id, name;
  RunNo since = 0;  // The first run, without a break, that saw this step; 0: not a step of its own.
};

struct ExplainedPath {
  ExplainedPath() = default;
  std::vector<ExplainedHop> hops;
  Role role = Role::kNone;
  std::string grant_id;
  bool needs_link = false;
  bool expired = false;
  bool shut = false;  // tenant or site do not let people share so
  RunNo since = 0;    // when the youngest of its steps was seen first
};

struct Explanation {
  Explanation() = default;
  std::vector<ExplainedPath> paths;  // Every path that meets no group twice.
  bool more = false;                 // There are more than are listed.
};

// `node`: a person, a group or an application.
Explanation ExplainAccess(AccessRows& rows, ScopeAccess& access, const ScopeGrants& scope,
                          Node node);

// One thing to take away.
struct Removal {
  Removal() = default;
  enum class Kind { kGrant, kLink, kMembership, kLinkPerson };
  Kind kind = Kind::kGrant;
  std::uint32_t grant = 0;                 // kGrant, kLink, kLinkPerson: of the scope's grants
  Node group = kNoNode, member = kNoNode;  // kMembership: this one out of that
                                           // group; kLinkPerson: the member
};
std::string_view Name(Removal::Kind kind);  // "grant", "link", "membership", "link_person"

struct AccessCut {
  AccessCut() = default;
  bool access = false;            // There is an open way at all.
  std::vector<Removal> removals;  // The fewest that end all open ways.
};

// Links that have run out are no ways; that an account is disabled or deleted is left aside, since
// it may come back. Of several smallest sets the one nearest to the person, which touches the
// fewest others.
AccessCut CutAccess(Principals& principals, ScopeAccess& access, const ScopeGrants& scope,
                    Node node);

// The groups that lead to any of these, through all nesting, and these themselves.
std::vector<Node> GroupsAbove(Principals& principals, std::vector<Node> nodes);

}  // namespace spa
