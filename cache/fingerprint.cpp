#include "cache/fingerprint.h"

#include <openssl/rand.h>

#include <bit>
#include <cstring>
#include <random>

namespace spa {
namespace {

static_assert(std::endian::native == std::endian::little, "SipHash128 reads words as they lie");

struct SipState {
  std::uint64_t v0, v1, v2, v3;

  void Rounds(int count) {
    while (count-- > 0) {
      v0 += v1;
      v2 += v3;
      v1 = std::rotl(v1, 13) ^ v0;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 = std::rotl(v0, 32);
      v2 += v1;
      v0 += v3;
      v1 = std::rotl(v1, 17) ^ v2;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 = std::rotl(v2, 32);
    }
  }
  std::uint64_t Squeeze(int rounds) {
    Rounds(rounds);
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

template <int kRounds>
Fingerprint Sip(const std::array<std::uint64_t, 2>& key, std::string_view text) {
  SipState state{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d ^ 0xee,
                 key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
  const auto absorb = [&state](std::uint64_t word) {
    state.v3 ^= word;
    state.Rounds(kRounds);
    state.v0 ^= word;
  };
  const std::uint64_t length = text.size();
  while (text.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data(), 8);
    absorb(word);
    text.remove_prefix(8);
  }
  std::uint64_t last = 0;
  if (!text.empty()) std::memcpy(&last, text.data(), text.size());
  absorb(last | (length << 56));

  Fingerprint print;
  state.v2 ^= 0xee;
  print.low = state.Squeeze(kRounds + 2);
  state.v1 ^= 0xdd;
  print.high = state.Squeeze(kRounds + 2);
  return print;
}

std::array<std::uint64_t, 2> RandomKey() {
  std::array<std::uint64_t, 2> key{};
  if (RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), sizeof key) != 1) {
    std::random_device device;
    for (auto& word : key) word = (std::uint64_t{device()} << 32) | device();
  }
  return key;
}

}  // namespace

Fingerprint SipHash128(const std::array<std::uint64_t, 2>& key, std::string_view text) {
  return Sip<2>(key, text);
}

Fingerprint ShortSipHash128(const std::array<std::uint64_t, 2>& key, std::string_view text) {
  return Sip<1>(key, text);
}

Fingerprint FingerprintOf(std::string_view text) {
  static const std::array<std::uint64_t, 2> key = RandomKey();
  return ShortSipHash128(key, text);
}

}  // namespace spa
