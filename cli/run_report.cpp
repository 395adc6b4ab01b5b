#include "cli/run_report.h"

#include <fmt/format.h>

#include "core/store/run_reader.h"
#include "permissions/findings/run_tables.h"
#include "report/html_report.h"

namespace spa {

Result<std::string> ReportOfRun(const Config& config, const std::string& run_id) {
  const auto opened = OpenRun(config.db_path, run_id, "PRAGMA cache_size = -65536;");
  if (!opened) return Fail(opened.error());
  const RunInfo& run = opened->info;
  sqlite::Database& db = *opened->db;
  if (run.status != "complete" && run.status != "partial") {
    return Fail(ErrorCode::kUsage, fmt::format("run {} is {}", run.id, run.status),
                "name a finished one; 'sharepoint-audit runs' lists them");
  }
  const RunTables tables(db, run.number, config.findings);
  if (auto read = db.Check("concluding who reaches what"); !read) return Fail(read.error());
  return HtmlReport(db, run);
}

}  // namespace spa
