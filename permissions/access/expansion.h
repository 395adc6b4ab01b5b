// Expansion: everybody a group leads to, through all nesting, and by which chains of groups.
//
// A chain is a path of groups without repetition, so cycles end by themselves. Chains share their
// beginnings: a chain is its last group and the chain before it. Every group that can be reached
// is, by its shortest chain; of the others no more than kMostChains and kMostSteps are kept, and
// `more` tells that there are more.
//
// Expansions keeps what was computed, the ones used last, within kKeptSteps; so a group of tens of
// thousands is expanded once, however many scopes it stands in.
//
// Threads: one. Lifetime: within its Principals.
#pragma once

#include <list>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "permissions/access/principals.h"

namespace spa {

struct Chain {
  Chain() = default;
  Chain(Node group, std::uint32_t before) : group(group), before(before) {}
  Node group = kNoNode;
  std::uint32_t before = UINT32_MAX;  // Number of the chain it prolongs; none for the first.
};

struct Step {  // Somebody, and the chain whose last group he stands in.
  Step() = default;
  Step(Node who, std::uint32_t chain) : who(who), chain(chain) {}
  Node who = kNoNode;
  std::uint32_t chain = 0;
};

struct Expansion {
  Expansion() = default;
  std::vector<Chain> chains;  // The first is the group itself; then the shorter ones first.
  std::vector<Step> steps;    // By `who`, then by chain: people, audiences, applications.
  bool more = false;          // Chains were left out; nobody was.
  bool lower = false;         // Members of some group on the way are not known.
};

class Expansions {
 public:
  static constexpr std::size_t kMostChains = 1024, kMostSteps = 2'000'000;
  static constexpr std::size_t kKeptSteps = 8'000'000;  // of 8 bytes

  // `without`: as if these principals did not exist.
  explicit Expansions(const Principals& principals, std::unordered_set<Node> without = {})
      : principals_(principals), without_(std::move(without)) {}

  std::shared_ptr<const Expansion> Of(Node group);
  bool Without(Node node) const { return !without_.empty() && without_.contains(node); }

 private:
  std::shared_ptr<const Expansion> Expand(Node group) const;

  const Principals& principals_;
  std::unordered_set<Node> without_;
  struct Kept {
    Kept() = default;
    std::shared_ptr<const Expansion> expansion;
    std::list<Node>::iterator place;
  };
  std::unordered_map<Node, Kept> kept_;
  std::list<Node> used_;  // The one used last in front.
  std::size_t steps_ = 0;
};

}  // namespace spa
