// Store: a second cache level: envelopes (cache/envelope.h) under key texts, shared by processes.
//
// What every store promises, and tests/cache/store_contract.h proves over all of them:
// - Writes of one key are linearizable. Each gets a fence, greater than any earlier one of that
//   key, written into the envelope (kFenceOffset) by the store itself.
// - Acquire hands out a lease to one caller at a time; only who holds it may Fill. Put and Erase
//   void the lease: a load that began before a write or an erase cannot bring old data back. A
//   lease ends by itself when its holder died.
// - What has passed `expires` is not returned.
//
// Store is bytes only: it neither decodes values nor decides how long they live.
//
// Threads: the io_context's thread.
// Lifetime: Open before use; Close awaits what is under way. Must outlive its Tasks.
// Errors: kUnreachable (not there, or its HealthGate is open: then at once), kStorage (full,
// corrupt, not ours), kAuth (it refused the credential), kMalformed. Whoever calls treats each of
// them as a miss (cache.md C.1 rule 1). No message holds a password.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/entry.h"
#include "cache/health_gate.h"
#include "cache/tag.h"
#include "core/async/task.h"
#include "core/latency_histogram.h"
#include "core/result.h"

namespace spa {

enum class PutWhen {
  kAlways,
  kAbsent,   // Only where nothing is under the key.
  kPresent,  // Only where something is.
  kFence,    // Only where the entry still carries `fence`; 0: only where nothing is.
};

struct StorePut {
  StorePut() = default;
  std::string key;  // CacheKey::text()
  std::string envelope;
  CacheTime expires;      // The last of the envelope's deadlines: from then on it may be dropped.
  std::vector<Tag> tags;  // To enter into the indexes.
  PutWhen when = PutWhen::kAlways;
  std::uint64_t fence = 0;
};

// What came of a Put: the fence the entry now has, or nothing where `when` did not hold.
using StoredFence = std::optional<std::uint64_t>;

struct Lease {
  Lease() = default;
  std::string key;
  std::uint64_t fence = 0;  // What a Fill will carry, and who the holder is.
};

struct Acquired {
  Acquired() = default;
  std::optional<std::string> envelope;  // It is there. (Fresh or stale is the caller's matter.)
  std::optional<Lease> lease;           // It is not, and the caller is to load it.
  std::chrono::milliseconds retry_after{0};  // Neither: another loads; the lease ends then.
};

struct ScanPage {
  ScanPage() = default;
  std::vector<std::string> keys;
  std::string cursor;  // Of the next page; empty: that was all.
};

// What others changed. `everything`: the store was flushed, or contact was lost: trust nothing.
struct StoreChange {
  StoreChange() = default;
  std::vector<std::string> keys;
  bool everything = false;
};

struct StoreNode {
  StoreNode() = default;
  std::string name;  // Host and port, or the path. Never a password.
  Health health;
  bool up = true;  // There is a way to it at this moment.
  std::uint64_t operations = 0, errors = 0, reconnects = 0, bytes_in = 0, bytes_out = 0;
  // How long each command took from leaving to its answer, where there are commands: "evalsha".
  std::map<std::string, LatencyHistogram::Snapshot> commands;
};

struct StoreInfo {
  StoreInfo() = default;
  std::string kind;     // "disk", "redis", "redis+ring", "redis+cluster"
  std::string place;    // The URL without its secrets.
  std::string version;  // Of the server or library.
  std::uint64_t entries = 0, bytes = 0;
  std::vector<StoreNode> nodes;
};

class Store {
 public:
  virtual ~Store() = default;

  [[nodiscard]] virtual Task<Status> Open() = 0;
  [[nodiscard]] virtual Task<void> Close() = 0;

  // One answer a key, in order; nothing where there is none.
  [[nodiscard]] virtual Task<Result<std::vector<std::optional<std::string>>>> Get(
      std::vector<std::string> keys) = 0;
  // One answer a put, in order.
  [[nodiscard]] virtual Task<Result<std::vector<StoredFence>>> Put(std::vector<StorePut> puts) = 0;
  // How many of them were there. Voids the leases of all.
  [[nodiscard]] virtual Task<Result<std::size_t>> Erase(std::vector<std::string> keys) = 0;

  [[nodiscard]] virtual Task<Result<Acquired>> Acquire(std::string key,
                                                       std::chrono::milliseconds length) = 0;
  // Makes the lease last `length` from now; false: it is lost.
  [[nodiscard]] virtual Task<Result<bool>> Renew(Lease lease, std::chrono::milliseconds length) = 0;
  // Stores and gives the lease back; false: it was lost, nothing is stored.
  [[nodiscard]] virtual Task<Result<bool>> Fill(Lease lease, StorePut put) = 0;
  // Gives the lease back with nothing to store: the load failed.
  [[nodiscard]] virtual Task<Result<void>> Release(Lease lease) = 0;

  // Keys that match, page by page, in no order; a key may come twice. Empty cursor: from the start.
  [[nodiscard]] virtual Task<Result<ScanPage>> Scan(Glob glob, std::string cursor) = 0;
  // The index of a tag: a hint. What has gone may still be named.
  [[nodiscard]] virtual Task<Result<std::vector<std::string>>> Tagged(Tag tag) = 0;
  [[nodiscard]] virtual Task<Result<void>> Untag(Tag tag, std::vector<std::string> keys) = 0;
  // Everything that carries the tag and was created at `at` or before is gone.
  [[nodiscard]] virtual Task<Result<void>> Stamp(Tag tag, CacheTime at) = 0;
  // When each was stamped; the epoch where never.
  [[nodiscard]] virtual Task<Result<std::vector<CacheTime>>> Stamps(std::vector<Tag> tags) = 0;

  // Drops what has expired; how many. (Redis does so by itself: 0.)
  [[nodiscard]] virtual Task<Result<std::size_t>> Cleanup() = 0;
  // Drops everything of this namespace, and nothing else.
  [[nodiscard]] virtual Task<Result<void>> Clear() = 0;

  // Adds to the counters that all processes share ("group_members.l1_hits"), and reads them.
  [[nodiscard]] virtual Task<Result<void>> AddCounters(
      std::map<std::string, std::int64_t> more) = 0;
  [[nodiscard]] virtual Task<Result<std::map<std::string, std::int64_t>>> Counters() = 0;
  [[nodiscard]] virtual Task<Result<void>> ResetCounters() = 0;

  // Called on the io_context's thread for every change by others, from Open to Close. False: this
  // store cannot tell, or cannot at the moment; then memory must not outlive cache.ttl.
  virtual void Watch(std::function<void(const StoreChange&)> listener) = 0;
  virtual bool watching() const = 0;

  [[nodiscard]] virtual Task<Result<StoreInfo>> Info() = 0;
};

struct StoreOptions {
  StoreOptions() = default;
  std::string name_space;                        // Inserted after the key prefix; empty: none.
  std::size_t max_bytes = std::size_t{1} << 30;  // Of a disk store: beyond it the oldest go.
  std::chrono::milliseconds timeout{250};        // Of one operation.
  CacheClock clock = std::chrono::system_clock::now;
};

}  // namespace spa
