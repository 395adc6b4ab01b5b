// CacheManager: owns the cache of every kind and says how it did.
//
//   CacheManager caches({.entries = config.cache.local_cache_size});
//   auto groups = caches.Open<GroupMembers>(CacheKind::kGroupMembers);
//
// Turned off (`--no-cache`) there is neither memory nor coalescing: every GetOrLoad calls its
// loader, Get finds nothing, Set and Erase do nothing, and lookups stay 0.
//
// Threads: the io_context's thread.
// Lifetime: must outlive every Task of its caches; then no load is left over
// (cache/single_flight.h).
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <typeindex>

#include "cache/cache.h"
#include "cache/cache_policy.h"
#include "cache/cache_stats.h"

namespace spa {

class CacheManager {
 public:
  struct Options {
    bool enabled = true;
    std::size_t entries = 10'000;               // Of each kind; its index is laid out at once.
    std::size_t bytes = std::size_t{64} << 20;  // Of all kinds, shared out by CachePolicy.
    CacheClock clock = std::chrono::system_clock::now;
  };

  explicit CacheManager(Options options);
  ~CacheManager();
  CacheManager(const CacheManager&) = delete;

  // The cache of the kind. A kind holds one type: opening it with another is a bug (logic_error).
  template <class T>
  Cache<T> Open(CacheKind kind) {
    return Cache<T>(KindOf(kind, typeid(T)));
  }

  CacheStats Stats() const;

 private:
  struct Opened;
  KindCache& KindOf(CacheKind kind, std::type_index type);

  Options options_;
  std::array<std::unique_ptr<Opened>, kCacheKinds> opened_;
};

}  // namespace spa
