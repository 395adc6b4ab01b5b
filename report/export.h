// Exports: what a run found, as lines for other programs (contract: "Exports").
//
// Order and bytes depend on content alone: sites by URL, then their libraries and lists, then items
// by Graph id, then grants by id. Two databases with the same content give the same bytes.
//
// XLSX has the rows of CSV on a sheet, and what is said of them on another, "summary".
//
// Reads the database read-only, from one snapshot, also while a run writes. Memory is flat.
// Errors: kUsage for a file that is no audit database and for an unknown run, kStorage for a
// database or an output that failed. A reader that went away (EPIPE) is no error: the export stops.
// The caller ignores SIGPIPE.
#pragma once

#include <string>

#include "core/result.h"
#include "report/workbook_file.h"

namespace spa {

// Sorting goes to files: exports may be as large as the database.
inline constexpr char kExportPragmas[] = "PRAGMA temp_store = FILE; PRAGMA cache_size = -16384;";

struct ExportOptions {
  ExportOptions() = default;
  enum class Format { kJsonl, kJson, kCsv, kXlsx };

  std::string db_path;
  std::string run_id;  // Empty: the latest that is complete or partial.
  Format format = Format::kJsonl;
  bool excel = false;          // CSV with a byte order mark.
  std::string sheet = "rows";  // XLSX: what its sheet is called
  SheetLimits limits;
  bool all = false;  // Permissions of every object, not only of those that own a scope.
};

// One line per (object, grant). Entries that give no access (role none) are left out.
Status ExportPermissions(const ExportOptions& options, int fd);
// One line per object: object_type, object_id, object_url, site_url, name, parent_id, size,
// modified_at, inherits, scope_object_id, scope_method.
Status ExportObjects(const ExportOptions& options, int fd);
// One line per object: object_type, object_id, object_url, state, reason, remedy; then the gaps
// that are about no object, with object_type and object_id null.
Status ExportCoverage(const ExportOptions& options, int fd);

}  // namespace spa
