// Advice: which size and time of a kind the lookups so far would have been served best by, from the
// counters that processes left in the second level (cache/reuse_sampler.h, cache/cache_stats.h).
//
// Honest about what it knows: a kind whose sample is small gets no advice, and a reuse from one run
// to the next is not in the sample, so it speaks about one run.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/cache_policy.h"

namespace spa {

struct CapacityPoint {
  CapacityPoint(std::uint64_t entries, double hit_ratio) : entries(entries), hit_ratio(hit_ratio) {}
  std::uint64_t entries;
  double hit_ratio;  // Of all lookups, had memory held so many; never falls with `entries`.
};

struct KindAdvice {
  KindAdvice() = default;
  std::string_view kind;
  std::uint64_t sampled = 0;  // Lookups in the sample.
  std::vector<CapacityPoint> curve;
  // Nothing: too little is known.
  std::optional<std::uint64_t> entries;     // Beyond it more entries bring next to nothing.
  std::optional<std::chrono::seconds> ttl;  // Nine of ten that came back did so within it.
  double hit_ratio = 0;                     // As it was.
  std::uint64_t evictions = 0, expirations = 0;
  std::string reason;  // A sentence for people.
};

inline constexpr std::uint64_t kLeastSample = 100;

// Of every kind that was looked up; empty where nothing was recorded.
std::vector<KindAdvice> Advise(const std::map<std::string, std::int64_t>& counters,
                               std::uint64_t entries_now);

}  // namespace spa
