#include "cache/eviction.h"

#include <algorithm>

namespace spa {
namespace {
constexpr std::uint8_t kMostUses = 3;
constexpr int kModerate = 6;           // Of a frequency's 15.
constexpr std::uint32_t kOneIn = 128;  // Moderate losers that get in.
constexpr std::string_view kPolicies[] = {"hybrid", "lru", "s3fifo"};
}  // namespace

std::string_view NameOf(EvictionPolicy policy) {
  return kPolicies[static_cast<std::size_t>(policy)];
}
std::optional<EvictionPolicy> EvictionPolicyNamed(std::string_view name) {
  const auto at = std::find(std::begin(kPolicies), std::end(kPolicies), name);
  if (at == std::end(kPolicies)) return std::nullopt;
  return static_cast<EvictionPolicy>(at - std::begin(kPolicies));
}

Eviction::Eviction(EvictionPolicy policy, std::size_t entries)
    : policy_(policy), sketch_(policy == EvictionPolicy::kHybrid ? entries : 0) {}

void Eviction::Push(Queue& queue, Node& node, Node::Place place) {
  node.place_ = place;
  queue.push_front(node);
}

void Eviction::Add(Node& node) {
  switch (policy_) {
    case EvictionPolicy::kHybrid:
      sketch_.Record(node.print_);
      return Push(window_, node, Node::Place::kWindow);
    case EvictionPolicy::kLru:
      return Push(main_, node, Node::Place::kMain);
    case EvictionPolicy::kS3Fifo:
      if (ghosts_.Has(node.print_.high)) return Push(main_, node, Node::Place::kMain);
      return Push(window_, node, Node::Place::kWindow);
  }
}

void Eviction::Remove(Node& node) {
  CountHits(node);
  if (node.place_ == Node::Place::kWindow) {
    window_.erase(window_.iterator_to(node));
  } else {
    const auto at = main_.iterator_to(node);
    if (hand_ == at) hand_ = at == main_.begin() ? main_.end() : std::prev(at);
    main_.erase(at);
  }
  node.place_ = Node::Place::kNowhere;
}

void Eviction::Touch(Node& node) {
  if (policy_ != EvictionPolicy::kLru || node.place_ == Node::Place::kNowhere) return;
  main_.splice(main_.begin(), main_, main_.iterator_to(node));
}

void Eviction::CountHits(Node& node) {
  const std::uint32_t hits = node.hits();
  const std::uint32_t fresh = hits - node.counted_;
  if (fresh == 0) return;
  node.counted_ = hits;
  node.uses_ = static_cast<std::uint8_t>(std::min<std::uint32_t>(kMostUses, node.uses_ + fresh));
  if (policy_ == EvictionPolicy::kHybrid) sketch_.Record(node.print_, fresh);
}

// With `leaving` of the entries gone.
bool Eviction::WindowOverfull(std::size_t leaving) const {
  const std::size_t entries = window_.size() + main_.size() - leaving;
  return window_.size() > std::max<std::size_t>(entries / 10, 1);
}

void Eviction::Promote() {
  Node& node = window_.back();
  window_.pop_back();
  CountHits(node);
  node.uses_ = 0;
  Push(main_, node, Node::Place::kMain);
}

void Eviction::Settle() {
  if (policy_ != EvictionPolicy::kHybrid) return;
  while (WindowOverfull(0)) Promote();
}

Eviction::Node* Eviction::PickVictim(const Node* keep) {
  Node* victim = policy_ == EvictionPolicy::kHybrid ? PickHybrid(keep)
                 : policy_ == EvictionPolicy::kLru  ? PickLru(keep)
                                                    : PickS3Fifo(keep);
  if (!victim) return nullptr;
  if (policy_ == EvictionPolicy::kS3Fifo && victim->place_ == Node::Place::kWindow) {
    ghosts_.Add(victim->print_.high, std::max<std::size_t>(main_.size(), 8));
  }
  Remove(*victim);
  return victim;
}

// The hand rests on the victim, so that one which wins its duel is the next one asked.
Eviction::Node* Eviction::NextInMain(const Node* keep) {
  if (main_.empty() || (main_.size() == 1 && &main_.front() == keep)) return nullptr;
  for (;;) {
    if (hand_ == main_.end()) hand_ = std::prev(main_.end());
    CountHits(*hand_);
    if (hand_->uses_ == 0 && &*hand_ != keep) return &*hand_;
    if (hand_->uses_ > 0) --hand_->uses_;
    hand_ = hand_ == main_.begin() ? main_.end() : std::prev(hand_);
  }
}

bool Eviction::Admits(const Node& candidate, const Node& victim) {
  const int frequency = sketch_.Frequency(candidate.print_);
  if (frequency > sketch_.Frequency(victim.print_)) return true;
  return frequency >= kModerate && ++losers_ % kOneIn == 0;
}

Eviction::Node* Eviction::PickHybrid(const Node* keep) {
  Node* victim = NextInMain(keep);
  Node* candidate = window_.empty() ? nullptr : &window_.back();
  if (candidate == keep) candidate = nullptr;
  if (!victim || !candidate) return victim ? victim : candidate;
  if (!WindowOverfull(1)) return victim;  // As Settle will find it.
  CountHits(*candidate);
  if (!Admits(*candidate, *victim)) return candidate;
  Promote();
  return victim;
}

Eviction::Node* Eviction::PickLru(const Node* keep) {
  if (main_.empty() || &main_.back() == keep) return nullptr;
  return &main_.back();
}

// What was asked for more than once moves from the window to main; main gives those that were asked
// for another round.
Eviction::Node* Eviction::PickS3Fifo(const Node* keep) {
  while (WindowOverfull(0) || main_.empty()) {
    if (window_.empty() || &window_.back() == keep) break;
    Node& oldest = window_.back();
    CountHits(oldest);
    if (oldest.uses_ <= 1) return &oldest;
    oldest.uses_ = 0;
    Promote();
  }
  for (std::size_t asked = 0; !main_.empty() && asked < (kMostUses + 1) * main_.size(); ++asked) {
    Node& oldest = main_.back();
    CountHits(oldest);
    if (oldest.uses_ == 0 && &oldest != keep) return &oldest;
    if (oldest.uses_ > 0) --oldest.uses_;
    main_.splice(main_.begin(), main_, main_.iterator_to(oldest));
  }
  return window_.empty() || &window_.back() == keep ? nullptr : &window_.back();
}

void Eviction::Ghosts::Add(std::uint64_t print, std::size_t limit) {
  order_.push_back(print);
  ++count_[print];
  while (order_.size() > limit) {
    if (const auto at = count_.find(order_.front()); --at->second == 0) count_.erase(at);
    order_.pop_front();
  }
}

}  // namespace spa
