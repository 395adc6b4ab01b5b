// Cache<T>: remembers values of one kind, so that what was read once need not be read again.
//
// GetOrLoad is the way in: a remembered answer, else one load for all who ask at the same time.
// Values are shared and immutable; a value outlives its eviction for whoever holds it. An empty
// value is a value. A failed load stays a failure for its caller; some are remembered
// (NegativeTtl).
//
// Threads: the io_context's thread.
// Lifetime: a light handle, to be copied at will; the CacheManager it came from must outlive it and
// every Task it gave out.
// Errors: only those of the loader. The cache has none of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "cache/cost.h"
#include "cache/kind_cache.h"

namespace spa {

template <class T>
struct Hit {
  explicit Hit(KindCache::Found found)
      : value(std::static_pointer_cast<const T>(std::move(found.data))),
        age(found.age),
        level(found.level) {}

  std::shared_ptr<const T> value;  // Never null.
  std::chrono::seconds age;        // Since the value was loaded or set; 0 for a fresh load.
  CacheLevel level;
};

// Reads the thing from where it really is. Copied and kept until its Task has ended; what it refers
// to must outlive every caller that may come to wait for it (cache/single_flight.h).
template <class T>
using Loader = std::function<Task<Result<T>>()>;

template <class T>
class Cache {
 public:
  explicit Cache(KindCache& kind) : kind_(&kind) {}

  // The remembered value or failure under the key; else what the load yields, run once however many
  // ask. A caller may be cancelled without harm to the others.
  [[nodiscard]] Task<Result<Hit<T>>> GetOrLoad(CacheKey key, Loader<T> load) {
    // Named: g++ 12 destroys a closure that owns something twice if it is made inside a co_await.
    std::function<Task<Result<KindCache::Value>>()> erased = [load = std::move(load)] {
      return Erased(load);
    };
    auto found = co_await kind_->GetOrLoad(std::move(key), std::move(erased));
    if (!found) co_return Fail(std::move(found.error()));
    co_return Hit<T>(*std::move(found));
  }

  // What is remembered under the key: nothing, a value, or the failure of a load.
  [[nodiscard]] Task<std::optional<Result<Hit<T>>>> Get(CacheKey key) {
    auto found = kind_->Get(key);
    if (!found) co_return std::nullopt;
    if (!*found) co_return Result<Hit<T>>(Fail(std::move(found->error())));
    co_return Result<Hit<T>>(Hit<T>(**std::move(found)));
  }

  // Remembers the value. A load under way for the key is overtaken: its result is not remembered.
  [[nodiscard]] Task<void> Set(CacheKey key, T value) {
    kind_->Set(key, Boxed(std::move(value)));
    co_return;
  }

  // Forgets the key, and overtakes a load under way for it. True where something was remembered.
  [[nodiscard]] Task<bool> Erase(CacheKey key) { co_return kind_->Erase(key); }

 private:
  static KindCache::Value Boxed(T value) {
    auto data = std::make_shared<const T>(std::move(value));
    const std::size_t cost = CostOf(*data);
    return KindCache::Value(std::move(data), cost);
  }

  static Task<Result<KindCache::Value>> Erased(Loader<T> load) {
    Result<T> loaded = co_await load();
    if (!loaded) co_return Fail(std::move(loaded.error()));
    co_return Boxed(*std::move(loaded));
  }

  KindCache* kind_;
};

}  // namespace spa
