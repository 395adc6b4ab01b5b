// The lock of the audit database: the row of the running run. It names its process by number and
// start, host and last sign of life; a run whose process is gone holds nothing.
//
// Threads: the database's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/result.h"
#include "core/sqlite.h"

namespace spa {

struct RunHolder {
  RunHolder() = default;
  std::int64_t number = 0, pid = 0, start = 0, silent_seconds = 0;
  std::string id, host;
};

// The run that the database says is running, dead or alive; nothing without one, or where the
// database cannot be read (Database::Check tells).
std::optional<RunHolder> RunningRun(sqlite::Database& db);

// Whether its process lives: looked up on this host, taken for dead on another after an hour
// without a sign.
bool IsAlive(const RunHolder& holder);

// kBusy: who holds the database.
Error BusyWith(const RunHolder& holder, const std::string& path);

std::string HostName();
// When a process began, in clock ticks since boot: tells it from a later one with the same number.
// 0 where it is not running, or may not be looked at.
std::int64_t ProcessStart(std::int64_t pid);

}  // namespace spa
