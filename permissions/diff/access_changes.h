// AccessChanges: what the changes of grants, links and groups come to: who reaches what, and did
// not, or no longer does.
//
// Only permission scopes that something changed for are worked out, once as they were and once as
// they are: those whose grants are others, those that came, went, began or ended, those whose
// grants lead to a group with other members, and those with a link that ran out in between. What
// holds for a whole site collection is told at its topmost site alone.
//
// A difference is told where each run would have seen the other's state: a way through a group that
// one run could not read proves nothing.
//
// Threads: one. Lifetime: within its two RunSides.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "permissions/diff/object_changes.h"

namespace spa {

class AccessChanges {
 public:
  AccessChanges(sqlite::Database& db, RunSide& before, RunSide& after, NotKnown& not_known,
                const std::vector<ScopeStep>& steps);

  // Who reaches what: handed on at once, scope by scope in the order of their addresses. `use`
  // returns false to stop.
  bool EachAccess(const std::function<bool(const RunChange&)>& use);
  // Links, grants, members, accounts: after EachAccess, in no order.
  const std::vector<RunChange>& changes() const { return changes_; }

 private:
  // People and groups of both runs as one: as the later run numbers them, and those that only the
  // earlier one knew behind.
  using Who = std::uint32_t;

  // What a scope's grants let somebody do, in one run.
  struct Held {
    Held() = default;
    Who who = 0;
    Node node = kNoNode;  // as that run numbers it
    Role all = Role::kNone;
    Role own = Role::kNone;  // without what holds for the whole collection
  };
  struct Half {  // A scope in one run.
    Half() = default;
    ScopeGrants grants;
    std::vector<ScopeAccess::Way> ways;  // the open ones
    std::vector<Held> held;              // by who
    Role audience[3] = {};               // what needs no link
    Oid top = 0;
  };
  struct Difference {
    Difference() = default;
    ChangeKind kind = ChangeKind::kAccessGained;
    std::string principal_kind, principal_id, principal_name, via;
    Role before = Role::kNone, after = Role::kNone;
  };

  void Match();
  Who WhoIs(int side, Node node) const;
  const Principal& FaceOf(Who who);
  void CompareGroups();
  void ComparePeople();
  void TellMember(ChangeKind kind, int side, Node group, Node member);
  void FindScopes(sqlite::Database& db);

  Half HalfOf(int side, Oid owner);     // its grants
  void FindWays(int side, Half& half);  // the rest
  std::vector<Difference> Differences(const Half& before, const Half& after, bool whole);
  // The way on `side` with at least this role, which the other run would have seen; none: nullptr.
  const ScopeAccess::Way* Proof(int side, const Half& half, const Half& other, Node node,
                                Role stronger_than);
  bool Saw(int side, const Half& half, const ScopeAccess::Way& way);
  std::string_view SourceOf(int side, const ScopeAccess::Way& way);
  bool OtherWouldSee(int side, const Half& half, const Half& other, const ScopeAccess::Way& way);
  void CompareGrants(const ScopeStep& step, const RunChange& face, const Half& before,
                     const Half& after);

  RunSide* sides_[2];
  NotKnown& not_known_;
  std::vector<ScopeStep> steps_;
  std::vector<Who> who_of_[2];    // by node
  std::vector<Node> node_of_[2];  // by who; kNoNode: that run knows no such
  std::vector<Node> changed_groups_[2];
  std::unordered_map<std::string, std::vector<Difference>> alike_;
  std::vector<RunChange> changes_;
};

}  // namespace spa
