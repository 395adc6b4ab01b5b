#include "cache/cache_manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <set>
#include <stdexcept>
#include <utility>

#include "core/log/log.h"

namespace spa {
namespace {

constexpr std::chrono::seconds kStampsEvery{5}, kCountersEvery{60};
constexpr std::size_t kBatch = 256;  // Keys in one question to the second level.

void TellFailure(CacheEvents& events, const std::exception_ptr& failure) {
  std::string message = "stopped by something unknown";
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error& error) {
    if (IsCancellation(error)) return;
    message = error.what();
  } catch (const std::exception& error) {
    message = error.what();
  } catch (...) {
  }
  CacheEvent event(CacheEventType::kError, {}, {});
  event.message = message;
  events.Tell(event);
}

}  // namespace

struct CacheManager::Opened {
  Opened(std::type_index type, CachePolicy policy, std::optional<MemoryStore::Limits> limits,
         const ValueCodec* codec, CacheParts& parts)
      : type(type), cache(std::move(policy), limits, codec, parts) {}

  std::type_index type;
  KindCache cache;
};

CacheManager::CacheManager(Options options)
    : options_(std::move(options)),
      parts_([this](std::exception_ptr failure) { TellFailure(parts_.events, failure); }) {
  parts_.clock = options_.clock;
  parts_.mode = options_.mode;
  parts_.jitter = std::clamp(options_.jitter, 0.0, 0.5);
  parts_.refresh_at = options_.refresh_at;
  parts_.refresh_behind = options_.refresh_behind;
  parts_.not_before = options_.not_before;
  parts_.verify_share = options_.verify_share;
  parts_.l1_ttl = options_.l1_ttl;
  parts_.load_timeout = options_.load_timeout;
  parts_.load_cap = options_.load_cap;
  parts_.seal = options_.seal;
  parts_.format = options_.format;
  options_.enabled = options_.enabled && options_.mode != CacheMode::kOff;
}

CacheManager::~CacheManager() {
  for (auto& opened : opened_) delete opened.load();
}

Task<Status> CacheManager::Open(asio::any_io_executor executor) {
  Status status;
  if (!options_.enabled) co_return status;
  parts_.background.Open(executor);
  for (const std::string& url : {options_.l2, options_.l2_fallback}) {
    if (parts_.l2 || IsNoStore(url)) continue;
    const Status opened = co_await OpenSecondLevel(executor, url);
    if (opened) continue;
    if (status) status = opened;  // Why the one that was wanted is not there.
    log::Warn("the second cache level cannot be used; going on without it",
              {{"reason", opened.error().message}, {"remedy", opened.error().remedy}});
  }
  parts_.background.Start(Maintain(), true);
  co_return status;
}

Task<Status> CacheManager::OpenSecondLevel(asio::any_io_executor executor, std::string url) {
  auto store = MakeStore(executor, url, options_.store, options_.security);
  if (!store) co_return Fail(std::move(store.error()));
  auto level =
      std::make_unique<SecondLevel>(*std::move(store), executor, parts_.events, parts_.stamps);
  auto opened = co_await level->Open([this](const StoreChange& change) { Changed(change); });
  if (opened) parts_.l2 = std::move(level);
  co_return opened;
}

Task<void> CacheManager::Settle() { co_await parts_.background.Settle(); }

Task<void> CacheManager::Close() {
  co_await parts_.background.Close();
  if (!parts_.l2) co_return;
  co_await parts_.l2->Replay();
  co_await HandOverCounters();
  co_await parts_.l2->Close();
}

KindCache& CacheManager::KindOf(CacheKind kind, std::type_index type, const ValueCodec* codec) {
  std::lock_guard lock(mutex_);
  auto& slot = opened_.at(static_cast<std::size_t>(kind));
  Opened* opened = slot.load();
  if (!opened) {
    PolicyOverride change;
    if (const auto at = options_.overrides.find(kind); at != options_.overrides.end()) {
      change = at->second;
    }
    CachePolicy policy = PolicyOf(kind).With(change);
    std::optional<MemoryStore::Limits> limits;
    if (options_.enabled && change.enabled.value_or(true)) {
      const auto share = static_cast<std::size_t>(policy.byte_percent);
      const std::size_t entries =
          policy.entries > 0 ? static_cast<std::size_t>(policy.entries) : options_.entries;
      limits = MemoryStore::Limits{change.entries.value_or(entries),
                                   change.bytes.value_or(options_.bytes / 100 * share)};
    }
    opened = new Opened(type, std::move(policy), limits, codec, parts_);
    slot.store(opened);
  }
  if (opened->type != type) {
    throw std::logic_error(
        fmt::format("cache kind {} was opened with another type", PolicyOf(kind).name));
  }
  return opened->cache;
}

KindCache* CacheManager::OpenedOf(const CacheKey& key) const {
  Opened* opened = opened_.at(static_cast<std::size_t>(key.kind())).load();
  return opened ? &opened->cache : nullptr;
}

void CacheManager::Changed(const StoreChange& change) {
  for (const std::string& text : change.keys) {
    const auto key = CacheKey::Parse(text);
    if (!key) continue;
    if (KindCache* cache = OpenedOf(*key)) cache->Changed(*key);
  }
  parts_.background.Start(parts_.l2->RereadStamps());
}

// All in one loop, so that nothing of it can pile up.
Task<void> CacheManager::Maintain() {
  using Clock = std::chrono::steady_clock;
  asio::steady_timer timer(co_await asio::this_coro::executor);
  auto stamps = Clock::now(), counters = stamps, sweep = stamps;
  const auto due = [](Clock::time_point& last, std::chrono::seconds every) {
    const auto now = Clock::now();
    if (now - last < every) return false;
    last = now;
    return true;
  };
  for (;;) {
    timer.expires_after(std::min<Clock::duration>(std::chrono::seconds(1), options_.sweep_every));
    co_await timer.async_wait(asio::use_awaitable);
    if (due(sweep, options_.sweep_every)) co_await Sweep();
    if (!parts_.l2) continue;
    co_await parts_.l2->Replay();
    if (due(stamps, kStampsEvery)) co_await parts_.l2->RereadStamps();
    if (due(counters, kCountersEvery)) co_await HandOverCounters();
  }
}

Task<void> CacheManager::HandOverCounters() {
  if (options_.mode == CacheMode::kRead) co_return;
  CacheStats now = Stats();
  auto more = LastingCounters(handed_over_, now);
  for (const auto& slot : opened_) {
    if (Opened* opened = slot.load()) more.merge(opened->cache.TakeReuse());
  }
  if (more.empty()) co_return;
  const auto added = co_await parts_.l2->AddCounters(std::move(more));
  if (added) handed_over_ = std::move(now);
}

std::vector<KindCache*> CacheManager::OpenedCaches() const {
  std::vector<KindCache*> caches;
  for (const auto& slot : opened_) {
    Opened* opened = slot.load();
    if (opened && opened->cache.memory()) caches.push_back(&opened->cache);
  }
  return caches;
}

// What has expired, and what lost its tag, slice by slice; others get their turn between.
Task<std::size_t> CacheManager::Sweep() {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  std::size_t dropped = 0;
  for (KindCache* cache : OpenedCaches()) {
    MemoryStore& memory = *cache->memory();
    for (bool done = false; !done;) {
      const MemoryStore::Swept swept = memory.SweepSlice(parts_.clock());
      dropped += swept.dropped;
      done = swept.done;
      co_await asio::post(executor, asio::use_awaitable);
    }
    MemoryStore::Cursor cursor;
    for (std::vector<MemoryStore::KeptPtr> slice; memory.NextSlice(cursor, slice); slice.clear()) {
      for (const auto& entry : slice) {
        if (parts_.stamps.Gone(entry->tags, entry->created) && memory.Erase(*entry)) ++dropped;
      }
      co_await asio::post(executor, asio::use_awaitable);
    }
  }
  co_return dropped;
}

// Of the second level. What the index of a tag names is looked at: it is a hint.
Task<std::vector<std::string>> CacheManager::StoredKeys(Selector selector) {
  std::vector<std::string> keys;
  if (const auto* glob = std::get_if<Glob>(&selector)) {
    std::string cursor;
    do {
      auto page = co_await parts_.l2->Scan(*glob, cursor);
      if (!page) break;
      cursor = page->cursor;
      keys.insert(keys.end(), page->keys.begin(), page->keys.end());
    } while (!cursor.empty());
    co_return keys;
  }
  const spa::Tag tag = std::get<spa::Tag>(selector);
  std::vector<spa::Tag> tags(1, tag);
  co_await parts_.l2->LearnStamps(std::move(tags));
  const auto tagged = co_await parts_.l2->Tagged(tag);
  if (!tagged) co_return keys;
  for (std::size_t from = 0; from < tagged->size(); from += kBatch) {
    const std::size_t to = std::min(from + kBatch, tagged->size());
    std::vector<std::string> some(tagged->begin() + from, tagged->begin() + to);
    const auto got = co_await parts_.l2->Get(std::move(some));
    if (!got) break;
    for (std::size_t i = from; i < to; ++i) {
      const auto& bytes = (*got)[i - from];
      if (!bytes) continue;
      const auto opened = OpenEnvelope(*bytes, (*tagged)[i], parts_.seal);
      if (!opened.envelope || opened.envelope->expires() <= parts_.clock()) continue;
      const Envelope& envelope = *opened.envelope;
      if (std::find(envelope.tags.begin(), envelope.tags.end(), tag) == envelope.tags.end()) {
        continue;
      }
      if (!parts_.stamps.Gone(envelope.tags, envelope.created)) keys.push_back((*tagged)[i]);
    }
  }
  co_return keys;
}

Task<std::vector<std::string>> CacheManager::Keys(Selector selector) {
  std::set<std::string> keys;
  const CacheTime now = parts_.clock();
  const auto selected = [&selector](const MemoryStore::Kept& entry) {
    if (const auto* glob = std::get_if<Glob>(&selector)) return glob->Matches(entry.key());
    const auto& tag = std::get<spa::Tag>(selector);
    return std::find(entry.tags.begin(), entry.tags.end(), tag) != entry.tags.end();
  };
  for (KindCache* cache : OpenedCaches()) {
    cache->memory()->Walk([&](const MemoryStore::KeptPtr& entry) {
      if (!entry->value || entry->expires <= now || entry->key().ends_with(":~secret")) return;
      if (parts_.stamps.Gone(entry->tags, entry->created) || !selected(*entry)) return;
      keys.emplace(entry->key());
    });
  }
  if (parts_.l2) {
    const std::vector<std::string> stored = co_await StoredKeys(selector);
    keys.insert(stored.begin(), stored.end());
  }
  co_return std::vector<std::string>(keys.begin(), keys.end());
}

Task<std::size_t> CacheManager::Erase(Selector selector) {
  if (const auto* tag = std::get_if<spa::Tag>(&selector)) {
    const CacheTime at = parts_.clock();
    parts_.stamps.Note(*tag, at);
    if (parts_.l2 && options_.mode != CacheMode::kRead) co_await parts_.l2->Stamp(*tag, at);
    co_return 0;
  }
  std::size_t erased = 0;
  std::map<KindCache*, std::vector<CacheKey>> of_cache;
  std::vector<std::string> others;  // Of kinds that nobody has opened here.
  for (const std::string& text : co_await Keys(selector)) {
    const auto key = CacheKey::Parse(text);
    KindCache* cache = key ? OpenedOf(*key) : nullptr;
    if (cache) {
      of_cache[cache].push_back(*key);
    } else {
      others.push_back(text);
    }
  }
  for (auto& [cache, keys] : of_cache) {
    for (std::size_t from = 0; from < keys.size(); from += kBatch) {
      std::vector<CacheKey> some(keys.begin() + from,
                                 keys.begin() + std::min(from + kBatch, keys.size()));
      erased += co_await cache->EraseMany(std::move(some));
    }
  }
  if (!others.empty() && options_.mode != CacheMode::kRead) {
    const auto gone = co_await parts_.l2->Erase(std::move(others));
    if (gone) erased += *gone;
  }
  co_return erased;
}

Task<std::size_t> CacheManager::Retag(Selector selector, spa::Tag tag, bool add) {
  std::size_t changed = 0;
  const std::vector<std::string> keys = co_await Keys(std::move(selector));
  for (const std::string& text : keys) {
    bool done = false;
    if (const auto key = CacheKey::Parse(text)) {
      if (KindCache* cache = OpenedOf(*key)) done = cache->Retag(*key, tag, add);
    }
    if (parts_.l2 && options_.mode != CacheMode::kRead) {
      std::vector<std::string> one(1, text);
      const auto got = co_await parts_.l2->Get(std::move(one));
      if (got && (*got)[0]) {
        auto opened = OpenEnvelope(*(*got)[0], text, parts_.seal);
        if (opened.envelope) {
          Envelope& envelope = *opened.envelope;
          std::erase(envelope.tags, tag);
          if (add) envelope.tags.push_back(tag);
          StorePut put;
          put.key = text;
          put.envelope = Seal(envelope, text, parts_.seal);
          put.expires = envelope.expires();
          put.tags = envelope.tags;
          put.when = PutWhen::kFence;
          put.fence = FenceOf(*(*got)[0]);
          std::vector<StorePut> puts(1, std::move(put));
          const auto stored = co_await parts_.l2->Put(std::move(puts));
          done = (stored && (*stored)[0]) || done;
        }
      }
    }
    if (done) ++changed;
  }
  if (!add && parts_.l2 && options_.mode != CacheMode::kRead) {
    co_await parts_.l2->Untag(std::move(tag), keys);
  }
  co_return changed;
}

Task<std::size_t> CacheManager::AddTag(Selector selector, spa::Tag tag) {
  return Retag(std::move(selector), std::move(tag), true);
}

Task<std::size_t> CacheManager::Untag(Selector selector, spa::Tag tag) {
  return Retag(std::move(selector), std::move(tag), false);
}

Task<std::size_t> CacheManager::Clear(std::optional<CacheKind> kind) {
  const bool stored = parts_.l2 && options_.mode != CacheMode::kRead;
  if (!kind) {
    std::size_t gone = 0;
    for (KindCache* cache : OpenedCaches()) gone += cache->DropAll();
    if (!stored) co_return gone;
    Selector everything = Glob("*");
    const std::vector<std::string> all = co_await StoredKeys(std::move(everything));
    co_await parts_.l2->Clear();
    // What a load read there meanwhile is old.
    for (KindCache* cache : OpenedCaches()) cache->DropAll();
    co_return std::max(gone, all.size());
  }
  std::size_t gone = 0;
  Opened* opened = opened_.at(static_cast<std::size_t>(*kind)).load();
  if (opened) gone = opened->cache.DropAll();
  if (!stored) co_return gone;
  const bool unnamed = *kind == CacheKind::kUnnamed;
  const std::string prefix = fmt::format("sharepoint_audit:{}:", PolicyOf(*kind).name);
  Selector selector = Glob(unnamed ? "*" : prefix + "*");
  std::vector<std::string> keys = co_await StoredKeys(std::move(selector));
  std::erase_if(keys, [&](const std::string& text) {
    const auto key = CacheKey::Parse(text);
    return !key || key->kind() != *kind;
  });
  std::size_t erased = 0;
  for (std::size_t from = 0; from < keys.size(); from += kBatch) {
    std::vector<std::string> some(keys.begin() + from,
                                  keys.begin() + std::min(from + kBatch, keys.size()));
    const auto answer = co_await parts_.l2->Erase(std::move(some));
    if (answer) erased += *answer;
  }
  if (opened) opened->cache.DropAll();
  co_return std::max(gone, erased);
}

Task<std::size_t> CacheManager::Cleanup() {
  std::size_t dropped = co_await Sweep();
  if (parts_.l2 && options_.mode != CacheMode::kRead) {
    const auto gone = co_await parts_.l2->Cleanup();
    if (gone) dropped += *gone;
  }
  co_return dropped;
}

std::size_t CacheManager::EvictSome(std::size_t count) {
  const std::vector<KindCache*> caches = OpenedCaches();
  std::size_t all = 0, evicted = 0;
  for (KindCache* cache : caches) all += cache->memory()->entries();
  for (KindCache* cache : caches) {
    MemoryStore& memory = *cache->memory();
    const std::size_t share = (count * memory.entries() + all - 1) / std::max<std::size_t>(all, 1);
    evicted += memory.EvictSome(std::min(share, count - std::min(count, evicted)));
    cache->TellEvictions();
  }
  return evicted;
}

CacheStats CacheManager::Stats() const {
  CacheStats stats;
  stats.enabled = options_.enabled;
  stats.mode = NameOf(options_.mode);
  stats.uptime = std::chrono::steady_clock::now() - began_;
  stats.total.kind = "total";
  for (const auto& slot : opened_) {
    const Opened* opened = slot.load();
    if (!opened) continue;
    KindStats kind = opened->cache.Stats();
    stats.total += kind;
    stats.kinds.push_back(std::move(kind));
  }
  if (parts_.l2) stats.l2 = parts_.l2->Stats();
  const auto made = CacheKey::Counters();
  stats.keys_made = made.count;
  stats.keys_hashed = made.hashed;
  stats.key_took = made.took;
  stats.observer_errors = parts_.events.errors();
  return stats;
}

}  // namespace spa
