// ObjectChanges: which objects came, went, changed their name or place, and where the permissions
// that apply are no longer the same ones.
//
// Reads the versions that only one of the two runs saw, in one pass over the objects; 60 bytes of
// memory each. What follows from another change is not told: what stands in a folder that came or
// went, the addresses below one that was renamed, the scope of what inherits from one that began or
// ended its own.
//
// Threads: one. Lifetime: within its two RunSides.
#pragma once

#include <functional>
#include <unordered_map>
#include <vector>

#include "core/run_change.h"
#include "permissions/diff/not_known.h"

namespace spa {

// An object for which other permissions may apply: whose applied before and whose do now; 0: the
// object was, or is, not there.
struct ScopeStep {
  ScopeStep() = default;
  ScopeStep(Oid object, Oid before, Oid after) : object(object), before(before), after(after) {}
  Oid object = 0, before = 0, after = 0;
};

class ObjectChanges {
 public:
  ObjectChanges(sqlite::Database& db, RunSide& before, RunSide& after, NotKnown& not_known);

  const std::vector<RunChange>& changes() const { return changes_; }
  // In the order of the objects' numbers.
  const std::vector<ScopeStep>& steps() const { return steps_; }

 private:
  struct Item {
    Item() = default;
    bool was = false, is = false;  // it stood in the earlier run, in the later one
    bool renamed = false, readdressed = false;
    Place before, after;
    Oid counted_in = 0;       // the topmost object that came or went with it
    std::int64_t inside = 0;  // of such a topmost one: how many, with itself
  };

  enum class Known : std::uint8_t { kYes, kUnread, kTold };

  void Read(sqlite::Database& db);
  Known KnownItems(Oid container);
  bool KnownBefore(Oid oid, const Item& item);
  Oid TopmostOf(Oid oid, bool is);
  void TellCame(Oid oid, Item& item);
  void TellStayed(Oid oid, const Item& item);
  bool KnowsOwner(Oid oid, const Place& place);
  bool AddressFollows(Oid oid, const Item& item);
  std::pair<Oid, Oid> OwnersOf(Oid oid);
  RunChange& Tell(ChangeKind kind, Oid oid, RunSide& side);

  RunSide& before_;
  RunSide& after_;
  NotKnown& not_known_;
  std::vector<Oid> order_;
  std::unordered_map<Oid, Item> items_;
  std::unordered_map<Oid, Known> containers_;
  std::vector<RunChange> changes_;
  std::vector<ScopeStep> steps_;
};

// Texts of what an object is called, into a change.
void PutFace(RunChange& change, const ObjectFace& face);

}  // namespace spa
