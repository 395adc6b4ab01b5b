// FrequencySketch: about how often a key was asked for lately, in four bits per counter.
//
// A count-min sketch whose four counters for a key share one cache line. After ten times `entries`
// records all counts are halved, so that old popularity fades.
//
// Threads: one at a time; Eviction holds its shard's mutex.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cache/fingerprint.h"

namespace spa {

class FrequencySketch {
 public:
  explicit FrequencySketch(std::size_t entries);

  void Record(const Fingerprint& print, std::uint32_t times = 1);
  int Frequency(const Fingerprint& print) const;  // 0 to 15, never too low by collisions.

 private:
  struct alignas(64) Line {
    std::array<std::uint64_t, 8> words{};
  };
  void Halve();

  std::vector<Line> lines_;
  std::uint64_t line_mask_;
  std::uint64_t halve_at_;
  std::uint64_t recorded_ = 0;
};

}  // namespace spa
