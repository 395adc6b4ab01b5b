// LatencyHistogram: how long something took, as a distribution, in 5 KiB.
//
// Log-linear: each power of two of nanoseconds is cut into 16 equal parts, so that a quantile is
// never more than a sixteenth too high; beyond 18 minutes everything counts as 18 minutes.
// Snapshots add up, so that the quantiles of a sum are those of all that was recorded.
//
// Threads: Record and Read from any; a Read beside Records may miss the newest.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace spa {

class LatencyHistogram {
  static constexpr int kPartBits = 4;
  static constexpr std::uint64_t kParts = 1 << kPartBits;
  static constexpr int kMostBits = 40;  // 2^40 ns are 18 minutes.

 public:
  static constexpr std::size_t kBuckets = (kMostBits - kPartBits + 1) * kParts;

  class Snapshot {
   public:
    std::uint64_t count() const { return count_; }
    std::chrono::nanoseconds max() const { return std::chrono::nanoseconds(max_); }
    // `share` from 0 to 1: 0.99 is the time that 99 of 100 did not exceed. 0 where nothing was.
    std::chrono::nanoseconds Quantile(double share) const {
      if (count_ == 0) return std::chrono::nanoseconds(0);
      const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_ - 1)) + 1;
      std::uint64_t passed = 0;
      for (std::size_t i = 0; i < kBuckets; ++i) {
        passed += counts_[i];
        if (passed >= wanted) return std::chrono::nanoseconds(std::min(TopOf(i), max_));
      }
      return max();
    }
    Snapshot& operator+=(const Snapshot& other) {
      for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
      count_ += other.count_;
      max_ = std::max(max_, other.max_);
      return *this;
    }
    // What was recorded since an earlier snapshot of the same histogram; max() stays that of all.
    Snapshot& operator-=(const Snapshot& earlier) {
      for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] -= earlier.counts_[i];
      count_ -= earlier.count_;
      return *this;
    }

   private:
    friend class LatencyHistogram;
    std::array<std::uint64_t, kBuckets> counts_{};
    std::uint64_t count_ = 0;
    std::uint64_t max_ = 0;
  };

  void Record(std::chrono::nanoseconds took) {
    const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0));
    counts_[BucketOf(ns)].fetch_add(1, std::memory_order_relaxed);
    std::uint64_t known = max_.load(std::memory_order_relaxed);
    while (ns > known && !max_.compare_exchange_weak(known, ns, std::memory_order_relaxed)) {
    }
  }

  Snapshot Read() const {
    Snapshot snapshot;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      snapshot.counts_[i] = counts_[i].load(std::memory_order_relaxed);
      snapshot.count_ += snapshot.counts_[i];
    }
    snapshot.max_ = max_.load(std::memory_order_relaxed);
    return snapshot;
  }

 private:
  static std::size_t BucketOf(std::uint64_t ns) {
    ns = std::min(ns, (std::uint64_t{1} << kMostBits) - 1);
    if (ns < kParts) return ns;
    const int power = std::bit_width(ns) - 1 - kPartBits;
    return static_cast<std::size_t>(power + 1) * kParts + ((ns >> power) - kParts);
  }
  // The longest time that falls into the bucket.
  static std::uint64_t TopOf(std::size_t bucket) {
    if (bucket < kParts) return bucket;
    const auto power = bucket / kParts - 1;
    return ((bucket % kParts + kParts + 1) << power) - 1;
  }

  std::array<std::atomic<std::uint64_t>, kBuckets> counts_{};
  std::atomic<std::uint64_t> max_{0};
};

}  // namespace spa
