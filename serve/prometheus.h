// The cache's figures as Prometheus text (exposition format 0.0.4), families spa_cache_*.
#pragma once

#include <string>

#include "cache/cache_stats.h"
#include "serve/alert_watch.h"

namespace spa {

// The table of counters (cache/cache_stats.h), one family each, the kind as label; latencies as
// quantiles; the second level; alerts.
std::string PrometheusText(const CacheStats& stats, const AlertWatch& alerts);

}  // namespace spa
