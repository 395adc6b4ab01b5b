#include <fmt/format.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <chrono>

#include "core/clock.h"
#include "core/store/run_lock.h"
#include "core/store/run_mode.h"
#include "core/store/schema.h"
#include "core/store/sqlite_store.h"

namespace spa {
namespace {

constexpr std::chrono::seconds kNoMaxAge = std::chrono::days(36500);

std::string NewRunId(const std::string& now) {
  std::string id;
  for (const char c : now) {
    if (c != '-' && c != ':') id += c;
  }
  unsigned char random[3] = {};
  RAND_bytes(random, sizeof random);
  return fmt::format("{}-{:02x}{:02x}{:02x}", id, random[0], random[1], random[2]);
}

std::string NameOfShard(const std::string& shard) {
  return shard.empty() ? "the whole tenant" : "shard " + shard;
}

constexpr char kRunColumns[] =
    "SELECT number, id, status, mode, tenant_id, started_at, finished_at, summary_json, shard "
    "FROM run WHERE status <> 'deleted' ";

RunInfo ReadRun(const sqlite::Statement& row) {
  RunInfo run;
  run.number = row.Int(0);
  run.id = row.String(1);
  run.status = row.String(2);
  run.mode = row.String(3);
  run.tenant_id = row.String(4);
  run.started_at = row.String(5);
  run.finished_at = row.String(6);
  run.summary_json = row.String(7);
  run.shard = row.String(8);
  return run;
}

}  // namespace

Status SqliteStore::TakeLock() {
  while (const auto holder = RunningRun(*db_)) {
    if (IsAlive(*holder)) return Fail(BusyWith(*holder, db_->path()));
    db_->Get("UPDATE run SET status = 'interrupted', finished_at = ? WHERE number = ?")
        .Bind(UtcText(std::chrono::system_clock::now()), holder->number)
        .Run();
  }
  return db_->Check("taking the lock of the audit database");
}

void SqliteStore::EnterRun(RunInfo& run) {
  if (run.id.empty()) run.id = NewRunId(UtcText(std::chrono::system_clock::now()));
  run.status = "running";
  db_->Get(
         "INSERT INTO run(id, status, mode, tenant_id, started_at, pid, process_start, host, "
         "heartbeat, shard) VALUES (?, 'running', ?, ?, ?, ?, ?, ?, unixepoch(), ?)")
      .Bind(run.id, run.mode, run.tenant_id, run.started_at, std::int64_t{::getpid()},
            ProcessStart(::getpid()), HostName(), run.shard)
      .Run();
  run.number = db_->LastInsertId();
}

Status SqliteStore::CheckShard(const std::string& shard) {
  auto& other = db_->Get("SELECT shard FROM run WHERE shard <> ? LIMIT 1");
  const bool found = other.Bind(shard).Step();
  const std::string of = found ? other.String(0) : "";
  other.Reset();
  if (!found) return db_->Check("looking which part of the tenant the database holds");
  return Fail(ErrorCode::kUsage,
              fmt::format("{} holds runs of {}, not of {}", db_->path(), NameOfShard(of),
                          NameOfShard(shard)),
              "Give each shard, and the whole, a database of its own with --db.");
}

// Ends the transaction in which the run was entered.
Result<RunInfo> SqliteStore::Begun(const RunInfo& run, const RunRequest& request, bool resumed) {
  incremental_ = run.mode == "incremental";
  fresh_from_ = run.number;
  if (incremental_) {
    auto& first =
        db_->Get("SELECT coalesce(min(number), ?1) FROM run WHERE number < ?1 AND started_at > ?2");
    const auto oldest = std::chrono::system_clock::now() - request.max_age.value_or(kNoMaxAge);
    const std::string since = UtcText(oldest);
    if (first.Bind(run.number, since).Step()) fresh_from_ = first.Int(0);
    first.Reset();
  }
  db_->Exec("COMMIT");
  if (auto begun = db_->Check("beginning a run"); !begun) {
    sqlite3_exec(db_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    return Fail(begun.error());
  }
  run_ = run.number;
  settled_ = false;
  broken_.reset();
  stages_.clear();
  auto attached = AttachStage(*db_, run_, resumed);
  if (attached && resumed) {
    RememberStages();
    attached = db_->Check("looking at what the run had staged");
  }
  if (!attached) {
    (void)FinishRun("failed", "");
    return Fail(attached.error());
  }
  committed_ = heartbeat_ = SteadyClock::now();
  writes_ = 0;
  return run;
}

Result<RunInfo> SqliteStore::BeginRun(const RunRequest& request) {
  if (run_ != 0) return Fail(ErrorCode::kInternal, "a run was begun within a run");
  db_->Exec("BEGIN IMMEDIATE");
  auto ours = TakeLock();
  if (ours) ours = CheckShard(request.shard);
  if (!ours) {
    sqlite3_exec(db_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    return Fail(ours.error());
  }
  const auto now = std::chrono::system_clock::now();
  if (request.replayed && db_->Number("SELECT count(*) FROM run") > 0) {
    sqlite3_exec(db_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    return Fail(ErrorCode::kUsage, fmt::format("{} holds runs already", db_->path()),
                "Name a file that does not exist yet with --db: a replay stands alone.");
  }
  replayed_ = request.replayed;
  const bool incremental = WillBeIncremental(*db_, request, now);
  RunInfo run;
  run.started_at = replayed_ ? replayed_->started_at : UtcText(now);
  if (replayed_) run.id = replayed_->id;
  run.mode = incremental ? "incremental" : "full";
  run.tenant_id = request.tenant_id;
  run.shard = request.shard;
  EnterRun(run);
  return Begun(run, request, /*resumed=*/false);
}

Result<RunInfo> SqliteStore::ResumeRun(const RunRequest& request, const std::string& id) {
  if (run_ != 0) return Fail(ErrorCode::kInternal, "a run was begun within a run");
  db_->Exec("BEGIN IMMEDIATE");
  const auto resumable = [&]() -> Result<RunInfo> {
    if (auto locked = TakeLock(); !locked) return Fail(locked.error());
    auto found = id == "last" ? FindLastRun() : FindRun(id);
    if (!found) return found;
    if (found->status != "interrupted" && found->status != "failed") {
      return Fail(ErrorCode::kUsage, fmt::format("run {} is {}", found->id, found->status),
                  "There is nothing to resume: run without --resume.");
    }
    if (found->tenant_id != request.tenant_id) {
      return Fail(ErrorCode::kUsage,
                  fmt::format("run {} is of tenant {}", found->id, found->tenant_id),
                  "Use the configuration it was begun with.");
    }
    if (!request.shard.empty() && found->shard != request.shard) {
      return Fail(ErrorCode::kUsage,
                  fmt::format("run {} is of {}", found->id, NameOfShard(found->shard)),
                  "Go on with it without --shard.");
    }
    auto& later = db_->Get("SELECT id FROM run WHERE number > ? LIMIT 1");
    const bool overtaken = later.Bind(found->number).Step();
    const std::string by = overtaken ? later.String(0) : "";
    later.Reset();
    if (overtaken) {
      return Fail(ErrorCode::kUsage,
                  fmt::format("run {} was begun after run {}, which cannot be resumed any more", by,
                              found->id),
                  "Run without --resume.");
    }
    return found;
  };
  auto run = resumable();
  if (!run) {
    sqlite3_exec(db_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    return run;
  }
  run->status = "running";
  run->finished_at.clear();
  db_->Get(
         "UPDATE run SET status = 'running', finished_at = NULL, summary_json = NULL, pid = ?2, "
         "process_start = ?3, host = ?4, heartbeat = unixepoch() WHERE number = ?1")
      .Bind(run->number, std::int64_t{::getpid()}, ProcessStart(::getpid()), HostName())
      .Run();
  // What has a gap is tried again, and tells its gap again where it stays: a library's own items by
  // enumerating it anew.
  db_->Get(
         "UPDATE container SET finished_run = NULL WHERE finished_run = ?1 AND oid IN "
         "(SELECT e.container FROM gap g JOIN entity e ON e.oid = g.oid WHERE g.run = ?1 "
         " UNION SELECT oid FROM gap WHERE run = ?1)")
      .Bind(run->number)
      .Run();
  db_->Get("DELETE FROM gap WHERE run = ?").Bind(run->number).Run();
  return Begun(*run, request, /*resumed=*/true);
}

Status SqliteStore::Settle() {
  settled_ = true;
  if (auto begun = StartWrite(); !begun) return begun;
  CloseUnseenContainers();
  ResolveContainerScopes();
  return EndWrite("settling what the run saw");
}

Status SqliteStore::FinishRun(const std::string& status, const std::string& summary_json) {
  if (run_ == 0) return Fail(ErrorCode::kInternal, "no run to finish");
  if (!broken_ && !settled_ && (status == "complete" || status == "partial")) {
    if (auto settled = Settle(); !settled) return settled;
  }
  const bool resumable = status == "interrupted" || status == "failed";
  if (!db_->InTransaction()) db_->Exec("BEGIN IMMEDIATE");
  if (resumable && !broken_) KeepStages();
  db_->Get("UPDATE run SET status = ?, finished_at = ?, summary_json = ? WHERE number = ?")
      .Bind(status, replayed_ ? replayed_->finished_at : UtcText(std::chrono::system_clock::now()),
            summary_json, run_)
      .Run();
  if (replayed_) {  // Which process it was must not show.
    db_->Get(
           "UPDATE run SET pid = NULL, process_start = NULL, host = NULL, heartbeat = NULL "
           "WHERE number = ?")
        .Bind(run_)
        .Run();
  }
  if (status == "complete" || status == "partial") {
    db_->Get(
           "UPDATE forecast SET run = ?1 WHERE run IS NULL AND tenant_id = "
           "(SELECT tenant_id FROM run WHERE number = ?1)")
        .Bind(run_)
        .Run();
  }
  db_->Exec("COMMIT");
  auto finished = EndWrite("finishing the run");
  if (!finished) return finished;
  run_ = 0;
  stages_.clear();
  DetachStage(*db_, /*keep=*/resumable);
  sqlite3_exec(db_->handle(), "PRAGMA wal_checkpoint(TRUNCATE)", nullptr, nullptr, nullptr);
  return {};
}

Result<std::vector<RunInfo>> SqliteStore::Runs() {
  std::vector<RunInfo> runs;
  sqlite::Statement rows(*db_, (std::string(kRunColumns) + "ORDER BY number").c_str());
  while (rows.Step()) runs.push_back(ReadRun(rows));
  if (auto read = db_->Check("listing the runs"); !read) return Fail(read.error());
  return runs;
}

Result<RunInfo> SqliteStore::FindLastRun() {
  sqlite::Statement rows(*db_, (std::string(kRunColumns) + "ORDER BY number DESC LIMIT 1").c_str());
  if (rows.Step()) return ReadRun(rows);
  if (auto read = db_->Check("looking for the last run"); !read) return Fail(read.error());
  return Fail(ErrorCode::kUsage, fmt::format("{} holds no run", db_->path()),
              "Run an audit without --resume.");
}

Result<RunInfo> SqliteStore::FindRun(const std::string& id) {
  const std::string where =
      id.empty() ? "AND status IN ('complete', 'partial') ORDER BY number DESC LIMIT 1"
                 : "AND id = ?";
  sqlite::Statement rows(*db_, (kRunColumns + where).c_str());
  if (!id.empty()) rows.Bind(id);
  if (rows.Step()) return ReadRun(rows);
  if (auto read = db_->Check("looking for a run"); !read) return Fail(read.error());
  return id.empty() ? Fail(ErrorCode::kUsage, fmt::format("{} holds no finished run", db_->path()),
                           "Run an audit first.")
                    : Fail(ErrorCode::kUsage, fmt::format("there is no run {}", id),
                           "'sharepoint-audit runs' shows the runs there are.");
}

}  // namespace spa
