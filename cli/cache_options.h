// What the configuration says about the cache, as the cache takes it: the one place that knows
// both.
#pragma once

#include <string>

#include "cache/cache_manager.h"
#include "cache/store_security.h"
#include "core/config/config.h"

namespace spa {

CacheManager::Options CacheOptionsOf(const Config& config);
StoreSecurity StoreSecurityOf(const Config& config);

// The URL of the second level: cache.l2, or cache.redis.url where that says "redis". The path of a
// disk store is absolute, so that all programs started in this directory mean the same file.
std::string SecondLevelOf(const Config& config);

}  // namespace spa
