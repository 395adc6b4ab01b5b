// ReuseSampler: how soon, and after how many other keys, the keys of a kind are asked for again.
// From it `cache advise` draws the hit ratio that another size or time would have had.
//
// One key in 64, always the same ones, stands for all (spatially hashed sampling, as SHARDS has
// it): a distance among them is a 64th of the real one. At most 8192 of them are followed.
//
// What it counts is added up over processes with the other counters, under these names after
// "<kind>.": `reuse_first` lookups of a key not seen before, `reuse_dN` lookups that came back
// after less than 2^N other keys, `reuse_tN` the same by time, after less than 2^N seconds. A key
// that the last process asked for counts as new in this one.
//
// Threads: any; a lookup of a key outside the sample touches nothing.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cache/entry.h"
#include "cache/fingerprint.h"

namespace spa {

class ReuseSampler {
 public:
  static constexpr std::uint64_t kOneIn = 64;
  static constexpr std::size_t kMostFollowed = 8192;
  static constexpr std::size_t kSteps = 32;  // Powers of two.

  static bool Follows(const Fingerprint& key) { return key.high % kOneIn == 0; }
  // Of a key that it does not follow: nothing.
  void Saw(const Fingerprint& key, CacheTime now) {
    if (Follows(key)) Follow(key.low, now);
  }

  // What was counted since the last call, with "<kind>." in front; no zeros.
  std::map<std::string, std::int64_t> Take(std::string_view kind);

 private:
  struct Last {
    std::uint64_t tick = 0;
    CacheTime time;
  };
  void Follow(std::uint64_t key, CacheTime now);

  std::mutex mutex_;
  std::uint64_t tick_ = 0;
  std::unordered_map<std::uint64_t, Last> last_;
  std::vector<std::uint64_t> ticks_;  // Of the last use of each followed key, ascending.
  std::uint64_t first_ = 0;
  std::array<std::uint64_t, kSteps> distances_{}, seconds_{};
};

}  // namespace spa
