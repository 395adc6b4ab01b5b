#include <fmt/format.h>
#include <openssl/rand.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <sstream>

#include "core/clock.h"
#include "core/store/schema.h"
#include "core/store/sqlite_store.h"

namespace spa {
namespace {

// A holder on another host that has not committed for this long is taken for dead.
constexpr std::int64_t kForeignLockSeconds = 3600;

std::string HostName() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

// When a process began, in clock ticks since boot: tells it from a later one with the same number.
// 0 where it is not running.
std::int64_t ProcessStart(std::int64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(file, line)) return 0;
  const auto name_end = line.rfind(')');  // The name may hold anything, also blanks and brackets.
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(line.substr(name_end + 1));
  std::string field;
  constexpr int kStartField = 20;  // The 22nd of the line, the 20th after the name.
  for (int i = 0; i < kStartField && fields >> field; ++i) {
  }
  return std::strtoll(field.c_str(), nullptr, 10);
}

struct Holder {
  std::int64_t number = 0, pid = 0, start = 0, silent_seconds = 0;
  std::string id, host;
};

bool IsAlive(const Holder& holder) {
  if (holder.host != HostName()) return holder.silent_seconds < kForeignLockSeconds;
  if (::kill(static_cast<pid_t>(holder.pid), 0) != 0 && errno == ESRCH) return false;
  return ProcessStart(holder.pid) == holder.start;
}

std::string NewRunId(const std::string& now) {
  std::string id;
  for (const char c : now) {
    if (c != '-' && c != ':') id += c;
  }
  unsigned char random[3] = {};
  RAND_bytes(random, sizeof random);
  return fmt::format("{}-{:02x}{:02x}{:02x}", id, random[0], random[1], random[2]);
}

constexpr char kRunColumns[] =
    "SELECT number, id, status, mode, tenant_id, started_at, finished_at, summary_json FROM run ";

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
  return run;
}

}  // namespace

Result<RunInfo> SqliteStore::BeginRun(const std::string& tenant_id, const std::string& mode) {
  if (run_ != 0) return Fail(ErrorCode::kInternal, "a run was begun within a run");
  db_->Exec("BEGIN IMMEDIATE");
  auto& running = db_->Get(
      "SELECT number, id, pid, process_start, host, unixepoch() - heartbeat FROM run "
      "WHERE status = 'running'");
  while (running.Bind(), running.Step()) {
    Holder holder;
    holder.number = running.Int(0);
    holder.id = running.String(1);
    holder.pid = running.Int(2);
    holder.start = running.Int(3);
    holder.host = running.String(4);
    holder.silent_seconds = running.Int(5);
    running.Reset();
    if (IsAlive(holder)) {
      sqlite3_exec(db_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
      return Fail(ErrorCode::kBusy,
                  fmt::format("run {} holds {} (process {} on {})", holder.id, db_->path(),
                              holder.pid, holder.host),
                  "Wait for that run to end, or stop it.");
    }
    db_->Get("UPDATE run SET status = 'interrupted', finished_at = ? WHERE number = ?")
        .Bind(UtcText(std::chrono::system_clock::now()), holder.number)
        .Run();
  }
  const std::string now = UtcText(std::chrono::system_clock::now());
  const std::string id = NewRunId(now);
  db_->Get(
         "INSERT INTO run(id, status, mode, tenant_id, started_at, pid, process_start, host, "
         "heartbeat) VALUES (?, 'running', ?, ?, ?, ?, ?, ?, unixepoch())")
      .Bind(id, mode, tenant_id, now, std::int64_t{::getpid()}, ProcessStart(::getpid()),
            HostName())
      .Run();
  const RunNo number = db_->LastInsertId();
  db_->Exec("COMMIT");
  if (auto begun = db_->Check("beginning a run"); !begun) {
    sqlite3_exec(db_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    return Fail(begun.error());
  }
  run_ = number;
  settled_ = false;
  broken_.reset();
  if (auto attached = AttachStage(*db_); !attached) {
    (void)FinishRun("failed", "");
    return Fail(attached.error());
  }
  return FindRun(id);
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
  if (!db_->InTransaction()) db_->Exec("BEGIN IMMEDIATE");
  db_->Get("UPDATE run SET status = ?, finished_at = ?, summary_json = ? WHERE number = ?")
      .Bind(status, UtcText(std::chrono::system_clock::now()), summary_json, run_)
      .Run();
  db_->Exec("COMMIT");
  auto finished = EndWrite("finishing the run");
  if (!finished) return finished;
  run_ = 0;
  stages_.clear();
  DetachStage(*db_);
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

Result<RunInfo> SqliteStore::FindRun(const std::string& id) {
  const std::string where =
      id.empty() ? "WHERE status IN ('complete', 'partial') ORDER BY number DESC LIMIT 1"
                 : "WHERE id = ?";
  sqlite::Statement rows(*db_, (kRunColumns + where).c_str());
  if (!id.empty()) rows.Bind(id);
  if (rows.Step()) return ReadRun(rows);
  if (auto read = db_->Check("looking for a run"); !read) return Fail(read.error());
  return id.empty()
             ? Fail(ErrorCode::kNotFound, fmt::format("{} holds no finished run", db_->path()),
                    "Run an audit first.")
             : Fail(ErrorCode::kNotFound, fmt::format("there is no run {}", id),
                    "'runs list' shows the runs there are.");
}

}  // namespace spa
