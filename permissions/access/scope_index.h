// ScopeIndex: from a principal back to the scopes whose grants name it, for one run.
//
// Made in one pass over the grants; memory: 8 bytes for each grant that names somebody.
//
// Threads: one. Lifetime: on its own once made.
#pragma once

#include <span>
#include <vector>

#include "permissions/access/principals.h"

namespace spa {

class ScopeIndex {
 public:
  ScopeIndex(AccessRows& rows, const Principals& principals);

  // The owners of the scopes with a grant for this very principal: a link's hidden group, the
  // people a link names, and the audience a link is for, too. In the order of their numbers.
  std::span<const Oid> GrantedTo(Node principal) const;
  // All scopes with at least one of these, and with a link of this scope ("" : none).
  std::vector<Oid> GrantedToAny(std::span<const Node> principals) const;
  std::span<const Oid> WithLinks(std::string_view link_scope) const;
  std::span<const Oid> scopes() const { return scopes_; }

 private:
  std::vector<Oid> scopes_;         // by number
  std::vector<std::size_t> begin_;  // into granted_, by node
  std::vector<Oid> granted_;
  std::vector<Oid> anonymous_, organization_, users_;
};

}  // namespace spa
