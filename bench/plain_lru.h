// PlainLru: what one would write at first: one lock, one list. For comparison.
//
// Threads: any.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace spa {

class PlainLru {
 public:
  using Value = std::shared_ptr<const void>;

  explicit PlainLru(std::size_t limit) : limit_(limit) {}

  Value Get(const std::string& key) {
    std::lock_guard lock(mutex_);
    const auto found = places_.find(key);
    if (found == places_.end()) return nullptr;
    order_.splice(order_.begin(), order_, found->second);
    return found->second->second;
  }
  void Set(const std::string& key, Value value) {
    std::lock_guard lock(mutex_);
    const auto found = places_.find(key);
    if (found != places_.end()) order_.erase(found->second);
    order_.emplace_front(key, std::move(value));
    places_[key] = order_.begin();
    if (order_.size() <= limit_) return;
    places_.erase(order_.back().first);
    order_.pop_back();
  }

 private:
  using Order = std::list<std::pair<std::string, Value>>;
  const std::size_t limit_;
  std::mutex mutex_;
  Order order_;  // Last used first.
  std::unordered_map<std::string, Order::iterator> places_;
};

}  // namespace spa
