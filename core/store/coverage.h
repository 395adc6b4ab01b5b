// Coverage: the state of each object in one run, by the rule of the coverage ledger.
//
// An object's own gap decides; else its scope owner's gap; else whether the owner's permissions
// were read in that run: "read" for the owner itself, "inherited" for those below it, "stale" where
// the last reading is older, "failed" where there never was one.
//
// Threads: one. Lifetime: within its Database. Memory: flat; owners' answers are kept in a small
// table that forgets.
#pragma once

#include <string>
#include <vector>

#include "core/sqlite.h"
#include "core/store/audit_store.h"

namespace spa {

struct ObjectState {
  ObjectState() = default;
  CoverageState state = CoverageState::kFailed;
  std::string reason, remedy;
};

class Coverage {
 public:
  Coverage(sqlite::Database& db, RunNo run);

  // The object that owns the permissions behind `scope`, an object row's scope: one more step up
  // where that one is a library or list that inherits.
  Oid OwnerOf(Oid scope) { return Look(scope).owner; }
  const ObjectState& StateOf(Oid oid, Oid scope);

 private:
  struct Owner {
    Owner() = default;
    Oid scope = 0, owner = 0;
    ObjectState state;      // As those below it have it.
    ObjectState own_state;  // As it has itself.
  };
  const Owner& Look(Oid scope);
  bool GapOf(Oid oid, ObjectState& state);

  sqlite::Database& db_;
  RunNo run_;
  // Which objects may have a gap, by number modulo its size: nearly none do.
  std::vector<bool> gaps_;
  std::vector<Owner> owners_;
  ObjectState own_;
  sqlite::Statement gap_, up_, read_;
};

CoverageState CoverageStateNamed(std::string_view name);

}  // namespace spa
