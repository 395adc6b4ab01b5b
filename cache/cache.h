// Cache<T>: remembers values of one kind, so that what was read once need not be read again.
//
// GetOrLoad is the way in: a remembered answer, else one load for all who ask at the same time,
// also in other processes that share the second level. Values are shared and immutable; a value
// outlives its eviction for whoever holds it. An empty value is a value. A failed load stays a
// failure for its caller; some are remembered (NegativeTtl).
//
// Threads: any.
// Lifetime: a light handle, to be copied at will; the CacheManager it came from must outlive it and
// every Task it gave out. Where the manager does background work (it was opened), a loader may run
// after the GetOrLoad that brought it has returned: what it refers to must live until
// CacheManager::Settle or Close has ended.
// Errors: only those of the loader. The cache has none of its own.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "cache/codec.h"
#include "cache/cost.h"
#include "cache/kind_cache.h"

namespace spa {

template <class T>
struct Hit {
  explicit Hit(KindCache::Found found)
      : value(std::static_pointer_cast<const T>(std::move(found.data))),
        age(found.age),
        level(found.level),
        stale(found.stale) {}

  std::shared_ptr<const T> value;  // Never null.
  std::chrono::seconds age;        // Since the value was loaded or set; 0 for a fresh load.
  CacheLevel level;
  bool stale;  // Its time is over: a new one is being loaded, or could not be.
};

// Reads the thing from where it really is. Copied and kept until its Task has ended; what it refers
// to must outlive every caller that may come to wait for it (cache/single_flight.h).
template <class T>
using Loader = std::function<Task<Result<T>>()>;
// The same, for one that has something to say about what it loads. The context lives as long as the
// Task.
template <class T>
using ContextLoader = std::function<Task<Result<T>>(LoadContext&)>;

template <class T>
class Cache {
 public:
  explicit Cache(KindCache& kind) : kind_(&kind) {}

  // The remembered value or failure under the key; else what the load yields, run once however many
  // ask. A caller may be cancelled without harm to the others.
  [[nodiscard]] Task<Result<Hit<T>>> GetOrLoad(CacheKey key, Loader<T> load) {
    // Named: g++ 12 destroys a closure that owns something twice if it is made inside a co_await.
    KindCache::Load erased = [load = std::move(load)](LoadContext&) { return Erased(load); };
    auto found = co_await kind_->GetOrLoad(std::move(key), std::move(erased));
    co_return Typed(std::move(found));
  }
  template <class Load>
  requires std::constructible_from<ContextLoader<T>, Load> &&
      (!std::constructible_from<Loader<T>, Load>)
          [[nodiscard]] Task<Result<Hit<T>>> GetOrLoad(CacheKey key, Load load) {
    return LoadWithContext(std::move(key), ContextLoader<T>(std::move(load)));
  }

  // From memory alone, without waiting: the fast path where a hit is likely. Nothing where memory
  // has no fresh answer; only a hit counts as a lookup, for a GetOrLoad is expected to follow.
  std::optional<Result<Hit<T>>> Peek(const CacheKey& key) {
    auto found = kind_->Peek(key);
    if (!found) return std::nullopt;
    return Typed(*std::move(found));
  }

  // What is remembered under the key: nothing, a value, or the failure of a load.
  [[nodiscard]] Task<std::optional<Result<Hit<T>>>> Get(CacheKey key) {
    auto found = co_await kind_->Get(std::move(key));
    if (!found) co_return std::nullopt;
    co_return Typed(*std::move(found));
  }

  // Remembers the value. A load under way for the key is overtaken: its result is not remembered.
  // False where `options.when` did not hold.
  [[nodiscard]] Task<bool> Set(CacheKey key, T value, WriteOptions options = {}) {
    co_return co_await kind_->Set(std::move(key), Boxed(std::move(value)), std::move(options));
  }

  // Replaces the value by what `change` makes of it (of nullptr where there is none), with nobody
  // else's write between, also of other processes. `change` may be called several times, and must
  // not wait; its error leaves everything as it was.
  [[nodiscard]] Task<Result<Hit<T>>> Update(CacheKey key,
                                            std::function<Result<T>(const T* old)> change,
                                            WriteOptions options = {}) {
    KindCache::Change erased =
        [change = std::move(change)](const void* old) -> Result<KindCache::Value> {
      auto made = change(static_cast<const T*>(old));
      if (!made) return Fail(std::move(made.error()));
      return Boxed(*std::move(made));
    };
    auto found = co_await kind_->Update(std::move(key), std::move(erased), std::move(options));
    co_return Typed(std::move(found));
  }

  // Forgets the key, and overtakes a load under way for it. True where something was remembered.
  [[nodiscard]] Task<bool> Erase(CacheKey key) { return kind_->Erase(std::move(key)); }

  // As Get would find a value; counts nothing.
  [[nodiscard]] Task<bool> Contains(CacheKey key) { return kind_->Contains(std::move(key)); }

  // One answer a key, in order; one question to the second level for all. Remembered failures are
  // left out.
  [[nodiscard]] Task<std::vector<std::optional<Hit<T>>>> GetMany(std::vector<CacheKey> keys) {
    auto found = co_await kind_->GetMany(std::move(keys));
    std::vector<std::optional<Hit<T>>> hits(found.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (found[i]) hits[i].emplace(*std::move(found[i]));
    }
    co_return hits;
  }
  [[nodiscard]] Task<std::vector<bool>> SetMany(std::vector<std::pair<CacheKey, T>> values,
                                                WriteOptions options = {}) {
    std::vector<std::pair<CacheKey, KindCache::Value>> boxed;
    boxed.reserve(values.size());
    for (auto& [key, value] : values) boxed.emplace_back(std::move(key), Boxed(std::move(value)));
    co_return co_await kind_->SetMany(std::move(boxed), std::move(options));
  }
  // How many of them were there.
  [[nodiscard]] Task<std::size_t> EraseMany(std::vector<CacheKey> keys) {
    return kind_->EraseMany(std::move(keys));
  }

  // What is known of the entry; counts nothing.
  [[nodiscard]] Task<std::optional<EntryInfo>> Info(CacheKey key) {
    return kind_->Info(std::move(key));
  }

  // Null where T has no Codec: then its values stay in memory.
  static const ValueCodec* ErasedCodec() {
    if constexpr (Encodable<T>) {
      static constexpr ValueCodec codec = {
          [](const void* value, [[maybe_unused]] ValueFormat format) -> std::string {
            const T& typed = *static_cast<const T*>(value);
            if constexpr (HasFormats<T>) return Codec<T>::Encode(typed, format);
            return Codec<T>::Encode(typed);
          },
          [](std::string_view bytes) -> std::pair<std::shared_ptr<const void>, std::size_t> {
            std::optional<T> value = Codec<T>::Decode(bytes);
            if (!value) return {nullptr, 0};
            KindCache::Value boxed = Boxed(*std::move(value));
            return {std::move(boxed.data), boxed.cost};
          }};
      return &codec;
    } else {
      return nullptr;
    }
  }

 private:
  static KindCache::Value Boxed(T value) {
    auto data = std::make_shared<const T>(std::move(value));
    const std::size_t cost = CostOf(*data);
    return KindCache::Value(std::move(data), cost);
  }

  static Result<Hit<T>> Typed(Result<KindCache::Found> found) {
    if (!found) return Fail(std::move(found.error()));
    return Hit<T>(*std::move(found));
  }

  static Task<Result<KindCache::Value>> Erased(Loader<T> load) {
    Result<T> loaded = co_await load();
    if (!loaded) co_return Fail(std::move(loaded.error()));
    co_return Boxed(*std::move(loaded));
  }
  static Task<Result<KindCache::Value>> ErasedWithContext(ContextLoader<T> load,
                                                          LoadContext& context) {
    Result<T> loaded = co_await load(context);
    if (!loaded) co_return Fail(std::move(loaded.error()));
    co_return Boxed(*std::move(loaded));
  }
  Task<Result<Hit<T>>> LoadWithContext(CacheKey key, ContextLoader<T> load) {
    KindCache::Load erased = [load = std::move(load)](LoadContext& context) {
      return ErasedWithContext(load, context);
    };
    auto found = co_await kind_->GetOrLoad(std::move(key), std::move(erased));
    co_return Typed(std::move(found));
  }

  KindCache* kind_;
};

}  // namespace spa
