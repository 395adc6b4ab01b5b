// Entry: one remembered answer: a value, or the failure of a load. Immutable once stored and shared
// out, so that it outlives its eviction for whoever holds it.
//
// All deadlines are absolute, so that copying an entry from level to level never extends its life.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "cache/tag.h"
#include "core/result.h"

namespace spa {

using CacheTime = std::chrono::system_clock::time_point;
using CacheClock = std::function<CacheTime()>;

// A mark that is set once, by whoever comes first. A copy of it is not set.
class FirstUse {
 public:
  FirstUse() = default;
  FirstUse(const FirstUse&) {}
  FirstUse& operator=(const FirstUse&) { return *this; }
  bool Claim() const {
    return !claimed_.load(std::memory_order_relaxed) &&
           !claimed_.exchange(true, std::memory_order_relaxed);
  }

 private:
  mutable std::atomic<bool> claimed_{false};
};

struct Entry {
  Entry() = default;

  std::shared_ptr<const void> value;     // Null where `failure` is set. An empty group is a value.
  std::shared_ptr<const Error> failure;  // Stays in memory: errors never reach a second level.
  std::size_t cost = 0;                  // Bytes of the value, without the key.
  CacheTime created;
  CacheTime fresh_until;  // Until then it is served as it is;
  CacheTime stale_until;  // until then marked stale, while a new one is being loaded;
  CacheTime expires;      // until then it stands in where a load fails. After it, it is gone.
  CacheTime hold_until;   // Loading failed: until then nobody tries again.
  std::vector<Tag> tags;
  bool asked = false;  // A lookup brought it, so its key has been asked for before.
  FirstUse first_use;  // Where not: its first lookup claims it.

  // Of an entry that the second level has, too.
  bool shared = false;
  bool compressed = false;               // As it came from there.
  std::uint64_t fence = 0;               // 0: not known.
  std::uint64_t epoch = 0;               // Of the contact with the store it was read in.
  CacheTime recheck = CacheTime::max();  // Then to be looked up there again, if nobody watches it.
};

}  // namespace spa
