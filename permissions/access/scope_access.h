// ScopeAccess: who reaches the objects behind one permission scope (permissions.md 7.2).
//
// Every principal of every grant is expanded, rights only add up, nobody is left out because a path
// is closed: paths that are closed (a link that has run out) are told and do not count for the
// role. Grants without access (Limited Access, role none) are none.
//
// Threads: one. Lifetime: within its AccessRows and Principals.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/access.h"
#include "permissions/access/expansion.h"

namespace spa {

// A grant of a scope, made out. Its texts live as long as the grants they stand in.
struct ScopeGrant {
  ScopeGrant() = default;
  std::string grant_id, link_id, name;
  std::string link_scope;  // "anonymous", "organization", "users" or empty
  bool is_link = false;
  bool site_wide = false;  // holds for the whole site collection, outside the scope's own set
  bool expired = false;    // a link whose end was before the run
  Role role = Role::kNone;
  Node principal = kNoNode;  // of a link: its hidden group; kNoNode: cannot be told
  Node audience = kNoNode;   // of a link: whoever has it
  std::vector<Node> people;  // of a link: named in it, not known to have redeemed it
  std::vector<Node> groups;  // of a link: named in it, where its hidden group is not known
  bool lower = false;        // somebody in it cannot be told
};

struct ScopeGrants {
  ScopeGrants() = default;
  Oid owner = 0;
  ObjectType type = ObjectType::kSite;
  std::string id, name, url;  // of the owner
  std::string site_id;        // Graph id of the collection's topmost site
  bool unread = false;    // its own grants, or the administrators of its collection, are not known
  bool narrowed = false;  // by a setting of its list
  Sharing sharing = Sharing::kUnknown;  // what tenant and site let people share
  std::vector<ScopeGrant> grants;
};

class ScopeAccess {
 public:
  ScopeAccess(AccessRows& rows, const Principals& principals)
      : rows_(rows), principals_(principals), expansions_(principals) {}

  // Empty where the run knows no such object.
  std::optional<ScopeGrants> GrantsOf(Oid owner);
  // Without what the object is called, for those who ask for many.
  ScopeGrants BareGrantsOf(Oid owner);

  // Whoever reaches it, in output order. `use` returns false to stop.
  void Reaches(const ScopeGrants& scope, const std::function<bool(const Reach&)>& use);
  // The same for these alone, told as one: a person and the audiences it belongs to. False where
  // none of them does.
  bool ReachOf(const ScopeGrants& scope, std::span<const Node> who, Reach& reach);
  // Whether the list of people may be too short.
  Bound BoundOf(const ScopeGrants& scope);

  // One way from a grant to somebody.
  struct Way {
    Way() = default;
    Node who = kNoNode;
    std::uint32_t grant = 0;
    Node group = kNoNode;     // the one the grant or link names; none: it names `who`
    std::uint32_t chain = 0;  // of that group's expansion
    bool needs_link = false;
  };
  // All ways, by `who`; with `who`, theirs alone. As if `expansions` had everybody there is.
  std::vector<Way> WaysOf(const ScopeGrants& scope, Expansions& expansions,
                          std::span<const Node> who = {});
  Expansions& expansions() { return expansions_; }
  const Principals& principals() const { return principals_; }

  // The audiences a person belongs to without being named: itself first.
  std::vector<Node> SelvesOf(Node node) const;
  // Why a person cannot use any access, empty where it can.
  std::string_view BlockOf(Node person) const;

  // What tenant and site let people share closes this way to `told`.
  bool IsShut(const ScopeGrants& scope, const Way& way, Node told) const;

  // One more path of `reach`, which tells of `told`.
  void AppendPath(const ScopeGrants& scope, const Way& way, Node told, Reach& reach) {
    AppendPath(scope, way, told, expansions_, reach);
  }
  void AppendPath(const ScopeGrants& scope, const Way& way, Node told, Expansions& expansions,
                  Reach& reach);

  static constexpr std::size_t kMostPaths = 1000;  // of one reach; Reach::more_paths tells of more

 private:
  ScopeGrant Read(const GrantRow& row, const std::string& site_id) const;
  void Fill(const ScopeGrants& scope, std::span<const Way> ways, Node told, Reach& reach);

  AccessRows& rows_;
  const Principals& principals_;
  Expansions expansions_;
};

// Two scopes of a run with the same text have the same grants, as far as access goes.
std::string SignatureOf(const ScopeGrants& scope);

// The role that is stronger: none, other, read, write, owner.
Role Stronger(Role a, Role b);

}  // namespace spa
