#include "cache/eviction.h"

#include <algorithm>

namespace spa {
namespace {
constexpr std::uint8_t kMostUses = 3;
}

void Eviction::Node::Touch() {
  const std::uint8_t uses = uses_.load(std::memory_order_relaxed);
  if (uses < kMostUses) uses_.store(uses + 1, std::memory_order_relaxed);
}

void Eviction::Add(Node& node) { window_.push_front(node); }

void Eviction::Remove(Node& node) {
  if (node.in_window_) {
    window_.erase(window_.iterator_to(node));
    return;
  }
  const auto at = main_.iterator_to(node);
  if (hand_ == at) hand_ = at == main_.begin() ? main_.end() : std::prev(at);
  main_.erase(at);
}

bool Eviction::WindowOverfull() const {
  return window_.size() > std::max<std::size_t>((window_.size() + main_.size()) / 10, 1);
}

void Eviction::Promote() {
  Node& node = window_.back();
  window_.pop_back();
  node.in_window_ = false;
  main_.push_front(node);
}

void Eviction::Settle() {
  while (WindowOverfull()) Promote();
}

// The hand rests on the victim, so that one which wins its duel is the next one asked.
Eviction::Node* Eviction::NextInMain() {
  if (main_.empty()) return nullptr;
  for (;;) {
    if (hand_ == main_.end()) hand_ = std::prev(main_.end());
    const std::uint8_t uses = hand_->uses_.load(std::memory_order_relaxed);
    if (uses == 0) return &*hand_;
    hand_->uses_.store(uses - 1, std::memory_order_relaxed);
    hand_ = hand_ == main_.begin() ? main_.end() : std::prev(hand_);
  }
}

Eviction::Node* Eviction::PickVictim(const Node* keep) {
  Node* victim = NextInMain();
  Node* candidate = window_.empty() ? nullptr : &window_.back();
  if (candidate == keep) candidate = nullptr;
  if (victim && candidate && WindowOverfull()) {
    if (sketch_.Frequency(candidate->print_) > sketch_.Frequency(victim->print_)) {
      Promote();
    } else {
      victim = candidate;
    }
  } else if (!victim) {
    victim = candidate;
  }
  if (victim) Remove(*victim);
  return victim;
}

}  // namespace spa
