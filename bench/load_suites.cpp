#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "bench/measure.h"
#include "bench/suites.h"
#include "cache/cache_manager.h"

namespace spa {
namespace {

using Steady = std::chrono::steady_clock;

struct Counts {
  std::uint64_t loads = 0, wrong = 0;
  std::vector<double> waits;  // Nanoseconds
};

// `callers` at once for each of `keys`; a load takes `length`.
Counts Rush(std::size_t keys, std::size_t callers, std::chrono::milliseconds length) {
  asio::io_context io;
  CacheManager caches{CacheManager::Options()};
  auto cache = caches.Open<std::string>(CacheKind::kItem);
  Counts counts;
  const Loader<std::string> load = [&]() -> Task<Result<std::string>> {
    ++counts.loads;
    asio::steady_timer timer(io, length);
    co_await timer.async_wait(asio::use_awaitable);
    co_return std::string("loaded");
  };
  const auto call = [&](std::size_t key) -> Task<void> {
    const auto asked = Steady::now();
    const auto hit =
        co_await cache.GetOrLoad(CacheKey(CacheKind::kItem, std::to_string(key)), load);
    counts.wrong += !hit || *hit->value != "loaded";
    counts.waits.push_back(std::chrono::duration<double, std::nano>(Steady::now() - asked).count());
  };
  for (std::size_t i = 0; i < callers; ++i) {
    for (std::size_t key = 0; key < keys; ++key) asio::co_spawn(io, call(key), asio::detached);
  }
  io.run();
  return counts;
}

BenchResult Rushed(const char* suite, std::size_t keys, std::size_t callers) {
  const auto started = Steady::now();
  auto counts = Rush(keys, callers, std::chrono::milliseconds(10));
  const std::chrono::duration<double> took = Steady::now() - started;
  BenchResult result;
  result.suite = suite;
  result.operation_type =
      fmt::format("{} callers of {} key{}", callers, keys, keys == 1 ? "" : "s");
  SumUpLatencies(counts.waits, result);
  const auto calls = static_cast<double>(keys * callers);
  result.operations_per_second = calls / took.count();
  result.success_rate = 1 - static_cast<double>(counts.wrong) / calls;
  result.memory_usage_mb = ProcessMegabytes();
  result.more["loads"] = static_cast<double>(counts.loads);
  result.more["calls_per_load"] = calls / static_cast<double>(counts.loads);
  return result;
}

}  // namespace

BenchResults BenchSingleKey(const BenchOptions& options) {
  std::vector<BenchResult> results;
  for (const std::size_t tasks : options.tasks) results.push_back(Rushed("single-key", 1, tasks));
  return results;
}

BenchResults BenchDedup(const BenchOptions&) {
  return std::vector<BenchResult>{Rushed("dedup", 1'000, 10)};
}

}  // namespace spa
