#include "permissions/access/expansion.h"

#include <algorithm>

namespace spa {
namespace {

bool StandsIn(const std::vector<Chain>& chains, std::uint32_t chain, Node group) {
  for (; chain != UINT32_MAX; chain = chains[chain].before) {
    if (chains[chain].group == group) return true;
  }
  return false;
}

}  // namespace

std::shared_ptr<const Expansion> Expansions::Of(Node group) {
  if (const auto found = kept_.find(group); found != kept_.end()) {
    used_.splice(used_.begin(), used_, found->second.place);
    return found->second.expansion;
  }
  auto expansion = Expand(group);
  steps_ += expansion->steps.size();
  used_.push_front(group);
  Kept& kept = kept_[group];
  kept.expansion = expansion;
  kept.place = used_.begin();
  while (steps_ > kKeptSteps && used_.size() > 1) {
    const auto oldest = kept_.find(used_.back());
    steps_ -= oldest->second.expansion->steps.size();
    kept_.erase(oldest);
    used_.pop_back();
  }
  return expansion;
}

std::shared_ptr<const Expansion> Expansions::Expand(Node group) const {
  using State = Principal::State;
  auto made = std::make_shared<Expansion>();
  Expansion& out = *made;
  if (Without(group)) return made;
  std::unordered_set<Node> seen = {group};
  std::vector<bool> other = {false};  // Chains to a group that a shorter one leads to, too.
  out.chains.emplace_back(group, UINT32_MAX);
  // Chain by chain as they were found: the shorter ones first.
  for (std::uint32_t at = 0; at < out.chains.size(); ++at) {
    const Node last = out.chains[at].group;
    if (other[at] && out.steps.size() >= kMostSteps) {
      out.more = true;
      continue;
    }
    const Principal& here = principals_.At(last);
    // A group that is only named inside a directory group: its members are listed there.
    const bool told_above =
        here.state == State::kNotAsked && at > 0 &&
        principals_.At(out.chains[out.chains[at].before].group).kind == Principal::Kind::kGroup;
    // One that is gone leads to nobody.
    if (here.state != State::kRead && here.state != State::kDeleted && !told_above) {
      out.lower = true;
    }
    if (principals_.HasStrangers(last)) out.lower = true;
    for (const Node member : principals_.MembersOf(last)) {
      if (Without(member)) continue;
      if (!principals_.At(member).is_group()) {
        out.steps.emplace_back(member, at);
        continue;
      }
      const bool first = seen.insert(member).second;
      if (!first && StandsIn(out.chains, at, member)) continue;
      if (!first && out.chains.size() >= kMostChains) {
        out.more = true;
        continue;
      }
      out.chains.emplace_back(member, at);
      other.push_back(!first);
    }
  }
  std::sort(out.steps.begin(), out.steps.end(), [](const Step& a, const Step& b) {
    return a.who != b.who ? a.who < b.who : a.chain < b.chain;
  });
  out.steps.shrink_to_fit();
  return made;
}

}  // namespace spa
