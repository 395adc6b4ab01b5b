// A run of an audit database, opened to be read: from one snapshot, also while another run writes.
#pragma once

#include <memory>
#include <string>

#include "core/sqlite.h"
#include "core/store/audit_store.h"

namespace spa {

struct RunReader {
  RunReader() = default;
  std::unique_ptr<sqlite::Database> db;
  RunInfo info;
};

// `id` empty or "last": the last finished run. `pragmas`: what the database may keep in memory, as
// SQL. Errors: as those of AuditStore::Open and FindRun.
Result<RunReader> OpenRun(const std::string& db_path, const std::string& id,
                          const std::string& pragmas = "");

}  // namespace spa
