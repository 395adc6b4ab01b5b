// Feeds an AlertWatch from the cache as it runs.
//
// Threads: the io_context's thread. Lifetime: both must outlive the Task.
#pragma once

#include "cache/cache_manager.h"
#include "serve/alert_watch.h"

namespace spa {

AlertSample SampleOf(const CacheStats& stats);

// Looks every AlertWatch::kEvery until it is cancelled. Also asks the second level for a key that
// is not there, so that its end is noticed without traffic.
[[nodiscard]] Task<void> WatchForAlerts(CacheManager& caches, AlertWatch& watch);

}  // namespace spa
