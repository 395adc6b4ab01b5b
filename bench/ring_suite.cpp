// How evenly keys are shared out to servers, how many move, and what that costs (cache.md D.2).
#include <fmt/format.h>

#include <cmath>

#include "bench/measure.h"
#include "bench/suites.h"
#include "cache/cache_key.h"
#include "cache/node_ring.h"

namespace spa {
namespace {

NodeRing RingOf(std::size_t count) {
  std::vector<NodeRing::Node> nodes;
  for (std::size_t i = 0; i < count; ++i) nodes.emplace_back(fmt::format("cache-{}:6379", i));
  return NodeRing(std::move(nodes));
}

}  // namespace

BenchResults BenchRing(const BenchOptions& options) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < options.keys; ++i) {
    keys.push_back(CacheKey(CacheKind::kItem, std::to_string(i)).text());
  }
  std::vector<BenchResult> results;
  for (const std::size_t count : {std::size_t{3}, std::size_t{16}}) {
    const NodeRing ring = RingOf(count), grown = RingOf(count + 1);
    auto result = Measure(
        "ring", fmt::format("route to {} nodes", count), 1, options.operations, options.repeats,
        [&](int, std::size_t i) { return ring.Route(keys[i % keys.size()]) < count; });
    std::vector<double> share(count);
    double moved = 0, astray = 0;
    for (const std::string& key : keys) {
      const std::size_t node = ring.Route(key), then = grown.Route(key);
      ++share[node];
      moved += node != then;
      astray += node != then && then != count;  // Only the new node may take keys.
    }
    const auto all = static_cast<double>(keys.size());
    double worst = 0;
    for (const double one : share) {
      worst = std::max(worst, std::abs(one * static_cast<double>(count) / all - 1));
    }
    result.success_rate *= 1 - astray / all;
    result.more["worst_share_percent"] = 100 * worst;
    result.more["moved_percent"] = 100 * moved / all;
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace spa
