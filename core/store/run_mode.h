// What a run asked to be `kAuto` or `kIncremental` becomes, given the runs in the database.
#pragma once

#include <chrono>

#include "core/sqlite.h"
#include "core/store/audit_store.h"

namespace spa {

// Incremental needs a finished run of the tenant to be incremental to; kAuto also a full one that
// began within `request.full_after`, be it deleted since. Runs of an earlier version of the program
// will do: their delta links are not used, all else is. False where `db` failed; see its Check.
bool WillBeIncremental(sqlite::Database& db, const RunRequest& request,
                       std::chrono::system_clock::time_point now);

}  // namespace spa
