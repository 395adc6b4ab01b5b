// The smallest cut, against trying all sets of edges.
#include "permissions/access/minimum_cut.h"

#include <algorithm>
#include <bit>
#include <random>

#include "tests/catch.h"

using namespace spa;

namespace {

bool Reaches(std::size_t nodes, const std::vector<CutEdge>& edges, std::uint32_t removed,
             std::uint32_t source, std::uint32_t sink) {
  std::vector<bool> seen(nodes);
  std::vector<std::uint32_t> open = {source};
  seen[source] = true;
  while (!open.empty()) {
    const std::uint32_t at = open.back();
    open.pop_back();
    for (std::size_t i = 0; i < edges.size(); ++i) {
      if ((removed >> i & 1) != 0 || edges[i].from != at || seen[edges[i].to]) continue;
      seen[edges[i].to] = true;
      open.push_back(edges[i].to);
    }
  }
  return seen[sink];
}

// The size of the smallest set of removable edges that ends all ways, by trying every set.
std::optional<int> SmallestByTrying(std::size_t nodes, const std::vector<CutEdge>& edges,
                                    std::uint32_t source, std::uint32_t sink) {
  std::uint32_t removable = 0;
  for (std::size_t i = 0; i < edges.size(); ++i) removable |= edges[i].removable << i;
  std::optional<int> best;
  for (std::uint32_t set = 0; set < 1u << edges.size(); ++set) {
    if ((set & ~removable) != 0) continue;
    const int size = std::popcount(set);
    if (best && size >= *best) continue;
    if (!Reaches(nodes, edges, set, source, sink)) best = size;
  }
  return best;
}

}  // namespace

TEST_CASE("The cut is the smallest there is, on random graphs with cycles") {
  std::mt19937 random(7);
  int cuts = 0, impossible = 0, large = 0;
  for (int round = 0; round < 1'500; ++round) {
    const std::size_t nodes = 2 + random() % 6;
    std::vector<CutEdge> edges;
    const std::size_t count = random() % 13;
    for (std::size_t i = 0; i < count; ++i) {
      edges.emplace_back(random() % nodes, random() % nodes, random() % 5 != 0);
    }
    const auto sink = static_cast<std::uint32_t>(nodes - 1);

    const auto cut = MinimumCut(nodes, edges, 0, sink);

    const auto smallest = SmallestByTrying(nodes, edges, 0, sink);
    REQUIRE(cut.has_value() == smallest.has_value());
    if (!cut) {
      ++impossible;
      continue;
    }
    REQUIRE(static_cast<int>(cut->size()) == *smallest);
    std::uint32_t set = 0;
    for (const std::size_t edge : *cut) {
      REQUIRE(edges[edge].removable);
      set |= 1u << edge;
    }
    REQUIRE_FALSE(Reaches(nodes, edges, set, 0, sink));
    cuts += !cut->empty();
    large += cut->size() > 1;
  }
  CHECK(cuts > 200);
  CHECK(large > 50);
  CHECK(impossible > 20);
}

TEST_CASE("Of several smallest cuts the one nearest to the end is taken") {
  const std::vector<CutEdge> chain = {{0, 1, true}, {1, 2, true}, {2, 3, true}};

  CHECK(MinimumCut(4, chain, 0, 3) == std::vector<std::size_t>{2});
}

TEST_CASE("Where there is no way nothing has to be cut") {
  const std::vector<CutEdge> apart = {{1, 0, true}, {2, 1, true}};

  CHECK(MinimumCut(3, apart, 0, 2) == std::vector<std::size_t>{});
}
