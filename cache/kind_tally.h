// KindTally: the counters of one kind, counted from any thread without one waiting for another.
//
// Each thread counts in one of eight stripes. What follows from other counters is not counted: an
// ordinary hit raises a single word.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "cache/cache_stats.h"
#include "core/latency_histogram.h"

namespace spa {

class KindTally {
 public:
  template <std::uint64_t KindStats::*Counter>
  void Count(std::uint64_t more = 1) {
    constexpr std::size_t at = CounterOf(Counter);
    Mine().counts[at].fetch_add(more, std::memory_order_relaxed);
  }
  void CountFirst() { Count<&KindStats::repeat_lookups>(); }      // Stands for: no repeat.
  void CountRepeatedMiss() { Count<&KindStats::repeat_hits>(); }  // Stands for: repeat, no hit.
  void Served(std::chrono::seconds age) {
    auto known = oldest_.load(std::memory_order_relaxed);
    while (age.count() > known &&
           !oldest_.compare_exchange_weak(known, age.count(), std::memory_order_relaxed)) {
    }
  }

  KindStats Read() const {
    KindStats stats;
    for (const Stripe& stripe : stripes_) {
      for (std::size_t i = 0; i < kCounterCount; ++i) {
        stats.*kCounters[i].value += stripe.counts[i].load(std::memory_order_relaxed);
      }
    }
    stats.lookups = stats.hits() + stats.misses;
    const std::uint64_t firsts = stats.repeat_lookups, repeated_misses = stats.repeat_hits;
    stats.repeat_lookups = stats.lookups - std::min(firsts, stats.lookups);
    stats.repeat_hits = stats.repeat_lookups - std::min(repeated_misses, stats.repeat_lookups);
    stats.oldest_hit = std::chrono::seconds(oldest_.load(std::memory_order_relaxed));
    stats.hit_l1 = hit_l1.Read();
    stats.hit_l2 = hit_l2.Read();
    stats.load = load.Read();
    return stats;
  }

  LatencyHistogram hit_l1, hit_l2, load;

 private:
  struct alignas(64) Stripe {
    std::array<std::atomic<std::uint64_t>, kCounterCount> counts{};
  };

  Stripe& Mine() {
    static std::atomic<std::size_t> threads{0};
    thread_local const std::size_t mine = threads.fetch_add(1);
    return stripes_[mine % stripes_.size()];
  }

  std::array<Stripe, 8> stripes_;
  std::atomic<std::int64_t> oldest_{0};
};

}  // namespace spa
