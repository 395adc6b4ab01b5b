// What the cache loads, as spans of the process's trace (core/trace.h).
#pragma once

#include "cache/cache_manager.h"

namespace spa {

// Every load that ends from now on is a span, until the subscription ends. None where nothing is
// written.
[[nodiscard]] Subscription TraceLoads(CacheManager& caches);

}  // namespace spa
