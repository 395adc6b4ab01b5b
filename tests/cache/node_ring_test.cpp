#include "cache/node_ring.h"

#include <array>
#include <map>

#include "cache/cache_key.h"
#include "tests/catch.h"

namespace spa {
namespace {

constexpr int kKeys = 10'000;

std::string Key(int i) { return "sharepoint_audit:group_members:1:g" + std::to_string(i); }

NodeRing Ring(std::vector<std::string> names) {
  std::vector<NodeRing::Node> nodes;
  for (std::string& name : names) nodes.emplace_back(std::move(name));
  return NodeRing(std::move(nodes));
}

TEST_CASE("Ten thousand keys stand on the nodes where they always stood",
          "[cache][ring][S0-13][S0-14]") {
  const NodeRing ring = Ring({"a:6379", "b:6379", "c:6379"});
  std::uint64_t digest = 14695981039346656037ULL;  // FNV-1a over the routes
  for (int i = 0; i < kKeys; ++i) digest = (digest ^ ring.Route(Key(i))) * 1099511628211ULL;
  // Frozen: other processes, of other builds, look for these keys there.
  CHECK(digest == 0x521a361934eab7dULL);
}

TEST_CASE("Three equal nodes have a third each", "[cache][ring][S0-14]") {
  const NodeRing ring = Ring({"a:6379", "b:6379", "c:6379"});
  std::array<int, 3> counts{};
  for (int i = 0; i < kKeys; ++i) ++counts[ring.Route(Key(i))];
  for (const int count : counts) {
    CHECK(count >= kKeys * 30 / 100);
    CHECK(count <= kKeys * 36 / 100);
  }
}

TEST_CASE("Taking a node away moves only its own keys", "[cache][ring][S0-14]") {
  const NodeRing all = Ring({"a:6379", "b:6379", "c:6379", "d:6379"});
  const NodeRing fewer = Ring({"d:6379", "a:6379", "c:6379"});  // And in another order.
  int moved = 0;
  for (int i = 0; i < kKeys; ++i) {
    const std::string& before = all.nodes()[all.Route(Key(i))].name;
    const std::string& after = fewer.nodes()[fewer.Route(Key(i))].name;
    if (before == "b:6379") {
      ++moved;
    } else {
      REQUIRE(before == after);
    }
  }
  CHECK(moved > kKeys / 5);
}

TEST_CASE("A node of twice the weight has twice the keys", "[cache][ring][S0-13]") {
  const NodeRing ring({{"a:6379", 2}, {"b:6379", 1}, {"c:6379", 1}});
  std::map<std::size_t, int> counts;
  for (int i = 0; i < kKeys; ++i) ++counts[ring.Route(Key(i))];
  CHECK(counts[0] > kKeys * 47 / 100);
  CHECK(counts[0] < kKeys * 53 / 100);
  CHECK(counts[1] > kKeys * 22 / 100);
}

}  // namespace
}  // namespace spa
