#include "cache/node_ring.h"

#include <cassert>
#include <cmath>

namespace spa {
namespace {

// Finalizer of SplitMix64 (Steele, Lea, Flood 2014): every bit depends on every other.
std::uint64_t Mix(std::uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// Eight bytes at a time, little-endian by hand: the same on every machine.
std::uint64_t Hash(std::string_view text) {
  std::uint64_t hash = 0x9e3779b97f4a7c15ULL ^ text.size();
  while (!text.empty()) {
    std::uint64_t word = 0;
    const std::size_t take = text.size() < 8 ? text.size() : 8;
    for (std::size_t i = 0; i < take; ++i) {
      word |= std::uint64_t{static_cast<unsigned char>(text[i])} << (8 * i);
    }
    text.remove_prefix(take);
    hash = Mix(hash ^ word) + 0x9e3779b97f4a7c15ULL;
  }
  return Mix(hash);
}

}  // namespace

NodeRing::NodeRing(std::vector<Node> nodes) : nodes_(std::move(nodes)) {
  assert(!nodes_.empty());
  for (const Node& node : nodes_) {
    seeds_.push_back(Hash(node.name));
    weighted_ = weighted_ || node.weight != nodes_.front().weight;
  }
}

std::size_t NodeRing::Route(std::string_view key) const {
  const std::uint64_t hash = Hash(key);
  std::size_t best = 0;
  if (!weighted_) {
    std::uint64_t top = 0;
    for (std::size_t i = 0; i < seeds_.size(); ++i) {
      const std::uint64_t score = Mix(hash ^ seeds_[i]) >> 11;
      // Equal scores: the name decides, so that the order of nodes does not.
      if (i == 0 || score > top || (score == top && nodes_[i].name < nodes_[best].name)) {
        top = score;
        best = i;
      }
    }
    return best;
  }
  double top = 0;
  for (std::size_t i = 0; i < seeds_.size(); ++i) {
    // u in (0, 1); the highest of -weight / ln(u) wins, which wins weight / sum of the time. Equal
    // weights give the same order as above.
    const std::uint64_t bits = Mix(hash ^ seeds_[i]) >> 11;
    const double u = (static_cast<double>(bits) + 0.5) * 0x1p-53;
    const double score = -nodes_[i].weight / std::log(u);
    if (i == 0 || score > top || (score == top && nodes_[i].name < nodes_[best].name)) {
      top = score;
      best = i;
    }
  }
  return best;
}

}  // namespace spa
