#include "core/store/coverage.h"

namespace spa {
namespace {

constexpr std::size_t kRemembered = 4096;
constexpr std::size_t kGapBits = 1 << 20;
constexpr int kDeepest = 100;  // Webs below webs.

}  // namespace

CoverageState CoverageStateNamed(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(CoverageState::kStale); ++i) {
    if (Name(static_cast<CoverageState>(i)) == name) return static_cast<CoverageState>(i);
  }
  return CoverageState::kFailed;
}

Coverage::Coverage(sqlite::Database& db, RunNo run)
    : db_(db),
      run_(run),
      gaps_(kGapBits),
      owners_(kRemembered),
      gap_(db,
           "SELECT state, reason, remedy FROM gap WHERE run = ? AND oid = ? "
           "ORDER BY state, reason, remedy"),
      up_(db,
          "SELECT scope, container FROM object WHERE oid = ?1 AND from_run <= ?2 "
          "AND (to_run IS NULL OR to_run > ?2)"),
      // `due` is of the present. What an earlier run should have read and did not has a gap there.
      read_(db,
            "SELECT read_run >= ?2 OR (EXISTS (SELECT 1 FROM confirmed c "
            "WHERE c.container = ?3 AND ?2 BETWEEN c.from_run AND c.to_run) AND "
            "CASE WHEN ?2 = (SELECT max(number) FROM run) THEN NOT due ELSE NOT EXISTS "
            "(SELECT 1 FROM gap g WHERE g.run = ?2 AND g.oid = ?1) END) "
            "FROM scope WHERE oid = ?1 AND from_run <= ?2 AND (to_run IS NULL OR to_run > ?2)") {
  sqlite::Statement gaps(db, "SELECT oid FROM gap WHERE run = ? AND oid IS NOT NULL");
  gaps.Bind(run);
  while (gaps.Step()) gaps_[static_cast<std::size_t>(gaps.Int(0)) % kGapBits] = true;
}

bool Coverage::GapOf(Oid oid, ObjectState& state) {
  if (!gaps_[static_cast<std::size_t>(oid) % kGapBits]) return false;
  const bool found = gap_.Bind(run_, oid).Step();
  if (found) {
    state.state = CoverageStateNamed(gap_.Text(0));
    state.reason = gap_.String(1);
    state.remedy = gap_.String(2);
  }
  gap_.Reset();
  return found;
}

const Coverage::Owner& Coverage::Look(Oid scope) {
  Owner& slot = owners_[static_cast<std::size_t>(scope) % kRemembered];
  if (slot.scope == scope) return slot;
  slot = Owner();
  slot.scope = slot.owner = scope;
  Oid container = 0;  // Of the owner.
  for (int i = 0; i < kDeepest; ++i) {
    const bool found = up_.Bind(slot.owner, run_).Step();
    const Oid next = found ? up_.Int(0) : slot.owner;
    if (found) container = up_.Int(1);
    up_.Reset();
    if (next == slot.owner) break;
    slot.owner = next;
  }
  // What inherits is covered once the owner's permissions were read, whatever else about the owner
  // (its subsites, its groups) could not be.
  const bool known = read_.Bind(slot.owner, run_, container).Step();
  const bool read = known && read_.Int(0) != 0;
  read_.Reset();
  if (read) {
    slot.state.state = CoverageState::kInherited;
  } else if (!GapOf(slot.owner, slot.state)) {
    slot.state.state = known ? CoverageState::kStale : CoverageState::kFailed;
    slot.state.reason =
        known ? "permissions were last read in an earlier run" : "permissions were not read";
  }
  slot.own_state = slot.state;
  if (slot.state.state == CoverageState::kInherited) slot.own_state.state = CoverageState::kRead;
  return slot;
}

const ObjectState& Coverage::StateOf(Oid oid, Oid scope) {
  if (GapOf(oid, own_)) return own_;
  const Owner& owner = Look(scope);
  return owner.owner == oid ? owner.own_state : owner.state;
}

}  // namespace spa
