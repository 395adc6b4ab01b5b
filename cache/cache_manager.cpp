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
      : type(type), limits(limits), cache(std::move(policy), limits, codec, parts) {}

  std::type_index type;
  std::optional<MemoryStore::Limits> limits;
  KindCache cache;
};

CacheManager::CacheManager(Options options)
    : options_(std::move(options)),
      parts_([this](std::exception_ptr failure) { TellFailure(parts_.events, failure); }) {
  parts_.clock = options_.clock;
  parts_.mode = options_.mode;
  parts_.jitter = std::clamp(options_.jitter, 0.0, 0.5);
  parts_.refresh_at = options_.refresh_at;
  parts_.verify_share = options_.verify_share;
  parts_.l1_ttl = options_.l1_ttl;
  parts_.load_timeout = options_.load_timeout;
  parts_.load_cap = options_.load_cap;
  parts_.seal = options_.seal;
  options_.enabled = options_.enabled && options_.mode != CacheMode::kOff;
}

CacheManager::~CacheManager() {
  for (auto& opened : opened_) delete opened.load();
}

Task<Status> CacheManager::Open(asio::any_io_executor executor) {
  Status status;
  if (!options_.enabled) co_return status;
  parts_.background.Open(executor);
  if (!IsNoStore(options_.l2)) {
    auto store = MakeStore(executor, options_.l2, options_.store, options_.security);
    if (store) {
      auto level =
          std::make_unique<SecondLevel>(*std::move(store), executor, parts_.events, parts_.stamps);
      status = co_await level->Open([this](const StoreChange& change) { Changed(change); });
      if (status) parts_.l2 = std::move(level);
    } else {
      status = Fail(std::move(store.error()));
    }
    if (!status) {
      log::Warn("the second cache level cannot be used; going on with memory alone",
                {{"reason", status.error().message}});
    }
  }
  parts_.background.Start(Maintain(), true);
  co_return status;
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
    CachePolicy policy = PolicyOf(kind);
    PolicyOverride change;
    if (const auto at = options_.overrides.find(kind); at != options_.overrides.end()) {
      change = at->second;
    }
    if (change.ttl) policy.fresh = *change.ttl;
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
    if (due(sweep, options_.sweep_every)) SweepMemory();
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
  if (more.empty()) co_return;
  const auto added = co_await parts_.l2->AddCounters(std::move(more));
  if (added) handed_over_ = std::move(now);
}

std::size_t CacheManager::SweepMemory() { return 0; }

Task<std::vector<std::string>> CacheManager::Keys(Selector selector) {
  std::set<std::string> keys;
  if (parts_.l2) {
    std::vector<std::string> found;
    if (const auto* glob = std::get_if<Glob>(&selector)) {
      std::string cursor;
      do {
        auto page = co_await parts_.l2->Scan(*glob, cursor);
        if (!page) break;
        cursor = page->cursor;
        found.insert(found.end(), page->keys.begin(), page->keys.end());
      } while (!cursor.empty());
    } else {
      auto tagged = co_await parts_.l2->Tagged(std::get<spa::Tag>(selector));
      if (tagged) found = *std::move(tagged);
    }
    keys.insert(found.begin(), found.end());
  }
  co_return std::vector<std::string>(keys.begin(), keys.end());
}

Task<std::size_t> CacheManager::Erase(Selector selector) {
  if (const auto* tag = std::get_if<spa::Tag>(&selector)) {
    const CacheTime at = parts_.clock();
    parts_.stamps.Note(*tag, at);
    if (parts_.l2) co_await parts_.l2->Stamp(*tag, at);
    co_return 0;
  }
  std::size_t erased = 0;
  for (const std::string& text : co_await Keys(selector)) {
    const auto key = CacheKey::Parse(text);
    if (!key) continue;
    bool gone = false;
    if (KindCache* cache = OpenedOf(*key)) {
      gone = co_await cache->Erase(*key);
    } else if (parts_.l2) {
      std::vector<std::string> one(1, text);
      const auto there = co_await parts_.l2->Erase(std::move(one));
      gone = there && *there > 0;
    }
    if (gone) ++erased;
  }
  co_return erased;
}

Task<std::size_t> CacheManager::AddTag(Selector, spa::Tag) { co_return 0; }
Task<std::size_t> CacheManager::Untag(Selector, spa::Tag) { co_return 0; }

Task<std::size_t> CacheManager::Clear(std::optional<CacheKind>) { co_return 0; }

Task<std::size_t> CacheManager::Cleanup() {
  std::size_t dropped = SweepMemory();
  if (parts_.l2) {
    const auto gone = co_await parts_.l2->Cleanup();
    if (gone) dropped += *gone;
  }
  co_return dropped;
}

std::size_t CacheManager::EvictSome(std::size_t) { return 0; }

CacheStats CacheManager::Stats() const {
  CacheStats stats;
  stats.enabled = options_.enabled;
  stats.mode = NameOf(options_.mode);
  stats.total.kind = "total";
  for (const auto& slot : opened_) {
    const Opened* opened = slot.load();
    if (!opened) continue;
    KindStats kind = opened->cache.Stats();
    if (opened->limits) {
      kind.max_entries = opened->limits->entries;
      kind.max_bytes = opened->limits->bytes;
    }
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
