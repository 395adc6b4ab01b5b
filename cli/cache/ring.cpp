// The verbs about which of several independent Redis servers a key belongs to.
#include <fmt/format.h>

#include <algorithm>

#include "cache/node_ring.h"
#include "cache/redis/endpoint.h"
#include "cli/cache/answer.h"
#include "cli/cache/key_words.h"
#include "cli/cache/verbs.h"
#include "cli/cache_options.h"

namespace spa {
namespace {

constexpr int kSampleKeys = 10'000;
// Of the routes of the sample over nodes a, b, c (FNV-1a over their indices). It never changes:
// keys would be looked for where they are not.
constexpr std::uint64_t kKnownRoutes = 0x3bddf961b524fae3;

std::string SampleKey(int i) { return fmt::format("sharepoint_audit:group_members:1:{}", i); }

// "a,b*2,c" of --nodes, else the servers of a redis+ring:// second level.
Result<NodeRing> RingOf(const CacheCall& call) {
  std::vector<NodeRing::Node> nodes;
  if (call.Has("nodes")) {
    for (const std::string& word : SplitWords(call.Text("nodes"), ',')) {
      const std::size_t star = std::min(word.find('*'), word.size());
      double weight = 1;
      if (star < word.size()) {
        try {
          weight = std::stod(word.substr(star + 1));
        } catch (const std::exception&) {
          weight = 0;
        }
      }
      if (star == 0 || !(weight > 0)) {
        return Fail(ErrorCode::kUsage, fmt::format("--nodes: \"{}\" is no node", word),
                    "give names with commas between, and a weight as NAME*2");
      }
      nodes.emplace_back(word.substr(0, star), weight);
    }
  } else {
    const std::string url = SecondLevelOf(call.config());
    if (url.starts_with("redis+ring://")) {
      const auto endpoint = ParseRedisUrl(url, StoreSecurityOf(call.config()));
      if (!endpoint) return Fail(endpoint.error());
      for (const RedisHost& host : endpoint->hosts) nodes.emplace_back(host.Name(), host.weight);
    }
  }
  if (nodes.empty()) {
    return Fail(ErrorCode::kUsage, "there is no ring",
                "name its nodes with --nodes a,b,c, or give --l2 redis+ring://a,b,c");
  }
  return NodeRing(std::move(nodes));
}

std::vector<int> KeysByNode(const NodeRing& ring) {
  std::vector<int> counts(ring.nodes().size());
  for (int i = 0; i < kSampleKeys; ++i) ++counts[ring.Route(SampleKey(i))];
  return counts;
}

}  // namespace

Result<ExitCode> CacheRingRoute(const CacheCall& call) {
  const auto ring = RingOf(call);
  if (!ring) return Fail(ring.error());
  const CacheKey key = KeyTyped(call.words().front());
  const std::string& node = ring->nodes()[ring->Route(key.text())].name;
  return Answer(call, {{"key", key.text()}, {"node", node}}, node);
}

Result<ExitCode> CacheRingShow(const CacheCall& call) {
  const auto ring = RingOf(call);
  if (!ring) return Fail(ring.error());
  const std::vector<int> counts = KeysByNode(*ring);
  Json nodes = Json::array();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    nodes.push_back({{"node", ring->nodes()[i].name},
                     {"weight", ring->nodes()[i].weight},
                     {"percent", 100.0 * counts[i] / kSampleKeys}});
  }
  return Answer(call, {{"sample", kSampleKeys}, {"nodes", std::move(nodes)}});
}

Result<ExitCode> CacheRingSelftest(const CacheCall& call) {
  const NodeRing all({{"a"}, {"b"}, {"c"}}), without({{"a"}, {"c"}});
  std::uint64_t digest = 0xcbf29ce484222325;
  int strangers = 0;
  for (int i = 0; i < kSampleKeys; ++i) {
    const std::size_t at = all.Route(SampleKey(i));
    digest = (digest ^ at) * 0x100000001b3;
    const std::string& now = without.nodes()[without.Route(SampleKey(i))].name;
    if (all.nodes()[at].name != "b" && all.nodes()[at].name != now) ++strangers;
  }
  const std::vector<int> counts = KeysByNode(all);
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  const double lowest = 100.0 * *least / kSampleKeys, highest = 100.0 * *most / kSampleKeys;
  const bool even = lowest >= 30 && highest <= 37;
  const bool ok = even && strangers == 0 && digest == kKnownRoutes;
  Json answer = {{"ok", ok},
                 {"keys", kSampleKeys},
                 {"routes_as_known", digest == kKnownRoutes},
                 {"lowest_percent", lowest},
                 {"highest_percent", highest},
                 {"moved_that_should_stay", strangers}};
  if (digest != kKnownRoutes) answer["digest"] = fmt::format("{:#x}", digest);
  return Answer(call, answer, ok ? ExitCode::kDone : ExitCode::kFailure);
}

}  // namespace spa
