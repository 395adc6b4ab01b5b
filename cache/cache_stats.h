// CacheStats: what the cache did, per kind and in all, as the run summary tells it (contract.md 1).
//
// kCounters names every counter once: sums, JSON, Prometheus and the counters that processes add up
// in a store all come from that table.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/latency_histogram.h"
#include "core/result.h"

namespace spa {

// How often each sort of failure came, by the place of its code.
using FailureCounts = std::array<std::uint64_t, static_cast<std::size_t>(ErrorCode::kInternal) + 1>;
std::string_view FailureName(std::size_t code);  // "unreachable"

// lookups == l1_hits + l2_hits + coalesced + misses, always. Without a cache all four stay 0.
struct KindStats {
  std::string_view kind;  // "total" for the sum.
  std::uint64_t lookups = 0;
  std::uint64_t l1_hits = 0;  // Remembered failures included.
  std::uint64_t l2_hits = 0;
  std::uint64_t coalesced = 0;  // Joined a load under way.
  std::uint64_t misses = 0;
  std::uint64_t repeat_lookups = 0;  // Of a key that had been asked for before.
  std::uint64_t repeat_hits = 0;     // Those of them that were no miss.
  std::uint64_t stale = 0;           // Answers served marked stale.
  std::uint64_t negative = 0;        // Answers that were a remembered failure.
  std::uint64_t loads = 0;           // Calls of a loader; also without a cache.
  std::uint64_t load_errors = 0;     // Those that ended in an Error.
  std::uint64_t refreshes = 0;       // Loads behind the back of whoever asked.
  std::uint64_t sets = 0;
  std::uint64_t deletes = 0;        // Keys that were there.
  std::uint64_t evictions = 0;      // Entries that went to make room.
  std::uint64_t expirations = 0;    // Entries that went because their time was over.
  std::uint64_t tag_evictions = 0;  // Entries that went because their tag was erased.
  std::uint64_t l2_writes = 0;      // Values handed to the second level.
  std::uint64_t l2_errors = 0;      // Its failures, each of them a miss.
  std::uint64_t encodes = 0, decodes = 0;
  std::uint64_t decode_errors = 0;  // Entries of the second level that could not be read.
  std::uint64_t lease_waits = 0;    // Waited for another process's load;
  std::uint64_t local_loads = 0;    // in vain: loaded here, and did not store.
  std::uint64_t fenced_off = 0;     // Loads overtaken by a write or erase: not stored.
  std::uint64_t verify_checked = 0, verify_mismatch = 0;  // Hits loaded again and compared.
  std::uint64_t would_hit = 0, would_mismatch = 0;        // In the mode `observe`.
  std::uint64_t flights_started = 0, flights_joined = 0;
  std::uint64_t flights_cancelled = 0;  // By the last caller's leaving.
  std::uint64_t flights_failed = 0;     // Ended by an exception.
  std::uint64_t shard_waits = 0;        // For a lock of memory or flights that somebody else had.
  std::uint64_t flights_active = 0;     // Now.
  std::uint64_t entries = 0;            // Now in memory.
  std::uint64_t bytes = 0;
  std::uint64_t max_entries = 0, max_bytes = 0;
  std::chrono::seconds oldest_hit{0};  // The greatest age ever served.
  LatencyHistogram::Snapshot hit_l1;   // Of GetOrLoad; a Peek is not timed.
  LatencyHistogram::Snapshot hit_l2, load;
  FailureCounts load_failures{};  // Of this process's load_errors.

  std::uint64_t hits() const { return l1_hits + l2_hits + coalesced; }
  double hit_rate() const { return Rate(hits(), lookups); }  // 0 to 1; 0 before the first lookup.
  double repeat_hit_rate() const { return Rate(repeat_hits, repeat_lookups); }
  // How full the fuller of the two budgets is.
  double utilization() const {
    return std::max(Rate(entries, max_entries), Rate(bytes, max_bytes));
  }
  // The median load over the median hit: how many times faster a hit is; 0 where one is missing.
  double speedup() const;

  KindStats& operator+=(const KindStats& other);

 private:
  static double Rate(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
  }
};

// A counter of KindStats by name. `lasting` ones only grow, and are what processes add up in a
// store as "<kind>.<name>"; the others tell how it is now.
struct KindCounter {
  std::string_view name;
  std::uint64_t KindStats::*value;
  bool lasting;
  std::string_view help;
};

inline constexpr KindCounter kCounters[] = {
    // clang-format off
    {"lookups",           &KindStats::lookups,           true,  "Lookups"},
    {"l1_hits",           &KindStats::l1_hits,           true,  "Lookups answered from memory"},
    {"l2_hits",           &KindStats::l2_hits,           true,  "Lookups answered by the second level"},
    {"coalesced",         &KindStats::coalesced,         true,  "Lookups that joined a load under way"},
    {"misses",            &KindStats::misses,            true,  "Lookups that had to load"},
    {"repeat_lookups",    &KindStats::repeat_lookups,    true,  "Lookups of a key asked for before"},
    {"repeat_hits",       &KindStats::repeat_hits,       true,  "Those of them that were no miss"},
    {"stale",             &KindStats::stale,             true,  "Answers served marked stale"},
    {"negative",          &KindStats::negative,          true,  "Answers that were a remembered failure"},
    {"loads",             &KindStats::loads,             true,  "Calls of a loader"},
    {"load_errors",       &KindStats::load_errors,       true,  "Calls of a loader that failed"},
    {"refreshes",         &KindStats::refreshes,         true,  "Loads in the background"},
    {"sets",              &KindStats::sets,              true,  "Values written"},
    {"deletes",           &KindStats::deletes,           true,  "Keys erased"},
    {"evictions",         &KindStats::evictions,         true,  "Entries evicted to make room"},
    {"expirations",       &KindStats::expirations,       true,  "Entries dropped at the end of their time"},
    {"tag_evictions",     &KindStats::tag_evictions,     true,  "Entries dropped because their tag was erased"},
    {"l2_writes",         &KindStats::l2_writes,         true,  "Values handed to the second level"},
    {"l2_errors",         &KindStats::l2_errors,         true,  "Failures of the second level"},
    {"encodes",           &KindStats::encodes,           true,  "Values encoded"},
    {"decodes",           &KindStats::decodes,           true,  "Values decoded"},
    {"decode_errors",     &KindStats::decode_errors,     true,  "Entries of the second level that could not be read"},
    {"lease_waits",       &KindStats::lease_waits,       true,  "Waits for another process's load"},
    {"local_loads",       &KindStats::local_loads,       true,  "Loads after such a wait was in vain"},
    {"fenced_off",        &KindStats::fenced_off,        true,  "Loads overtaken by a write or erase"},
    {"verify_checked",    &KindStats::verify_checked,    true,  "Hits loaded again and compared"},
    {"verify_mismatch",   &KindStats::verify_mismatch,   true,  "Those of them that differed"},
    {"would_hit",         &KindStats::would_hit,         true,  "Hits that mode observe would have served"},
    {"would_mismatch",    &KindStats::would_mismatch,    true,  "Those of them that differed from the load"},
    {"flights_started",   &KindStats::flights_started,   true,  "Loads begun"},
    {"flights_joined",    &KindStats::flights_joined,    true,  "Callers that joined one"},
    {"flights_cancelled", &KindStats::flights_cancelled, true,  "Loads whose callers all left"},
    {"flights_failed",    &KindStats::flights_failed,    true,  "Loads ended by an exception"},
    {"shard_waits",       &KindStats::shard_waits,       true,  "Waits for a lock that another thread had"},
    {"flights_active",    &KindStats::flights_active,    false, "Loads under way"},
    {"entries",           &KindStats::entries,           false, "Entries in memory"},
    {"bytes",             &KindStats::bytes,             false, "Bytes in memory"},
    {"max_entries",       &KindStats::max_entries,       false, "Most entries in memory"},
    {"max_bytes",         &KindStats::max_bytes,         false, "Most bytes in memory"},
    // clang-format on
};
inline constexpr std::size_t kCounterCount = std::size(kCounters);

// The place of a counter in kCounters.
constexpr std::size_t CounterOf(std::uint64_t KindStats::*value) {
  std::size_t at = 0;
  while (kCounters[at].value != value) ++at;  // Beyond the end: does not compile.
  return at;
}

// One operation of a store, as this process called it.
struct StoreCallStats {
  std::string_view operation;  // "get", "put", "acquire", …
  std::uint64_t count = 0;
  FailureCounts failures{};
  LatencyHistogram::Snapshot took;

  StoreCallStats& operator+=(const StoreCallStats& other);
};

// How the way to the second level is.
struct SecondLevelStats {
  std::string url;  // Without secrets; empty: there is none.
  bool open = false, reachable = false, watching = false;
  std::chrono::milliseconds degraded{0};  // Out of reach, in all.
  std::uint64_t operations = 0, errors = 0;
  std::uint64_t queued = 0;    // Writes put aside because it was out of reach;
  std::uint64_t replayed = 0;  // of them done later,
  std::uint64_t dropped = 0;   // and given up for want of room.
  std::uint64_t waiting = 0;   // Now in the queue.
  std::uint64_t changes = 0;   // Heard of from others.
  LatencyHistogram::Snapshot took;
  std::vector<StoreCallStats> calls;  // By operation; each has its row.

  std::string_view store() const;  // "redis", "disk": the scheme of `url`; empty: there is none.
};

struct CacheStats {
  bool enabled = true;
  std::string_view mode = "readwrite";
  std::vector<KindStats> kinds;  // Those in use, in the order of CacheKind.
  KindStats total;
  SecondLevelStats l2;
  std::chrono::duration<double> uptime{0};  // Of this process's cache: what rates are over.
  std::uint64_t keys_made = 0, keys_hashed = 0;
  LatencyHistogram::Snapshot key_took;
  std::uint64_t observer_errors = 0;  // Exceptions that observers threw.

  CacheStats& operator+=(const CacheStats& other);
};

// What is done to each store, and how often a second: {operation: {store: {count, rate}}}. The rate
// is over the uptime of this process, and so are the counts of a store's own operations.
nlohmann::json OperationsJson(const CacheStats& stats);
// What failed: [{store, operation, type, count}], with the kind where it is known.
nlohmann::json FailuresJson(const CacheStats& stats);

// The one shape in which statistics leave the program: `cache stats --json`, HTTP, Prometheus.
// Every kind has the same fields. Times in nanoseconds.
nlohmann::json ToJson(const KindStats& stats);
nlohmann::json ToJson(const CacheStats& stats);
// Of counters that a store has added up over processes ("group_members.l1_hits"), in the same
// shape, {"kinds": {...}, "total": {...}}; unknown names are left out.
nlohmann::json StoredToJson(const std::map<std::string, std::int64_t>& counters);
// What to add to a store's counters for the step from one snapshot to a later one; no zeros.
std::map<std::string, std::int64_t> LastingCounters(const CacheStats& before,
                                                    const CacheStats& now);

}  // namespace spa
