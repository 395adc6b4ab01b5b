// The fewest edges whose removal leaves no way from one node of a graph to another.
//
// Exact: the greatest flow over edges of capacity one (Ford and Fulkerson), so cycles and any
// number of ways cost no more than edges times the size of the cut. Knows nothing of access.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace spa {

struct CutEdge {
  CutEdge() = default;
  CutEdge(std::uint32_t from, std::uint32_t to, bool removable)
      : from(from), to(to), removable(removable) {}
  std::uint32_t from = 0, to = 0;
  bool removable = true;
};

// Numbers of the edges to remove, in order; of several smallest sets the one nearest to `sink`.
// Empty where there is no way to begin with, nothing where a way has no removable edge.
std::optional<std::vector<std::size_t>> MinimumCut(std::size_t nodes,
                                                   std::span<const CutEdge> edges,
                                                   std::uint32_t source, std::uint32_t sink);

}  // namespace spa
