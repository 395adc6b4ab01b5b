// CacheManager: owns the cache of every kind and the second level they share, and says how they do.
//
//   CacheManager::Options options;
//   options.l2 = "disk:.sharepoint-audit/cache.db";
//   CacheManager caches(options);
//   co_await caches.Open(executor);
//   auto groups = caches.Open<GroupMembers>(CacheKind::kGroupMembers);
//   ...
//   co_await caches.Close();
//
// Without Open there is memory alone, and nothing happens in the background: no refresh, no sweep,
// and what is past its fresh time is loaded.
//
// Turned off (`--no-cache`) there is neither memory nor coalescing: every GetOrLoad calls its
// loader, Get finds nothing, Set and Erase do nothing, and lookups stay 0.
//
// Threads: any, Open and Close from one. The second level is spoken to on the executor given to
// Open: one thread's, or a strand.
// Lifetime: must outlive every Task of its caches; then no load is left over
// (cache/single_flight.h). Once opened it must be closed before it ends.
// Errors: none of the second level reaches a caller of Cache<T>: it is a miss and a counter.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <typeindex>
#include <vector>

#include "cache/cache.h"
#include "cache/cache_events.h"
#include "cache/cache_policy.h"
#include "cache/cache_stats.h"
#include "cache/store_factory.h"
#include "cache/tag.h"

namespace spa {

class CacheManager {
 public:
  struct Options {
    bool enabled = true;
    CacheMode mode = CacheMode::kReadWrite;
    std::size_t entries = 10'000;               // Of each kind; its index is laid out at once.
    std::size_t bytes = std::size_t{64} << 20;  // Of all kinds, shared out by CachePolicy.
    CacheClock clock = std::chrono::system_clock::now;
    std::map<CacheKind, PolicyOverride> overrides{};

    std::string l2 = "none";    // The URL of the second level (cache/store_factory.h).
    std::string l2_fallback{};  // Used where that cannot be opened. Empty: memory alone.
    StoreOptions store{};
    StoreSecurity security{};
    SealOptions seal{};
    ValueFormat format = ValueFormat::kJson;  // Of values in the second level.
    std::chrono::seconds l1_ttl{300};  // What the second level has, too, is looked up there again
                                       // after so long, unless the store tells of changes.
    double verify_share = 0;           // That share of hits is loaded again and compared.

    std::optional<CacheTime> not_before{};  // What is older is not served, not even as a stand-in.
    bool refresh_behind = true;  // False: what is past its fresh time is loaded, and waited for.

    double jitter = 0.1;      // By at most that share `fresh` is shortened, by key.
    double refresh_at = 0.9;  // From that share of `fresh` on a hit starts a refresh (± 5 %).
    std::chrono::seconds load_timeout{30};  // So long another process's load is waited for.
    std::chrono::seconds load_cap{30};      // A load that takes longer is cancelled; 0: never.
    std::chrono::seconds sweep_every{60};
  };

  explicit CacheManager(Options options);
  ~CacheManager();
  CacheManager(const CacheManager&) = delete;

  // Opens the second level and begins the work in the background. Where the second level cannot be
  // opened, the error says why, memory goes on alone, and Close is due all the same.
  [[nodiscard]] Task<Status> Open(asio::any_io_executor executor);
  // Waits until the background work under way has ended. Whoever's loaders refer to something
  // shorter-lived than this calls it before that ends.
  [[nodiscard]] Task<void> Settle();
  // Settles, hands over what was put aside, adds the counters to the store's, and closes it.
  [[nodiscard]] Task<void> Close();

  // The cache of the kind. A kind holds one type: opening it with another is a bug (logic_error).
  template <class T>
  Cache<T> Open(CacheKind kind) {
    return Cache<T>(KindOf(kind, typeid(T), Cache<T>::ErasedCodec()));
  }

  // Keys of both levels that match, sorted, each once. A tag names keys that still carry it.
  [[nodiscard]] Task<std::vector<std::string>> Keys(Selector selector);
  // How many keys went. By a tag nothing is counted, or walked: one stamp makes all of them gone,
  // here at once and in other processes within 5 s; 0.
  [[nodiscard]] Task<std::size_t> Erase(Selector selector);
  // Enters what is selected into the tag's index, or takes it out; how many. An entry carries its
  // tags with it, so both write entries anew. What is older than the last erasing of a tag goes
  // when it is added.
  [[nodiscard]] Task<std::size_t> AddTag(Selector selector, spa::Tag tag);
  [[nodiscard]] Task<std::size_t> Untag(Selector selector, spa::Tag tag);
  // Forgets everything of the kind, or of all kinds; of the second level this namespace alone.
  [[nodiscard]] Task<std::size_t> Clear(std::optional<CacheKind> kind = std::nullopt);
  // Drops what has expired, in both levels; how many.
  [[nodiscard]] Task<std::size_t> Cleanup();
  // Gives up about so many entries of memory, those least worth keeping first; how many went.
  std::size_t EvictSome(std::size_t count);

  [[nodiscard]] Subscription Observe(CacheEventMask mask, CacheEvents::Observer observer) {
    return parts_.events.Observe(mask, std::move(observer));
  }
  static void RegisterStore(std::string scheme, StoreFactory factory) {
    spa::RegisterStore(std::move(scheme), std::move(factory));
  }

  CacheStats Stats() const;
  // The open second level; null where there is none. What it is asked by hand is not counted.
  Store* store() { return parts_.l2 ? &parts_.l2->store() : nullptr; }
  const Options& options() const { return options_; }

 private:
  struct Opened;
  KindCache& KindOf(CacheKind kind, std::type_index type, const ValueCodec* codec);
  KindCache* OpenedOf(const CacheKey& key) const;
  Task<Status> OpenSecondLevel(asio::any_io_executor executor, std::string url);
  void Changed(const StoreChange& change);
  Task<void> Maintain();
  Task<void> HandOverCounters();
  Task<std::size_t> Sweep();
  Task<std::size_t> Retag(Selector selector, spa::Tag tag, bool add);
  Task<std::vector<std::string>> StoredKeys(Selector selector);
  std::vector<KindCache*> OpenedCaches() const;

  Options options_;
  CacheParts parts_;
  mutable std::mutex mutex_;  // Of opening a kind.
  std::array<std::atomic<Opened*>, kCacheKinds> opened_{};
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  CacheStats handed_over_;  // What the store's counters have of ours.
};

}  // namespace spa
