// HtmlReport: what a run found, as one HTML file for people: html/page.h with the data of
// report_data.h in it. docs/report.md says what stands where.
//
// Threads: one. Errors: kStorage for a database that failed.
#pragma once

#include <string>

#include "core/sqlite.h"
#include "core/store/audit_store.h"

namespace spa {

// `db`: a connection on which the tables that rules read stand for this run (docs/findings.md), and
// that makes temporary tables of its own.
Result<std::string> HtmlReport(sqlite::Database& db, const RunInfo& run);

}  // namespace spa
