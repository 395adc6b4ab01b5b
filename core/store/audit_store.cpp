#include "core/store/audit_store.h"

#include <fmt/format.h>

#include "core/sqlite_rows.h"
#include "core/store/schema.h"
#include "core/store/sqlite_store.h"
#include "core/store/url_segment.h"

namespace spa {
namespace {

// What a process that dies may lose of the answers it got.
constexpr auto kLongestTransaction = std::chrono::milliseconds(500);
// A replayed run knows no time: the same answers make the same transactions.
constexpr int kMostWrites = 1000;
constexpr auto kHeartbeat = std::chrono::seconds(5);

}  // namespace

Result<std::unique_ptr<AuditStore>> AuditStore::Open(const std::string& path, Mode mode,
                                                     std::size_t held_items) {
  const bool writes = mode == Mode::kReadWrite;
  auto db = sqlite::Database::Open(
      path, writes ? sqlite::Database::Mode::kReadWrite : sqlite::Database::Mode::kReadOnly);
  if (!db) return Fail(db.error());
  const auto steps = SchemaSteps();
  // Before the first write: a foreign file must be left as it is.
  if (auto checked = CheckSchema(**db, static_cast<int>(steps.size()), !writes); !checked) {
    return Fail(checked.error());
  }
  if (writes) {
    (*db)->Exec("PRAGMA journal_mode = WAL");
    if (auto migrated = Migrate(**db, steps); !migrated) return Fail(migrated.error());
    (*db)->Exec("PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864;");
  }
  (*db)->Exec("PRAGMA temp_store = FILE; PRAGMA cache_size = -8192;");
  AddUrlSegmentFunction(**db);
  sqlite::AddRows(**db);
  if (auto opened = (*db)->Check("opening the audit database"); !opened) {
    return Fail(opened.error());
  }
  return std::make_unique<SqliteStore>(*std::move(db), held_items);
}

SqliteStore::SqliteStore(std::unique_ptr<sqlite::Database> db, std::size_t held_items)
    : db_(std::move(db)), held_items_(held_items) {}

SqliteStore::~SqliteStore() {
  if (run_ == 0) return;
  sqlite3_exec(db_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  (void)db_->Check("ending");
  broken_ = Error(ErrorCode::kInternal, "the run was abandoned");
  (void)FinishRun("interrupted", "");
}

Status SqliteStore::Commit() {
  if (broken_) return Fail(*broken_);
  committed_ = SteadyClock::now();
  writes_ = 0;
  if (run_ != 0) KeepStages();
  if (run_ != 0 && committed_ - heartbeat_ > kHeartbeat) {
    db_->Get("UPDATE run SET heartbeat = unixepoch() WHERE number = ?").Bind(run_).Run();
    heartbeat_ = committed_;
  }
  if (db_->InTransaction()) db_->Exec("COMMIT");
  return EndWrite("committing to the audit database");
}

Status SqliteStore::Ready() {
  if (broken_) return Fail(*broken_);
  if (run_ == 0)
    return Fail(ErrorCode::kInternal, "the audit database was written to outside a run");
  if (concluding_) return {};
  const bool old =
      replayed_ ? ++writes_ > kMostWrites : SteadyClock::now() - committed_ > kLongestTransaction;
  return old ? Commit() : Status();
}

Status SqliteStore::StartWrite() {
  if (auto ready = Ready(); !ready) return ready;
  if (!db_->InTransaction()) db_->Exec("BEGIN IMMEDIATE");
  return EndWrite("beginning a transaction in the audit database");
}

Status SqliteStore::EndWrite(std::string_view doing) {
  auto status = db_->Check(doing);
  if (!status) {
    broken_ = status.error();
    sqlite3_exec(db_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
  return status;
}

}  // namespace spa
