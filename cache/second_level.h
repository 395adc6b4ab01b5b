// SecondLevel: the way to the Store: what happens when it is out of reach, and what it tells.
//
// Whatever goes wrong is counted and handed on; KindCache makes a miss of it. The state is told
// once per change (a line in the log, an event), not per call.
//
// Write-behind: a write or an erase that could not reach the store is put aside, at most 10,000 or
// 32 MiB of them, the newest of each key, and done after it is back. A load's result that comes
// late is put only where nothing is by then.
//
// Threads: any; the Store is spoken to on the executor it was opened with alone.
// Lifetime: Open before use, Close before it ends.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "cache/cache_events.h"
#include "cache/cache_stats.h"
#include "cache/store.h"
#include "cache/tag_stamps.h"
#include "core/async/park.h"
#include "core/latency_histogram.h"

namespace spa {

enum class StoreCall {
  kGet,
  kPut,
  kErase,
  kAcquire,
  kRenew,
  kFill,
  kRelease,
  kScan,
  kTagged,
  kUntag,
  kStamp,
  kStamps,
  kCleanup,
  kClear,
  kCounters,
};

class SecondLevel {
 public:
  SecondLevel(std::unique_ptr<Store> store, asio::any_io_executor executor, CacheEvents& events,
              TagStamps& stamps);
  ~SecondLevel();
  SecondLevel(const SecondLevel&) = delete;

  // `changed`: called for every change by others, on the store's thread.
  [[nodiscard]] Task<Status> Open(std::function<void(const StoreChange&)> changed);
  [[nodiscard]] Task<void> Close();

  Store& store() { return *store_; }
  const asio::any_io_executor& executor() const { return executor_; }
  bool reachable() const { return reachable_.load(std::memory_order_relaxed); }
  bool watching() const { return watching_.load(std::memory_order_relaxed); }
  // Raised whenever contact was lost: what was read in an earlier one is to be looked up again.
  std::uint64_t epoch() const { return epoch_.load(std::memory_order_relaxed); }

  // As Store has them.
  // `within`: at most so long, where the caller has something else to go by. Then it is an error
  // that says nothing of the store's health.
  [[nodiscard]] Task<Result<std::vector<std::optional<std::string>>>> Get(
      std::vector<std::string> keys, std::optional<std::chrono::milliseconds> within = {});
  [[nodiscard]] Task<Result<Acquired>> Acquire(std::string key, std::chrono::milliseconds length);
  [[nodiscard]] Task<Result<bool>> Renew(Lease lease, std::chrono::milliseconds length);
  [[nodiscard]] Task<Result<void>> Release(Lease lease);
  [[nodiscard]] Task<Result<ScanPage>> Scan(Glob glob, std::string cursor);
  [[nodiscard]] Task<Result<std::vector<std::string>>> Tagged(Tag tag);
  [[nodiscard]] Task<Result<void>> Untag(Tag tag, std::vector<std::string> keys);
  [[nodiscard]] Task<Result<std::size_t>> Cleanup();
  [[nodiscard]] Task<Result<void>> Clear();
  [[nodiscard]] Task<Result<void>> AddCounters(std::map<std::string, std::int64_t> more);
  // And these, put aside where the store is out of reach.
  [[nodiscard]] Task<Result<std::vector<StoredFence>>> Put(std::vector<StorePut> puts);
  [[nodiscard]] Task<Result<std::size_t>> Erase(std::vector<std::string> keys);
  [[nodiscard]] Task<Result<bool>> Fill(Lease lease, StorePut put);
  [[nodiscard]] Task<Result<void>> Stamp(Tag tag, CacheTime at);

  // Learns the stamps of tags not known yet.
  [[nodiscard]] Task<void> LearnStamps(std::vector<Tag> tags);
  // Reads the known ones again.
  [[nodiscard]] Task<void> RereadStamps();
  // Does what was put aside, as long as the store answers.
  [[nodiscard]] Task<void> Replay();

  // Waits until somebody changed the key, at most so long.
  [[nodiscard]] Task<void> AwaitChange(std::string key, std::chrono::milliseconds longest);

  SecondLevelStats Stats() const;

 private:
  struct Aside {
    StorePut put;
    bool erase = false;
    std::size_t bytes = 0;
    std::list<std::string>::iterator age;
  };

  template <class T>
  Task<T> AtHome(Task<T> task);
  template <class T>
  Task<Result<T>> Ask(StoreCall call, Task<Result<T>> asked);
  void Answered(StoreCall call, const Error* error, std::chrono::nanoseconds took);
  void PutAside(StorePut put, bool erase);
  void Forget(const std::string& key);  // Of what was put aside: something newer is on its way.
  void Changed(const StoreChange& change);

  std::unique_ptr<Store> store_;
  asio::any_io_executor executor_;
  CacheEvents& events_;
  TagStamps& stamps_;
  std::function<void(const StoreChange&)> changed_;
  std::string url_;

  std::atomic<bool> open_{false}, watching_{false}, reachable_{true};
  std::atomic<std::uint64_t> epoch_{1};
  std::atomic<std::uint64_t> operations_{0}, errors_{0}, queued_{0}, replayed_{0}, dropped_{0},
      changes_{0};
  LatencyHistogram took_;
  struct Calls {
    std::array<std::atomic<std::uint64_t>, std::tuple_size_v<FailureCounts>> failures{};
    LatencyHistogram took;
  };
  std::array<Calls, static_cast<std::size_t>(StoreCall::kCounters) + 1> calls_;

  mutable std::mutex mutex_;  // Of all below.
  std::chrono::steady_clock::time_point lost_at_;
  std::chrono::milliseconds degraded_{0};
  std::chrono::steady_clock::time_point quiet_until_;  // Before it a loss is not told again.
  bool told_back_ = true;
  std::unordered_map<std::string, Aside> aside_;
  std::list<std::string> ages_;  // Oldest first.
  std::size_t aside_bytes_ = 0;
  std::map<Tag, CacheTime> stamps_aside_;
  std::unordered_map<std::string, std::unordered_set<ParkedPtr>> awaiting_;
};

}  // namespace spa
