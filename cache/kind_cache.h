// KindCache: what one kind remembers, with its values' type erased. Cache<T> (cache/cache.h) is the
// face to use; this is the engine behind it, the same for every kind.
//
// How a lookup goes (kind_flight.cpp has the flight):
//   memory, fresh              served; near its end, one refresh starts in the background
//   memory, stale              served marked stale, and refreshed; without background work: loaded
//   else                       one flight for all who ask: memory again, the second level, a lease,
//                              the loader; what it brought is stored, published, then the flight
//                              is released
//   the load failed            a failure that is likely to stay is remembered, in memory alone;
//                              else an old value stands in, marked stale, and nobody tries again
//                              for 30 s
//
// Threads: any.
// Lifetime: owned by the CacheManager, which must outlive every Task it gave out.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "cache/background.h"
#include "cache/cache_events.h"
#include "cache/cache_key.h"
#include "cache/cache_policy.h"
#include "cache/cache_stats.h"
#include "cache/codec.h"
#include "cache/entry.h"
#include "cache/envelope.h"
#include "cache/key_lock.h"
#include "cache/kind_tally.h"
#include "cache/memory_store.h"
#include "cache/reuse_sampler.h"
#include "cache/second_level.h"
#include "cache/seen_keys.h"
#include "cache/single_flight.h"
#include "cache/store.h"
#include "cache/tag_stamps.h"
#include "core/async/task.h"
#include "core/result.h"

namespace spa {

// Where an answer came from.
enum class CacheLevel {
  kL1,      // This process's memory.
  kL2,      // The second level.
  kLoaded,  // The loader: run for this caller, or joined while it ran for another.
};
std::string_view NameOf(CacheLevel level);  // "l1", "l2", "loaded"

enum class CacheMode {
  kOff,      // Every lookup loads, alone.
  kObserve,  // As off, but told what it would have served, and whether that was right.
  kRead,     // Serves; writes nothing to the second level.
  kReadWrite,
};
std::string_view NameOf(CacheMode mode);  // "off", "observe", "read", "readwrite"
std::optional<CacheMode> CacheModeNamed(std::string_view name);

// What a loader may say about what it loads.
class LoadContext {
 public:
  LoadContext() = default;

  void ExpiresAt(CacheTime end) { ends_ = end; }  // The value's own end: never served after it.
  void FreshFor(std::chrono::seconds fresh) { fresh_ = fresh; }  // Instead of the kind's time.
  void CameOut(Outcome outcome) { outcome_ = outcome; }
  void AddTag(Tag tag) { tags_.push_back(std::move(tag)); }

  std::shared_ptr<const void> previous;  // The old value, if any: of the loader's own type.

 private:
  friend class KindCache;
  std::optional<CacheTime> ends_;
  std::optional<std::chrono::seconds> fresh_;
  Outcome outcome_ = Outcome::kGood;
  std::vector<Tag> tags_;
};

struct WriteOptions {
  WriteOptions() = default;
  std::optional<std::chrono::seconds> ttl;  // Instead of the kind's; then there is no stale time.
  std::optional<CacheTime> expires_at;      // In the past: what is under the key goes.
  PutWhen when = PutWhen::kAlways;          // kFence is for stores.
  std::vector<Tag> tags;
};

enum class EntryState { kFresh, kStale, kExpired };
std::string_view NameOf(EntryState state);  // "fresh", "stale", "expired"

struct EntryInfo {
  EntryInfo() = default;
  std::string key;
  CacheTime created, fresh_until, stale_until, expires;
  std::chrono::seconds age{0}, ttl{0};  // ttl: what is left of `fresh`; 0 where it is over.
  EntryState state = EntryState::kFresh;
  bool negative = false;
  std::size_t bytes = 0;  // In memory: the cost of the value; else the payload.
  bool compressed = false;
  std::uint64_t hits = 0;  // In this process's memory.
  CacheLevel level = CacheLevel::kL1;
  std::vector<Tag> tags;
  std::uint64_t fence = 0;  // 0: not known.
};

// Codec<T> and CostOf, with the type erased.
struct ValueCodec {
  std::string (*encode)(const void* value, ValueFormat format);
  // A null value where it cannot be decoded.
  std::pair<std::shared_ptr<const void>, std::size_t> (*decode)(std::string_view bytes);
};

// What the caches of all kinds share.
struct CacheParts {
  // `failed` is told of what background work throws.
  explicit CacheParts(std::function<void(std::exception_ptr)> failed)
      : background(std::move(failed)) {}

  CacheClock clock;
  CacheMode mode = CacheMode::kReadWrite;
  double jitter = 0.1, refresh_at = 0.9, verify_share = 0;
  bool refresh_behind = true;
  std::optional<CacheTime> not_before;
  std::chrono::seconds l1_ttl{300}, load_timeout{30}, load_cap{30};
  SealOptions seal;
  ValueFormat format = ValueFormat::kJson;
  std::atomic<bool> told_bare{false};  // That bare values are deprecated.
  CacheEvents events;
  TagStamps stamps;
  Background background;
  std::unique_ptr<SecondLevel> l2;  // Null: memory alone.
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
    Found(std::shared_ptr<const void> data, std::chrono::seconds age, CacheLevel level,
          bool stale = false)
        : data(std::move(data)), age(age), level(level), stale(stale) {}
    std::shared_ptr<const void> data;
    std::chrono::seconds age;
    CacheLevel level;
    bool stale;
  };
  using Load = std::function<Task<Result<Value>>(LoadContext&)>;
  using Change = std::function<Result<Value>(const void* old)>;

  // `limits`: nothing turns the kind off: every GetOrLoad loads, alone. `codec`: null where the
  // values cannot leave memory.
  KindCache(CachePolicy policy, std::optional<MemoryStore::Limits> limits, const ValueCodec* codec,
            CacheParts& parts);

  [[nodiscard]] Task<Result<Found>> GetOrLoad(CacheKey key, Load load);
  std::optional<Result<Found>> Peek(const CacheKey& key);
  [[nodiscard]] Task<std::optional<Result<Found>>> Get(CacheKey key);
  [[nodiscard]] Task<bool> Set(CacheKey key, Value value, WriteOptions options);
  [[nodiscard]] Task<Result<Found>> Update(CacheKey key, Change change, WriteOptions options);
  [[nodiscard]] Task<bool> Erase(CacheKey key);
  [[nodiscard]] Task<bool> Contains(CacheKey key);
  [[nodiscard]] Task<std::vector<std::optional<Found>>> GetMany(std::vector<CacheKey> keys);
  [[nodiscard]] Task<std::vector<bool>> SetMany(std::vector<std::pair<CacheKey, Value>> values,
                                                WriteOptions options);
  [[nodiscard]] Task<std::size_t> EraseMany(std::vector<CacheKey> keys);
  [[nodiscard]] Task<std::optional<EntryInfo>> Info(CacheKey key);

  // For the manager. Another process changed the key:
  void Changed(const CacheKey& key);
  // Memory alone, and its loads under way:
  bool Drop(const CacheKey& key);
  std::size_t DropAll();
  bool Retag(const CacheKey& key, const Tag& tag, bool add);
  MemoryStore* memory() { return memory_.get(); }
  void TellEvictions();  // To the observers, under no lock.
  const CachePolicy& policy() const { return policy_; }
  // How soon keys came again, since the last call (cache/reuse_sampler.h).
  std::map<std::string, std::int64_t> TakeReuse() { return reuse_.Take(policy_.name); }
  KindStats Stats() const;

 private:
  using EntryPtr = std::shared_ptr<const Entry>;

  enum class State { kNone, kFresh, kNearEnd, kStale, kHeld, kOld, kUnsure };
  struct Seen {
    EntryPtr entry;
    State state = State::kNone;
  };
  // What a flight brought.
  struct Flown {
    Flown() = default;
    EntryPtr entry;
    CacheLevel level = CacheLevel::kLoaded;
    bool keep = false;                     // To be published to memory.
    std::optional<std::uint64_t> version;  // Then only while the shard has it.
    bool stale = false;
  };
  // What came of looking into an envelope.
  struct Read {
    std::shared_ptr<Entry> entry;  // Null: there is none to use.
    bool newer = false;            // Of a version we do not know: leave it alone.
  };
  struct Timed {
    CacheTime fresh, stale, expires;
  };

  Seen Look(const CacheKey& key, CacheTime now);
  Seen Judge(const CacheKey& key, EntryPtr entry, CacheTime now);
  std::optional<Result<Found>> Served(const CacheKey& key, const Seen& seen, CacheTime now);
  Result<Found> Show(const EntryPtr& entry, CacheLevel level, bool stale, CacheTime now);
  void CountHit(const CacheKey& key, const Entry& entry);
  void CountSlow(const CacheKey& key, std::uint64_t KindStats::*outcome) {
    CountOutcome(FirstTime(key), outcome);
  }
  void CountOutcome(bool first_time, std::uint64_t KindStats::*outcome);
  void TellLookup(const CacheKey& key, std::string_view result, CacheLevel level);
  bool FirstTime(const CacheKey& key);  // Called once for a lookup, or Sample is.
  void Sample(const CacheKey& key) {
    if (ReuseSampler::Follows(key.fingerprint())) reuse_.Saw(key.fingerprint(), parts_.clock());
  }

  bool Shared(const CacheKey& key) const;  // May it go to the second level, and is there one?
  bool Refreshes() const { return parts_.refresh_behind && parts_.background.open(); }
  bool TooOld(const Entry& entry) const {
    return parts_.not_before && entry.created < *parts_.not_before;
  }
  bool Stands(const EntryPtr& entry) const {  // Good by its own deadlines.
    return entry && entry->value && !TooOld(*entry) && parts_.clock() < entry->fresh_until;
  }
  bool Writes() const { return parts_.mode != CacheMode::kRead; }
  Timed DeadlinesOf(const CacheKey& key, const WriteOptions& options, CacheTime created) const;
  std::shared_ptr<Entry> NewEntry(const CacheKey& key, Value value, const WriteOptions& options);
  void MarkShared(Entry& entry, std::uint64_t fence);
  std::optional<StorePut> Sealed(const CacheKey& key, const Entry& entry);
  Read Judge(const CacheKey& key, Opened opened, CacheTime now);
  std::optional<Envelope> Adopted(std::string_view bytes, CacheTime now);
  Task<Read> ReadStored(CacheKey key, std::string bytes);
  void Keep(const CacheKey& key, const Entry& entry);
  void CountStoreError(const Error& error);
  void CountLoadError(const Error& error);

  // kind_flight.cpp
  Task<Result<Found>> LoadAlone(Load load);
  Task<Result<Found>> Observe(CacheKey key, Load load);
  Task<Flown> Fly(CacheKey key, Load load, EntryPtr refreshed);
  Task<Flown> FlyShared(CacheKey key, Load load, EntryPtr refreshed, EntryPtr previous);
  Task<Flown> LoadAndFill(CacheKey key, Load load, Lease lease, EntryPtr previous);
  Task<Flown> LoadOver(CacheKey key, Load load, Lease guard, EntryPtr previous,
                       std::uint64_t fence);
  Flown Followed(Flown flown);
  Task<Flown> LoadHere(CacheKey key, Load load, EntryPtr previous);
  Task<Result<Value>> RunLoad(Load load, LoadContext& context, std::optional<Lease> lease);
  Task<Result<Value>> TimedLoad(Load load, LoadContext& context);
  Task<void> KeepLease(Lease lease);
  Flown Landing(const CacheKey& key, Result<Value> loaded, LoadContext& context,
                const EntryPtr& previous);
  SingleFlight<Flown>::Publish Publisher(const CacheKey& key);
  void Refresh(const CacheKey& key, const Load& load, const EntryPtr& entry);
  Task<void> RefreshTask(CacheKey key, Load load, EntryPtr entry);
  void MaybeVerify(const CacheKey& key, const Load& load, const EntryPtr& entry);
  Task<void> VerifyTask(CacheKey key, Load load, EntryPtr entry);
  Task<void> ReleaseTask(Lease lease);
  Task<Result<Found>> UpdateShared(CacheKey key, Change change, WriteOptions options);

  const CachePolicy policy_;
  const ValueCodec* codec_;
  CacheParts& parts_;
  const double refresh_at_;  // Drawn per process.
  std::mutex evicted_mutex_;
  std::vector<std::string> evicted_;     // Keys, until TellEvictions.
  std::unique_ptr<MemoryStore> memory_;  // Null when off.
  SingleFlight<Flown> flights_;
  KeyLock locks_;
  struct SeenShard {
    SeenShard() : keys(SeenKeys::kLimit / kSeenShards) {}
    std::mutex mutex;
    SeenKeys keys;
  };
  // So long the second level is given where memory has a value that only is to be confirmed.
  static constexpr std::chrono::milliseconds kConfirmWithin{50};
  static constexpr std::size_t kSeenShards = 16;
  std::array<SeenShard, kSeenShards> seen_;
  KindTally tally_;
  std::array<std::atomic<std::uint64_t>, std::tuple_size_v<FailureCounts>> load_failures_{};
  ReuseSampler reuse_;
};

}  // namespace spa
