#include "simulator/ids.h"

#include <cstring>

namespace spa::sim {
namespace {

constexpr char kBase32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr char kHex[] = "0123456789abcdef";
// Where the n-th printed byte of a GUID lies in memory.
constexpr int kTextOrder[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

// The finaliser of MurmurHash3: a permutation of 32-bit numbers, hence reversible.
constexpr std::uint32_t kA = 0x85ebca6b, kB = 0xc2b2ae35;
constexpr std::uint32_t Inverse(std::uint32_t odd) {
  std::uint32_t x = odd;
  for (int i = 0; i < 5; ++i) x *= 2 - odd * x;
  return x;
}
constexpr std::uint32_t Permute(std::uint32_t h) {
  h ^= h >> 16;
  h *= kA;
  h ^= h >> 13;
  h *= kB;
  return h ^ (h >> 16);
}
constexpr std::uint32_t Unpermute(std::uint32_t h) {
  h ^= h >> 16;
  h *= Inverse(kB);
  h ^= (h >> 13) ^ (h >> 26);
  h *= Inverse(kA);
  return h ^ (h >> 16);
}
static_assert(Unpermute(Permute(123456789)) == 123456789);

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void MarkRandom(Guid& guid) {  // Version 4, RFC variant.
  guid.bytes[7] = 0x40 | (guid.bytes[7] & 0x0f);
  guid.bytes[8] = 0x80 | (guid.bytes[8] & 0x3f);
}

}  // namespace

std::uint64_t HashText(std::string_view text) {
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (unsigned char c : text) h = (h ^ c) * 0x100000001b3ULL;
  return Mix(h);
}

Guid MakeGuid(std::uint64_t seed) {
  Guid guid;
  const std::uint64_t high = Hash(seed, 1), low = Hash(seed, 2);
  std::memcpy(guid.bytes.data(), &high, 8);
  std::memcpy(guid.bytes.data() + 8, &low, 8);
  MarkRandom(guid);
  return guid;
}

Guid NumberedGuid(std::uint64_t seed, std::uint32_t number) {
  Guid guid;
  const std::uint64_t high = Mix(seed ^ (std::uint64_t{number} << 20));
  const std::uint32_t middle = static_cast<std::uint32_t>((high >> 29) ^ seed);
  const std::uint32_t hidden = Permute(number ^ static_cast<std::uint32_t>(seed >> 13));
  std::memcpy(guid.bytes.data(), &high, 8);
  std::memcpy(guid.bytes.data() + 8, &middle, 4);
  std::memcpy(guid.bytes.data() + 12, &hidden, 4);
  MarkRandom(guid);
  return guid;
}

std::optional<std::uint32_t> NumberIn(std::uint64_t seed, const Guid& guid) {
  std::uint32_t hidden = 0;
  std::memcpy(&hidden, guid.bytes.data() + 12, 4);
  const std::uint32_t number = Unpermute(hidden) ^ static_cast<std::uint32_t>(seed >> 13);
  if (NumberedGuid(seed, number) != guid) return std::nullopt;
  return number;
}

void AppendGuid(std::string& out, const Guid& guid) {
  char text[36];
  char* at = text;
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
    const std::uint8_t byte = guid.bytes[kTextOrder[i]];
    *at++ = kHex[byte >> 4];
    *at++ = kHex[byte & 15];
  }
  out.append(text, 36);
}

std::string Text(const Guid& guid) {
  std::string out;
  AppendGuid(out, guid);
  return out;
}

std::optional<Guid> ParseGuid(std::string_view text) {
  if (text.size() == 38 && text.front() == '{' && text.back() == '}') text = text.substr(1, 36);
  if (text.size() != 36) return std::nullopt;
  Guid guid;
  int digits = 0;
  for (std::size_t i = 0; i < 36; ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (text[i] == '-')) return std::nullopt;
    if (dash) continue;
    const int value = HexValue(text[i]);
    if (value < 0) return std::nullopt;
    auto& byte = guid.bytes[kTextOrder[digits / 2]];
    byte = static_cast<std::uint8_t>(digits % 2 == 0 ? value << 4 : byte | value);
    ++digits;
  }
  return guid;
}

Guid RootUniqueId() {
  static const Guid guid = *ParseGuid("ea8cc6be-ffdb-43d7-976f-bc7da445c639");
  return guid;
}

std::string DriveId(const Guid& site, const Guid& web, const Guid& list) {
  std::string bytes;
  for (const Guid* guid : {&site, &web, &list}) {
    bytes.append(reinterpret_cast<const char*>(guid->bytes.data()), 16);
  }
  return "b!" + Base64Url(bytes);
}

void AppendItemId(std::string& out, std::uint32_t drive_prefix, const Guid& unique_id) {
  std::uint8_t raw[20];
  std::memcpy(raw, &drive_prefix, 4);
  std::memcpy(raw + 4, unique_id.bytes.data(), 16);
  char text[34] = {'0', '1'};
  char* at = text + 2;
  for (int group = 0; group < 4; ++group) {  // Five bytes are eight digits.
    std::uint64_t bits = 0;
    for (int i = 0; i < 5; ++i) bits = bits << 8 | raw[group * 5 + i];
    for (int shift = 35; shift >= 0; shift -= 5) *at++ = kBase32[bits >> shift & 31];
  }
  out.append(text, 34);
}

std::string ItemId(std::uint32_t drive_prefix, const Guid& unique_id) {
  std::string out;
  AppendItemId(out, drive_prefix, unique_id);
  return out;
}

std::optional<Guid> UniqueIdOf(std::uint32_t drive_prefix, std::string_view item_id) {
  if (item_id.size() != 34 || item_id.substr(0, 2) != "01") return std::nullopt;
  std::uint8_t raw[20];
  for (int group = 0; group < 4; ++group) {
    std::uint64_t bits = 0;
    for (int i = 0; i < 8; ++i) {
      const char c = item_id[2 + group * 8 + i];
      if (c >= 'A' && c <= 'Z') {
        bits = bits << 5 | static_cast<std::uint64_t>(c - 'A');
      } else if (c >= '2' && c <= '7') {
        bits = bits << 5 | static_cast<std::uint64_t>(c - '2' + 26);
      } else {
        return std::nullopt;
      }
    }
    for (int i = 4; i >= 0; --i, bits >>= 8) raw[group * 5 + i] = static_cast<std::uint8_t>(bits);
  }
  if (std::memcmp(raw, &drive_prefix, 4) != 0) return std::nullopt;
  Guid guid;
  std::memcpy(guid.bytes.data(), raw + 4, 16);
  return guid;
}

std::string Base64Url(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 4 / 3 + 3);
  std::uint32_t bits = 0;
  int count = 0;
  for (unsigned char c : bytes) {
    bits = bits << 8 | c;
    count += 8;
    while (count >= 6) out += kBase64[bits >> (count -= 6) & 63];
  }
  if (count > 0) out += kBase64[bits << (6 - count) & 63];
  return out;
}

std::optional<std::string> FromBase64(std::string_view text) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    int value = -1;
    if (c >= 'A' && c <= 'Z') value = c - 'A';
    if (c >= 'a' && c <= 'z') value = c - 'a' + 26;
    if (c >= '0' && c <= '9') value = c - '0' + 52;
    if (c == '-' || c == '+') value = 62;
    if (c == '_' || c == '/') value = 63;
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    if ((count += 6) >= 8) out += static_cast<char>(bits >> (count -= 8) & 255);
  }
  return out;
}

}  // namespace spa::sim
