// SeenKeys: which keys have been asked for before, in 11 to 21 bytes each, so that the repeat
// hit rate can be told from the first use of a key (contract.md, run summary).
//
// Bounded: beyond `limit` keys new ones are not noted, and their lookups count as first ones.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cache/fingerprint.h"

namespace spa {

class SeenKeys {
 public:
  static constexpr std::size_t kLimit = 1'000'000;

  explicit SeenKeys(std::size_t limit = kLimit) : limit_(limit) {}

  // Notes the key; true where it was there already.
  bool Add(const Fingerprint& print);

 private:
  std::uint64_t& SlotOf(std::uint64_t print);
  void Grow();

  std::vector<std::uint64_t> slots_;  // Open addressing; 0 is free.
  std::size_t limit_;
  std::size_t count_ = 0;
};

}  // namespace spa
