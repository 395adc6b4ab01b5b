// Exporter: one export under way: a snapshot of the database, the run, the rows on their way out.
// Private to report/.
//
// Threads: one. Errors: those of opening; Finish hands out what went wrong since.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/sqlite.h"
#include "core/store/audit_store.h"
#include "report/export.h"
#include "report/object_walk.h"
#include "report/output.h"
#include "report/row_format.h"

namespace spa {

class Exporter {
 public:
  static Result<std::unique_ptr<Exporter>> Open(const ExportOptions& options,
                                                std::vector<std::string_view> columns, int fd) {
    // The store checks that the file is ours and knows which run is meant.
    auto store = AuditStore::Open(options.db_path, AuditStore::Mode::kReadOnly);
    if (!store) return Fail(store.error());
    auto run = (*store)->FindRun(options.run_id);
    if (!run) return Fail(run.error());
    auto db = sqlite::Database::Open(options.db_path, sqlite::Database::Mode::kReadOnly);
    if (!db) return Fail(db.error());
    (*db)->Exec("PRAGMA temp_store = FILE; PRAGMA cache_size = -16384; BEGIN");
    return std::make_unique<Exporter>(*std::move(db), run->number,
                                      RowFormat(options, std::move(columns)), fd);
  }

  Exporter(std::unique_ptr<sqlite::Database> db, RunNo run, RowFormat format, int fd)
      : db_(std::move(db)), run_(run), format_(std::move(format)), output_(fd), walk_(*db_, run) {
    output_.Append(format_.Head());
  }

  sqlite::Database& db() { return *db_; }
  RunNo run() const { return run_; }
  const RowFormat& format() const { return format_; }
  ObjectWalk& walk() { return walk_; }
  bool stopped() const { return output_.closed(); }

  // The buffer for the next row; EndRow ends it.
  std::string& BeginRow() {
    if (!first_) output_.buffer() += format_.Separator();
    first_ = false;
    return output_.buffer();
  }
  void EndRow() {
    format_.EndRow(output_.buffer());
    output_.MayFlush();
  }

  Status Finish() {
    if (auto read = db_->Check("exporting from the audit database"); !read) return read;
    output_.Append(format_.Tail());
    return output_.Finish();
  }

 private:
  std::unique_ptr<sqlite::Database> db_;
  RunNo run_;
  RowFormat format_;
  Output output_;
  ObjectWalk walk_;
  bool first_ = true;
};

}  // namespace spa
