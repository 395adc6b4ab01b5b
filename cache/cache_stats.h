// CacheStats: what the cache did, per kind and in all, as the run summary tells it (contract.md 1).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace spa {

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
  std::uint64_t loads = 0;           // Calls of a loader; also without a cache.
  std::uint64_t load_errors = 0;     // Those that ended in an Error.
  std::uint64_t evictions = 0;       // Entries that went to make room.
  std::size_t entries = 0;           // Now in memory.
  std::size_t bytes = 0;
  std::chrono::seconds oldest_hit{0};  // The greatest age ever served.

  std::uint64_t hits() const { return l1_hits + l2_hits + coalesced; }
  double hit_rate() const { return Rate(hits(), lookups); }  // 0 to 1; 0 before the first lookup.
  double repeat_hit_rate() const { return Rate(repeat_hits, repeat_lookups); }

  KindStats& operator+=(const KindStats& other) {
    lookups += other.lookups;
    l1_hits += other.l1_hits;
    l2_hits += other.l2_hits;
    coalesced += other.coalesced;
    misses += other.misses;
    repeat_lookups += other.repeat_lookups;
    repeat_hits += other.repeat_hits;
    loads += other.loads;
    load_errors += other.load_errors;
    evictions += other.evictions;
    entries += other.entries;
    bytes += other.bytes;
    oldest_hit = std::max(oldest_hit, other.oldest_hit);
    return *this;
  }

 private:
  static double Rate(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
  }
};

struct CacheStats {
  bool enabled = true;
  std::vector<KindStats> kinds;  // Those in use, in the order of CacheKind.
  KindStats total;
};

}  // namespace spa
