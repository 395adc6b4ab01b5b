// What the cache tells about itself, in one shape: `cache stats`, `cache health`. Counters are sums
// over all processes that used the second level and have ended, and of this one; entries, bytes and
// nodes tell how it is now.
//
// Threads: any; ReportOn: the io_context's thread.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "cache/cache_manager.h"
#include "cache/cache_stats.h"
#include "cache/store.h"

namespace spa {

struct CacheReport {
  CacheReport() = default;
  CacheStats stats;                // Every kind has its row, also one that was never used.
  std::optional<StoreInfo> store;  // Nothing: there is no second level, or it does not answer.
};

// `live`: of this process; `counters`: as the store has added them up.
CacheReport ReportOf(const CacheStats& live, const std::map<std::string, std::int64_t>& counters,
                     std::optional<StoreInfo> store);

// Of an open cache, now.
[[nodiscard]] Task<CacheReport> ReportOn(CacheManager& caches);

nlohmann::ordered_json StatsJson(const CacheReport& report);

// {"status": "healthy" | "degraded" | "unhealthy", "providers": [...], ...}. Degraded: a node
// answers badly or the second level is out of reach; the cache still works.
nlohmann::ordered_json HealthJson(const CacheReport& report);
nlohmann::ordered_json ToJson(const StoreNode& node);

}  // namespace spa
