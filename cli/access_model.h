// AccessModel: the parts of permissions/access/ over one run of an audit database, as exports and
// the commands `who` to `whatif` need them. Read-only, from one snapshot, also while a run writes.
//
// Errors: kUsage for a file that is no audit database or an unknown run, kStorage.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/sqlite.h"
#include "core/store/access_rows.h"
#include "core/store/coverage.h"
#include "permissions/access/scope_access.h"
#include "permissions/access/scope_index.h"
#include "report/access_export.h"
#include "report/workbook.h"

namespace spa {

class AccessModel {
 public:
  // `run_id`: empty for the last finished one.
  static Result<std::unique_ptr<AccessModel>> Open(const std::string& db_path,
                                                   const std::string& run_id);
  AccessModel(std::unique_ptr<sqlite::Database> db, const RunInfo& run);

  const RunInfo& run() const { return run_; }
  AccessRows& rows() { return rows_; }
  Principals& principals() { return principals_; }
  ScopeAccess& access() { return access_; }
  ScopeIndex& index();  // Made at the first call.
  Coverage& coverage() { return coverage_; }
  Status Check() { return db_->Check("reading access from the audit database"); }

 private:
  std::unique_ptr<sqlite::Database> db_;
  RunInfo run_;
  AccessRows rows_;
  Principals principals_;
  ScopeAccess access_;
  Coverage coverage_;
  std::optional<ScopeIndex> index_;
};

// What the exports are given.
ReachesOf OpenReaches(sqlite::Database& db, RunNo run);
EachGroup OpenGroupList(sqlite::Database& db, RunNo run);
EachGuest OpenGuestList(sqlite::Database& db, RunNo run);

}  // namespace spa
