// Fingerprint: 128 keyed bits that stand for a cache key inside this process.
//
// The hash key is drawn at random once per process, so nobody outside can choose keys that collide,
// and a fingerprint means nothing to any other process: it never leaves memory. Equal fingerprints
// are still no proof: whoever finds by fingerprint compares the whole key text.
//
// Threads: any.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace spa {

struct Fingerprint {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

struct FingerprintHash {
  std::size_t operator()(const Fingerprint& print) const noexcept { return print.low; }
};

Fingerprint FingerprintOf(std::string_view text);

// SipHash-2-4 with 128 bits of output. `key` is the 16 key bytes as two little-endian words.
Fingerprint SipHash128(const std::array<std::uint64_t, 2>& key, std::string_view text);

// SipHash-1-3, the function behind FingerprintOf: twice as fast, and as good against whoever
// knows neither the key nor any output. Hash tables use it for that.
Fingerprint ShortSipHash128(const std::array<std::uint64_t, 2>& key, std::string_view text);

}  // namespace spa
