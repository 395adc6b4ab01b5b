#include "cache/kind_cache.h"

#include <algorithm>

namespace spa {

KindCache::KindCache(const CachePolicy& policy, std::optional<MemoryStore::Limits> limits,
                     CacheClock clock)
    : policy_(policy), clock_(std::move(clock)) {
  stats_.kind = policy.name;
  if (limits) store_ = std::make_unique<MemoryStore>(*limits);
}

Task<Result<KindCache::Found>> KindCache::GetOrLoad(CacheKey key, Load load) {
  const auto wrap = [](Result<Value> loaded) -> Result<Found> {
    if (!loaded) return Fail(std::move(loaded.error()));
    return Found(std::move(loaded->data), std::chrono::seconds(0), CacheLevel::kLoaded);
  };
  if (!store_) co_return wrap(co_await CountedLoad(std::move(load)));

  if (auto found = Look(key)) {
    CountLookup(key, &KindStats::l1_hits);
    co_return *std::move(found);
  }
  CountLookup(key, flights_.Has(key) ? &KindStats::coalesced : &KindStats::misses);
  auto counted = [this, load = std::move(load)] { return CountedLoad(load); };
  auto publish = [this, key](const Result<Value>& loaded) { Remember(key, loaded); };
  co_return wrap(co_await flights_.Run(std::move(key), std::move(counted), std::move(publish)));
}

std::optional<Result<KindCache::Found>> KindCache::Get(const CacheKey& key) {
  if (!store_) return std::nullopt;
  auto found = Look(key);
  CountLookup(key, found ? &KindStats::l1_hits : &KindStats::misses);
  return found;
}

void KindCache::Set(const CacheKey& key, Value value) {
  if (!store_) return;
  flights_.Detach(key);
  Remember(key, std::move(value));
}

bool KindCache::Erase(const CacheKey& key) {
  if (!store_) return false;
  flights_.Detach(key);
  return store_->Erase(key);
}

KindStats KindCache::Stats() const {
  KindStats stats = stats_;
  if (store_) {
    stats.evictions = store_->evictions();
    stats.entries = store_->entries();
    stats.bytes = store_->bytes();
  }
  return stats;
}

std::optional<Result<KindCache::Found>> KindCache::Look(const CacheKey& key) {
  const CacheTime now = clock_();
  auto entry = store_->Get(key, now);
  if (!entry) return std::nullopt;
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(
      std::max(now - entry->created, CacheTime::duration::zero()));
  stats_.oldest_hit = std::max(stats_.oldest_hit, age);
  if (entry->failure) return Result<Found>(Fail(*entry->failure));
  return Result<Found>(Found(entry->value, age, CacheLevel::kL1));
}

void KindCache::CountLookup(const CacheKey& key, std::uint64_t KindStats::*outcome) {
  ++stats_.lookups;
  ++(stats_.*outcome);
  if (!seen_.Add(key.fingerprint())) return;
  ++stats_.repeat_lookups;
  if (outcome != &KindStats::misses) ++stats_.repeat_hits;
}

Task<Result<KindCache::Value>> KindCache::CountedLoad(Load load) {
  ++stats_.loads;
  auto loaded = co_await load();
  if (!loaded) ++stats_.load_errors;
  co_return loaded;
}

void KindCache::Remember(const CacheKey& key, const Result<Value>& loaded) {
  Entry entry;
  if (loaded) {
    entry.value = loaded->data;
    entry.cost = loaded->cost;
    Store(key, std::move(entry), policy_.fresh);
  } else if (const auto ttl = NegativeTtl(loaded.error())) {
    const Error& error = loaded.error();
    entry.failure = std::make_shared<const Error>(error);
    entry.cost = sizeof error + error.message.size() + error.remedy.size();
    Store(key, std::move(entry), std::min(*ttl, policy_.fresh));
  }
}

void KindCache::Store(const CacheKey& key, Entry entry, std::chrono::seconds ttl) {
  entry.created = clock_();
  entry.fresh_until = entry.stale_until = entry.expires = entry.created + ttl;
  store_->Set(key, std::move(entry));
}

}  // namespace spa
