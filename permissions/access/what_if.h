// WhatIf: what taking something away would change, counted over all scopes of a run.
//
// "As if it did not exist": people and groups are left out of every expansion, links of a class out
// of every scope; then each scope it could concern is compared with how it is now. Scopes with the
// same grants are worked out once. Exact; only ways that are open count, before and after.
//
// Threads: one.
#pragma once

#include <functional>
#include <string>
#include <unordered_set>
#include <vector>

#include "permissions/access/explain.h"
#include "permissions/access/scope_index.h"

namespace spa {

struct Taken {  // What is taken away.
  Taken() = default;
  std::unordered_set<Node> nodes;  // people or groups
  std::string link_scope;          // else all links of this scope
  bool accounts = false;           // The nodes are people, who would be gone as accounts.
};

// What happens to one who reaches some scopes now.
struct Change {
  Change() = default;
  Node who = kNoNode;
  Role before = Role::kNone, after = Role::kNone;  // after: kNone where access is lost
};

class WhatIf {
 public:
  WhatIf(Principals& principals, ScopeAccess& access, const ScopeIndex& index, Taken taken);

  // Calls `use` with scopes that have the same grants, and what happens to each who has a way there
  // that would go: lost, a weaker role, or the same by another way.
  void Run(
      const std::function<void(std::span<const Oid> scopes, std::span<const Change> changes)>& use);

  // By which ways somebody reaches a scope afterwards; false where none is left.
  bool Afterwards(const ScopeGrants& scope, Node who, Reach& reach);

 private:
  bool Takes(const ScopeGrant& grant) const;  // a link that is taken away
  std::vector<ScopeAccess::Way> Left(const ScopeGrants& scope, std::span<const Node> who);
  std::vector<Change> Changes(const ScopeGrants& scope);

  Principals& principals_;
  ScopeAccess& access_;
  const ScopeIndex& index_;
  Taken taken_;
  Expansions left_;
};

// The home domain of a guest: of an address like "lee_partner.example#ext#@…" what follows the last
// "_", else that of the mail address (permissions.md 4). Lower case; empty for members.
std::string GuestDomainOf(const Principal& person);

}  // namespace spa
