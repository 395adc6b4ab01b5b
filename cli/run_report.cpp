#include "cli/run_report.h"

#include <fmt/format.h>

#include "core/sqlite.h"
#include "core/store/audit_store.h"
#include "permissions/findings/run_tables.h"
#include "report/html_report.h"

namespace spa {

Result<std::string> ReportOfRun(const Config& config, const std::string& run_id) {
  auto store = AuditStore::Open(config.db_path, AuditStore::Mode::kReadOnly);
  if (!store) return Fail(store.error());
  auto run = (*store)->FindRun(run_id);
  if (!run) return Fail(run.error());
  if (run->status != "complete" && run->status != "partial") {
    return Fail(ErrorCode::kUsage, fmt::format("run {} is {}", run->id, run->status),
                "name a finished one; 'sharepoint-audit runs' lists them");
  }
  auto db = sqlite::Database::Open(config.db_path, sqlite::Database::Mode::kReadOnly);
  if (!db) return Fail(db.error());
  (*db)->Exec("PRAGMA cache_size = -65536; BEGIN");
  const RunTables tables(**db, run->number, config.findings);
  if (auto read = (*db)->Check("concluding who reaches what"); !read) return Fail(read.error());
  return HtmlReport(**db, *run);
}

}  // namespace spa
