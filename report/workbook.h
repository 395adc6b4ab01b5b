// The workbook of a run for those who look after the tenant: a summary, the sites, who was granted
// what, sharing links, guests, and the findings with columns for what is decided about them.
//
// Order, snapshot and errors: report/export.h. Memory is flat but for the counts of each site's
// findings.
#pragma once

#include <functional>
#include <string_view>

#include "core/sqlite.h"
#include "core/store/audit_store.h"
#include "report/export.h"
#include "report/workbook_file.h"

namespace spa {

struct ListedGuest {
  ListedGuest() = default;
  std::string_view name, login, mail, id;
  std::string domain;           // the home domain
  std::string_view blocked_by;  // empty, "disabled" or "deleted"
  std::size_t scopes = 0;       // permission scopes that grants for the guest or its groups lead to
};
using EachGuest = std::function<void(const std::function<bool(const ListedGuest&)>& use)>;
// Made over the workbook's own snapshot; lives no longer than that.
using OpenGuests = std::function<EachGuest(sqlite::Database& db, RunNo run)>;

// summary, sites, permissions, links, guests, findings; as XLSX.
Status ExportWorkbook(const ExportOptions& options, const OpenGuests& open, int fd);

// Rows of a sheet with the columns name and message: what run it is; then the book's sheets and
// whatever is to be said of them, which also goes to the log.
void WriteRunFacts(WorkbookFile& book, std::size_t sheet, const RunInfo& run);
void WriteSheetFacts(WorkbookFile& book, std::size_t sheet);

}  // namespace spa
