#include "permissions/diff/run_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "permissions/diff/access_changes.h"

namespace spa {
namespace {

// Findings of run ?1 that run ?2 has not, or has with another severity, and how each run applied
// the rule.
constexpr char kFindings[] = R"sql(
  SELECT f.id, f.rule, f.severity, f.message, f.oid, x.severity, w.state, w.reason,
         coalesce(o.state, 'not_evaluated'), coalesce(o.reason, 'the run did not know the rule')
  FROM finding f JOIN applied_rule w ON w.run = f.run AND w.id = f.rule
  LEFT JOIN finding x ON x.run = ?2 AND x.id = f.id
  LEFT JOIN applied_rule o ON o.run = ?2 AND o.id = f.rule
  WHERE f.run = ?1 AND (x.id IS NULL OR (x.severity <> f.severity AND ?3)))sql";

class Findings {
 public:
  Findings(sqlite::Database& db, RunSide& before, RunSide& after, NotKnown& not_known)
      : db_(db), sides_{&before, &after}, not_known_(not_known) {}

  std::vector<RunChange> Read() {
    Compare(1);
    Compare(0);
    return std::move(changes_);
  }

 private:
  // Those that only `side` has.
  void Compare(int side) {
    sqlite::Statement rows(db_, kFindings);
    rows.Bind(sides_[side]->run(), sides_[1 - side]->run(), side == 1);
    while (rows.Step()) {
      // The other run can only miss what it looked for at least as well.
      const std::string_view here = rows.Text(6), there = rows.Text(8);
      if (there != "evaluated" && (there != here || there == "not_evaluated")) {
        not_known_.AddRule(rows.String(1), std::string(side == 1 ? there : here),
                           std::string(side == 1 ? here : there), rows.String(9));
        continue;
      }
      const bool changed = !rows.IsNull(5);
      if (!changed && !rows.IsNull(4) && !Comparable(rows.Int(4))) continue;
      RunChange& change = changes_.emplace_back();
      change.kind = changed     ? ChangeKind::kFindingChanged
                    : side == 1 ? ChangeKind::kFindingNew
                                : ChangeKind::kFindingClosed;
      change.finding_id = rows.Text(0);
      change.rule = rows.Text(1);
      change.severity = SeverityNamed(rows.Text(2));
      change.detail = rows.Text(3);
      (side == 1 ? change.after : change.before) = rows.Text(2);
      if (changed) change.before = rows.Text(5);
      if (rows.IsNull(4)) continue;
      if (const auto face = sides_[side]->rows().FaceOf(rows.Int(4))) PutFace(change, *face);
    }
  }

  // Both runs read what applies to the object, and what stands around it; or one of them knows that
  // it was not there.
  bool Comparable(Oid oid) {
    bool known[2] = {true, true}, roles[2];
    Oid site = oid;
    for (int i = 0; i < 2; ++i) {
      const auto place = sides_[i]->PlaceOf(oid);
      if (!place) return true;
      const Oid owner = sides_[i]->OwnerOf(place->scope);
      known[i] = sides_[i]->KnowsScope(owner);
      if (!known[i]) not_known_.AddObject(owner, i, "its permissions were not read in this run");
      if (place->type == ObjectType::kSite) continue;
      const bool container =
          place->type == ObjectType::kLibrary || place->type == ObjectType::kList;
      const auto above = sides_[i]->PlaceOf(place->container);
      site = container ? place->parent : above ? above->parent : oid;
    }
    for (int i = 0; i < 2; ++i) roles[i] = sides_[i]->KnowsRolesAt(site);
    if (roles[0] != roles[1]) {
      not_known_.AddObject(site, roles[0] ? 1 : 0, "its permissions were not read in this run");
    }
    return known[0] && known[1] && roles[0] == roles[1];
  }

  sqlite::Database& db_;
  RunSide* sides_[2];
  NotKnown& not_known_;
  std::vector<RunChange> changes_;
};

void Sort(std::vector<RunChange>& changes) {
  const auto order = [](const RunChange& c) {
    return std::tie(c.kind, c.object_url, c.object_name, c.object_type, c.object_id, c.rule,
                    c.principal_name, c.principal_id, c.finding_id, c.before, c.after);
  };
  // Kinds of one section stand together, by what they are about.
  std::sort(changes.begin(), changes.end(),
            [&](const RunChange& a, const RunChange& b) { return order(a) < order(b); });
}

}  // namespace

Status DiffRuns(sqlite::Database& db, const RunInfo& before, const RunInfo& after,
                const std::function<bool(const RunChange&)>& use) {
  if (before.tenant_id != after.tenant_id || before.shard != after.shard) {
    return Fail(ErrorCode::kUsage,
                fmt::format("runs {} and {} are of different tenants, or parts of one", before.id,
                            after.id),
                "compare runs of the same one");
  }
  if (before.number >= after.number) {
    return Fail(ErrorCode::kUsage,
                before.number == after.number
                    ? fmt::format("there is nothing to compare run {} with: both are it", after.id)
                    : fmt::format("run {} is older than run {}", after.id, before.id),
                "name the older run first; `sharepoint-audit runs` lists them");
  }
  RunSide was(db, before), is(db, after);
  NotKnown not_known({&was, &is});
  const ObjectChanges objects(db, was, is, not_known);
  AccessChanges access(db, was, is, not_known, objects.steps());
  bool go_on = access.EachAccess(use);
  std::vector<RunChange> rest = access.changes();
  rest.insert(rest.end(), objects.changes().begin(), objects.changes().end());
  Sort(rest);
  auto found = Findings(db, was, is, not_known).Read();
  Sort(found);
  auto gaps = not_known.Told();
  Sort(gaps);
  for (const auto* part : {&rest, &found, &gaps}) {
    for (std::size_t i = 0; go_on && i < part->size(); ++i) go_on = use((*part)[i]);
  }
  return db.Check("comparing two runs of the audit database");
}

}  // namespace spa
