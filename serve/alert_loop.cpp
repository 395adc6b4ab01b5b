#include "serve/alert_loop.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

namespace spa {

AlertSample SampleOf(const CacheStats& stats) {
  AlertSample sample;
  sample.lookups = stats.total.lookups;
  sample.hits = stats.total.hits();
  sample.operations = stats.total.loads + stats.l2.operations;
  sample.errors = stats.total.load_errors + stats.l2.errors;
  sample.reachable = stats.l2.url.empty() || (stats.l2.open && stats.l2.reachable);
  sample.took = stats.l2.took;
  return sample;
}

Task<void> WatchForAlerts(CacheManager& caches, AlertWatch& watch) {
  Cache<std::string> revoked = caches.Open<std::string>(CacheKind::kRevokedJti);
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (;;) {
    CacheKey absent(CacheKind::kRevokedJti, "none");
    co_await revoked.Contains(std::move(absent));  // Counts nothing.
    watch.Look(SampleOf(caches.Stats()), AlertWatch::Time::clock::now());
    timer.expires_after(AlertWatch::kEvery);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

}  // namespace spa
