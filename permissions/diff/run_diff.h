// RunDiff: what changed between two runs of one audit database.
//
// Read from the validity intervals: what both runs saw unchanged costs one look at most; a tenant
// of a million objects takes seconds. Every change is told once: what follows from another is left
// out (object_changes.h, access_changes.h), and what one of the runs could not read is told as not
// known instead of as a change.
//
// Order: by section, then by address and name, the same for the same database. Access is handed on
// as it is found; all else is kept, some 300 bytes a change.
//
// Threads: one. Errors: kUsage for runs that cannot be compared, kStorage.
#pragma once

#include <functional>

#include "core/run_change.h"
#include "core/sqlite.h"
#include "core/store/audit_store.h"

namespace spa {

// `use` returns false to stop.
Status DiffRuns(sqlite::Database& db, const RunInfo& before, const RunInfo& after,
                const std::function<bool(const RunChange&)>& use);

}  // namespace spa
