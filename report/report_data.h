// ReportData: what the HTML report shows of a run, as one JSON object: a table of queries, each of
// which gives a table {"columns": […], "rows": [[…]], "total": N}. Rows are cut off at the query's
// limit, the total is of all of them; so the file stays small however large the tenant is.
//
// Threads: one. Errors: kStorage for a database that failed.
#pragma once

#include <string>

#include "core/sqlite.h"
#include "core/store/audit_store.h"

namespace spa {

// JSON in valid UTF-8. `db`: see html_report.h.
Result<std::string> ReportData(sqlite::Database& db, const RunInfo& run);

}  // namespace spa
