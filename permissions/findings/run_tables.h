// RunTables: what rules read: the views of docs/schema.md as they are for one run, and temporary
// tables with the conclusions of the access model that SQL cannot draw (docs/findings.md names
// them). They are made once for all rules and dropped at the end.
//
// Rows are by scope, grant and person, never by object, so a tenant of a million items costs what
// its permissions cost. Memory: that of Principals; the tables are in SQLite's temporary files.
//
// Threads: one. Lifetime: within its Database.
// Errors: the Database remembers the first.
#pragma once

#include "core/config/config.h"
#include "core/sqlite.h"
#include "core/store/audit_store.h"
#include "permissions/access/scope_access.h"

namespace spa {

class RunTables {
 public:
  RunTables(sqlite::Database& db, RunNo run, const FindingsConfig& config);
  ~RunTables();
  RunTables(const RunTables&) = delete;

 private:
  void MakeViews();
  void PutSettings(const FindingsConfig& config);
  void PutSites();
  void PutScopes();
  void PutSharing();
  void PutLabels();
  void PutGrants();
  void PutPeople(const FindingsConfig& config);
  void PutGroups();
  void PutAudiences();

  sqlite::Database& db_;
  RunNo run_;
  AccessRows rows_;
  Principals principals_;
  ScopeAccess access_;
};

}  // namespace spa
