#include "permissions/access/minimum_cut.h"

#include <algorithm>

namespace spa {
namespace {

constexpr int kUnlimited = 1 << 30;

// Edge i stands at 2i, its way back at 2i + 1.
struct Network {
  Network(std::size_t nodes, std::span<const CutEdge> edges) : out(nodes) {
    for (const CutEdge& edge : edges) {
      out[edge.from].push_back(static_cast<std::uint32_t>(to.size()));
      to.push_back(edge.to);
      room.push_back(edge.removable ? 1 : kUnlimited);
      out[edge.to].push_back(static_cast<std::uint32_t>(to.size()));
      to.push_back(edge.from);
      room.push_back(0);
    }
  }

  // Sends what fits along one shortest way; 0 where none is left.
  int Push(std::uint32_t source, std::uint32_t sink) {
    constexpr std::uint32_t kNone = UINT32_MAX;
    std::vector<std::uint32_t> by(out.size(), kNone), open = {source};
    std::vector<bool> seen(out.size());
    seen[source] = true;
    for (std::size_t at = 0; at < open.size() && !seen[sink]; ++at) {
      for (const std::uint32_t edge : out[open[at]]) {
        if (room[edge] == 0 || seen[to[edge]]) continue;
        seen[to[edge]] = true;
        by[to[edge]] = edge;
        open.push_back(to[edge]);
      }
    }
    if (!seen[sink]) return 0;
    int fits = kUnlimited;
    for (std::uint32_t node = sink; node != source; node = to[by[node] ^ 1]) {
      fits = std::min(fits, room[by[node]]);
    }
    for (std::uint32_t node = sink; node != source; node = to[by[node] ^ 1]) {
      if (room[by[node]] < kUnlimited) room[by[node]] -= fits;
      if (room[by[node] ^ 1] < kUnlimited) room[by[node] ^ 1] += fits;
    }
    return fits;
  }

  // Who can still send something to `sink`.
  std::vector<bool> Before(std::uint32_t sink) const {
    std::vector<bool> seen(out.size());
    std::vector<std::uint32_t> open = {sink};
    seen[sink] = true;
    for (std::size_t at = 0; at < open.size(); ++at) {
      for (const std::uint32_t edge : out[open[at]]) {
        if (room[edge ^ 1] == 0 || seen[to[edge]]) continue;
        seen[to[edge]] = true;
        open.push_back(to[edge]);
      }
    }
    return seen;
  }

  std::vector<std::vector<std::uint32_t>> out;
  std::vector<std::uint32_t> to;
  std::vector<int> room;
};

}  // namespace

std::optional<std::vector<std::size_t>> MinimumCut(std::size_t nodes,
                                                   std::span<const CutEdge> edges,
                                                   std::uint32_t source, std::uint32_t sink) {
  if (source == sink) return std::nullopt;
  Network network(nodes, edges);
  for (int sent; (sent = network.Push(source, sink)) > 0;) {
    if (sent == kUnlimited) return std::nullopt;
  }
  const std::vector<bool> near = network.Before(sink);
  std::vector<std::size_t> cut;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    if (!near[edges[i].from] && near[edges[i].to]) cut.push_back(i);
  }
  return cut;
}

}  // namespace spa
