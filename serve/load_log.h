// Writes how this machine and process are doing into the log, at the same interval as long as the
// server runs (cache.health_interval).
//
// Threads: the io_context's thread; reading a few files of /proc holds it up for microseconds.
#pragma once

#include <chrono>

#include "core/async/task.h"

namespace spa {

// One INFO line `load` each time, the first after one interval. Ends by cancellation alone.
[[nodiscard]] Task<void> LogLoad(std::chrono::milliseconds every);

}  // namespace spa
