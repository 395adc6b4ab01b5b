// KindCache: what one kind remembers, with its values' type erased. Cache<T> (cache/cache.h) is the
// face to use; this is the engine behind it, the same for every kind.
//
// Threads: the io_context's thread.
// Lifetime: owned by the CacheManager, which must outlive every Task it gave out.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "cache/cache_key.h"
#include "cache/cache_policy.h"
#include "cache/cache_stats.h"
#include "cache/entry.h"
#include "cache/memory_store.h"
#include "cache/seen_keys.h"
#include "cache/single_flight.h"
#include "core/async/task.h"
#include "core/result.h"

namespace spa {

// Where an answer came from.
enum class CacheLevel {
  kL1,      // This process's memory.
  kLoaded,  // The loader: run for this caller, or joined while it ran for another.
};

class KindCache {
 public:
  struct Value {
    Value() = default;
    Value(std::shared_ptr<const void> data, std::size_t cost) : data(std::move(data)), cost(cost) {}
    std::shared_ptr<const void> data;
    std::size_t cost = 0;
  };
  struct Found {
    Found(std::shared_ptr<const void> data, std::chrono::seconds age, CacheLevel level)
        : data(std::move(data)), age(age), level(level) {}
    std::shared_ptr<const void> data;
    std::chrono::seconds age;
    CacheLevel level;
  };
  using Load = std::function<Task<Result<Value>>()>;

  // `limits`: nothing turns the kind off: every GetOrLoad loads, alone.
  KindCache(const CachePolicy& policy, std::optional<MemoryStore::Limits> limits, CacheClock clock);

  [[nodiscard]] Task<Result<Found>> GetOrLoad(CacheKey key, Load load);
  std::optional<Result<Found>> Get(const CacheKey& key);
  void Set(const CacheKey& key, Value value);
  bool Erase(const CacheKey& key);

  KindStats Stats() const;

 private:
  std::optional<Result<Found>> Look(const CacheKey& key);
  void CountLookup(const CacheKey& key, std::uint64_t KindStats::*outcome);
  Task<Result<Value>> CountedLoad(Load load);
  void Remember(const CacheKey& key, const Result<Value>& loaded);
  void Store(const CacheKey& key, Entry entry, std::chrono::seconds ttl);

  const CachePolicy& policy_;
  CacheClock clock_;
  std::unique_ptr<MemoryStore> store_;  // Null when off.
  SingleFlight<Result<Value>> flights_;
  SeenKeys seen_;
  KindStats stats_;
};

}  // namespace spa
