// CacheEvents: who wants to know what the cache does as it does it: logs, traces, alerts.
//
//   auto seen = caches.Observe(Bit(CacheEventType::kGet), [](const CacheEvent& event) { ... });
//
// An observer is called at once, on the thread of whoever caused the event, under no lock; it must
// be quick. What it throws is counted and goes no further. Without observers an event costs one
// look at an atomic word.
//
// Threads: any. After a Subscription has ended, a call that had begun may still be under way on
// another thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace spa {

enum class CacheEventType { kGetHit, kGetMiss, kSet, kDelete, kEvict, kLoad, kError };
std::string_view NameOf(CacheEventType type);  // "get_hit", "get_miss", "set", …

using CacheEventMask = std::uint32_t;
constexpr CacheEventMask Bit(CacheEventType type) {
  return CacheEventMask{1} << static_cast<int>(type);
}
inline constexpr CacheEventMask kAllCacheEvents = ~CacheEventMask{0};
inline constexpr CacheEventMask kCacheLookups =
    Bit(CacheEventType::kGetHit) | Bit(CacheEventType::kGetMiss);

struct CacheEvent {
  CacheEvent(CacheEventType type, std::string_view kind, std::string_view key)
      : type(type), kind(kind), key(key) {}
  CacheEventType type;
  std::string_view kind;  // Empty where it concerns all.
  std::string_view key;   // The key's text; never holds a secret. Empty where there is none.
  std::string_view
      result;              // Of a lookup: hit, stale, negative, miss, joined. Of a load: ok, error.
  std::string_view level;  // l1, l2, loaded
  std::chrono::nanoseconds took{0};  // Of a load.
  std::string_view message;          // Of an error.
};

// "cache.get kind=group_members result=hit level=l1"
std::string Render(const CacheEvent& event);

// Ends the observation when it goes. May outlive the cache.
class Subscription {
 public:
  Subscription() = default;
  explicit Subscription(std::shared_ptr<void> end) : end_(std::move(end)) {}

 private:
  std::shared_ptr<void> end_;
};

class CacheEvents {
 public:
  using Observer = std::function<void(const CacheEvent&)>;

  CacheEvents() : observers_(std::make_shared<Observers>()) {}

  [[nodiscard]] Subscription Observe(CacheEventMask mask, Observer observer);
  bool Wanted(CacheEventType type) const {
    return (observers_->wanted.load(std::memory_order_relaxed) & Bit(type)) != 0;
  }
  void Tell(const CacheEvent& event);
  std::uint64_t errors() const { return observers_->errors.load(std::memory_order_relaxed); }

 private:
  struct One {
    CacheEventMask mask;
    Observer call;
  };
  struct Observers {
    std::mutex mutex;
    std::vector<std::shared_ptr<const One>> all;
    std::atomic<CacheEventMask> wanted{0};
    std::atomic<std::uint64_t> errors{0};
  };

  std::shared_ptr<Observers> observers_;
};

}  // namespace spa
