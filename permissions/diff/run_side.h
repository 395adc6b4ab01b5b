// RunSide: one of the two runs that are compared: what it saw, and what it cannot vouch for.
//
// A row that stood in a run says what was known then; it is evidence only where the run read it, or
// asked for changes and heard of none. The functions that begin with "Knows" tell that.
//
// Threads: one. Lifetime: within its Database, whose errors are asked for at the end.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/store/coverage.h"
#include "permissions/access/scope_access.h"
#include "permissions/access/scope_index.h"

namespace spa {

// Where an object stood in one run.
struct Place {
  Place() = default;
  ObjectType type = ObjectType::kSite;
  Oid container = 0, parent = 0, scope = 0;
};

struct RunGap {
  RunGap() = default;
  RunGap(std::string state, std::string reason)
      : state(std::move(state)), reason(std::move(reason)) {}
  std::string state, reason;
};

class RunSide {
 public:
  RunSide(sqlite::Database& db, const RunInfo& info);
  RunSide(const RunSide&) = delete;

  const RunInfo& info() const { return info_; }
  RunNo run() const { return info_.number; }
  AccessRows& rows() { return rows_; }
  Principals& principals() { return principals_; }
  ScopeAccess& access() { return access_; }
  ScopeIndex& index();  // Made at the first call.

  std::optional<Place> PlaceOf(Oid oid);
  // The object whose permissions apply.
  Oid OwnerOf(Oid scope) { return coverage_.OwnerOf(scope); }

  // The library or list was enumerated, or asked for its changes.
  bool KnowsItemsOf(Oid container);
  // What stands in the site was listed: containers of this type.
  bool KnowsContentsOf(Oid site, ObjectType type);
  // The scope's grants are known as they were then.
  bool KnowsScope(Oid owner);
  // The roles at the site were read, as they are with SharePoint REST alone. Where one run did and
  // the other did not, they saw what stands in the site with other eyes.
  bool KnowsRolesAt(Oid site);
  // The grants of this source ("rest", "graph") for a whole site collection are.
  bool KnowsSiteScope(Oid top_site, std::string_view source);
  // The members of the group are.
  bool KnowsMembers(Node group) const {
    return principals_.At(group).state == Principal::State::kRead;
  }

  const RunGap* GapOf(Oid oid) const;  // the first one; none: nullptr
  const std::unordered_map<Oid, RunGap>& gaps() const { return gaps_; }
  // Gaps about no object: by what they are about.
  const std::map<std::string, RunGap>& other_gaps() const { return other_gaps_; }

 private:
  sqlite::Database& db_;
  RunInfo info_;
  AccessRows rows_;
  Principals principals_;
  ScopeAccess access_;
  Coverage coverage_;
  std::optional<ScopeIndex> index_;
  std::unordered_map<Oid, RunGap> gaps_;
  std::map<std::string, RunGap> other_gaps_;
  std::unordered_map<Oid, bool> items_known_;
};

}  // namespace spa
