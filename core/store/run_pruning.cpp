// Deleting runs. A version stays while a run that is left saw it, or while it is the present state;
// what only deleted runs saw goes, with the permission sets, member lists and names nobody uses.
#include <fmt/format.h>

#include <algorithm>

#include "core/store/schema.h"
#include "core/store/sqlite_store.h"

namespace spa {
namespace {

bool IsFinished(const RunInfo& run) { return run.status == "complete" || run.status == "partial"; }

// A deleted run keeps its row for its number and its start: permissions that it read and that still
// stand have an age. Where it had finished it also keeps its end, for a full run counts as one.
constexpr char kForgetRuns[] = R"sql(
CREATE TEMP TABLE left_run(number INTEGER PRIMARY KEY);
INSERT INTO left_run SELECT number FROM run WHERE status <> 'deleted'
  AND number NOT IN (SELECT number FROM doomed_run);
-- A library with items whose folder never came must be read whole; the gap will not tell any more.
UPDATE container SET delta_link = NULL WHERE finished_run IN (SELECT number FROM doomed_run)
  AND EXISTS (SELECT 1 FROM gap g JOIN entity e ON e.oid = g.oid
              WHERE g.run = finished_run AND e.container = container.oid AND g.reason = ?1);
DELETE FROM gap WHERE run IN (SELECT number FROM doomed_run);
DELETE FROM finding WHERE run IN (SELECT number FROM doomed_run);
DELETE FROM applied_rule WHERE run IN (SELECT number FROM doomed_run);
UPDATE run SET status = 'deleted', summary_json = NULL,
    finished_at = CASE WHEN status IN ('complete', 'partial') THEN finished_at END
  WHERE number IN (SELECT number FROM doomed_run);
)sql";

#define SPA_UNSEEN                                    \
  "to_run IS NOT NULL AND NOT EXISTS (SELECT 1 FROM " \
  "left_run WHERE number >= from_run AND number < to_run)"

constexpr char kForgetVersions[] =
    "CREATE TEMP TABLE gone(oid INTEGER PRIMARY KEY);"
    "INSERT OR IGNORE INTO gone SELECT oid FROM object WHERE " SPA_UNSEEN
    ";"
    "DELETE FROM object WHERE " SPA_UNSEEN
    ";"
    "DELETE FROM scope WHERE " SPA_UNSEEN
    ";"
    "DELETE FROM site_scope WHERE " SPA_UNSEEN
    ";"
    "DELETE FROM group_info WHERE " SPA_UNSEEN
    ";"
    "DELETE FROM principal WHERE " SPA_UNSEEN
    ";"
    "DELETE FROM setting WHERE " SPA_UNSEEN
    ";"
    // The last row of a container may still be prolonged.
    "DELETE FROM confirmed WHERE to_run < (SELECT max(number) FROM run) AND NOT EXISTS "
    "(SELECT 1 FROM left_run WHERE number BETWEEN from_run AND to_run)";
#undef SPA_UNSEEN

// Names of objects without any version left, unless something still points at them.
constexpr char kForgetNames[] = R"sql(
DELETE FROM gone WHERE EXISTS (SELECT 1 FROM object o WHERE o.oid = gone.oid)
  OR EXISTS (SELECT 1 FROM scope s WHERE s.oid = gone.oid)
  OR EXISTS (SELECT 1 FROM site_scope s WHERE s.oid = gone.oid);
DELETE FROM gone WHERE oid IN (SELECT parent FROM object UNION SELECT scope FROM object
  UNION SELECT container FROM object UNION SELECT oid FROM gap WHERE oid IS NOT NULL
  UNION SELECT oid FROM finding WHERE oid IS NOT NULL);
DELETE FROM confirmed WHERE container IN (SELECT oid FROM gone);
DELETE FROM container WHERE oid IN (SELECT oid FROM gone);
DELETE FROM entity WHERE oid IN (SELECT oid FROM gone);
)sql";

constexpr char kForgetSets[] = R"sql(
DELETE FROM acl WHERE id NOT IN (SELECT acl FROM scope UNION SELECT acl FROM site_scope);
DELETE FROM acl_grant WHERE acl NOT IN (SELECT id FROM acl);
DELETE FROM member_set WHERE id NOT IN (SELECT member_set FROM group_info);
DELETE FROM member WHERE member_set NOT IN (SELECT id FROM member_set);
DROP TABLE gone;
DROP TABLE left_run;
DROP TABLE doomed_run;
)sql";

}  // namespace

Result<std::vector<RunInfo>> SqliteStore::DeleteChosen(const ChooseRuns& choose) {
  if (run_ != 0) return Fail(ErrorCode::kInternal, "runs were to be deleted within a run");
  db_->Exec("BEGIN IMMEDIATE");
  const auto undo = [&](const Error& error) -> Result<std::vector<RunInfo>> {
    sqlite3_exec(db_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    return Fail(error);
  };
  if (auto locked = TakeLock(); !locked) return undo(locked.error());
  auto runs = Runs();
  if (!runs) return undo(runs.error());
  auto doomed = choose(*runs);
  if (!doomed) return undo(doomed.error());
  if (!doomed->empty()) {
    db_->Exec("CREATE TEMP TABLE doomed_run(number INTEGER PRIMARY KEY)");
    for (const RunInfo& run : *doomed) {
      sqlite::Statement(*db_, "INSERT INTO doomed_run VALUES (?)").Bind(run.number).Run();
    }
    const std::string reason = fmt::format("'{}'", kOrphanReason);
    std::string forget = kForgetRuns;
    forget.replace(forget.find("?1"), 2, reason);
    for (const std::string& step : {forget, std::string(kForgetVersions), std::string(kForgetNames),
                                    std::string(kForgetSets)}) {
      db_->Exec(step);
    }
  }
  db_->Exec("COMMIT");
  if (auto deleted = db_->Check("deleting runs"); !deleted) return undo(deleted.error());
  const bool last = !doomed->empty() && doomed->back().number == runs->back().number;
  if (last) RemoveStage(*db_);  // Only the last run can be resumed.
  sqlite3_exec(db_->handle(), "PRAGMA wal_checkpoint(TRUNCATE)", nullptr, nullptr, nullptr);
  return doomed;
}

Result<std::vector<RunInfo>> SqliteStore::DeleteRuns(const std::vector<std::string>& ids,
                                                     bool force) {
  return DeleteChosen([&](const std::vector<RunInfo>& runs) -> Result<std::vector<RunInfo>> {
    RunNo last_finished = 0;
    for (const RunInfo& run : runs) {
      if (IsFinished(run)) last_finished = run.number;
    }
    for (const std::string& id : ids) {
      const auto found =
          std::find_if(runs.begin(), runs.end(), [&](const RunInfo& run) { return run.id == id; });
      if (found == runs.end()) {
        return Fail(ErrorCode::kUsage, fmt::format("there is no run {}", id),
                    "'sharepoint-audit runs' shows the runs there are.");
      }
      if (found->number == last_finished && !force) {
        return Fail(ErrorCode::kUsage,
                    fmt::format("run {} is the last finished one, which exports show", id),
                    "Give --force to delete it all the same.");
      }
    }
    std::vector<RunInfo> doomed;
    for (const RunInfo& run : runs) {
      if (std::find(ids.begin(), ids.end(), run.id) != ids.end()) doomed.push_back(run);
    }
    return doomed;
  });
}

Result<std::vector<RunInfo>> SqliteStore::PruneRuns(int keep, const std::string& begun_before) {
  return DeleteChosen([&](const std::vector<RunInfo>& runs) -> Result<std::vector<RunInfo>> {
    std::vector<RunInfo> doomed;
    int kept = 0;
    for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
      const bool resumable = run == runs.rbegin() && !IsFinished(*run);
      const bool young = !begun_before.empty() && run->started_at >= begun_before;
      if (resumable || (IsFinished(*run) && kept++ < keep) || young) continue;
      doomed.push_back(*run);
    }
    std::reverse(doomed.begin(), doomed.end());
    return doomed;
  });
}

Status SqliteStore::Compact() {
  db_->ForgetStatements();
  db_->Exec("VACUUM");
  return db_->Check("giving free room back to the file system");
}

}  // namespace spa
