// Ids as SharePoint makes them (graph.md 3.1), and the hashes everything is computed from.
//
// A Guid keeps the bytes in the order SharePoint stores them (.NET: the first three groups little
// endian), so that drive and item ids are plain encodings of those bytes. Ids of items and users
// carry their number in the last four bytes: an id leads back to its object without a table.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace spa::sim {

constexpr std::uint64_t Mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// One hash of any numbers; the same numbers always give the same hash.
template <class... Rest>
constexpr std::uint64_t Hash(std::uint64_t first, Rest... rest) {
  std::uint64_t h = Mix(first);
  ((h = Mix(h ^ static_cast<std::uint64_t>(rest))), ...);
  return h;
}

std::uint64_t HashText(std::string_view text);

// A hash as a number in [0, 1).
constexpr double Unit(std::uint64_t hash) { return static_cast<double>(hash >> 11) * 0x1p-53; }

struct Guid {
  std::array<std::uint8_t, 16> bytes{};
  bool operator==(const Guid&) const = default;
};

Guid MakeGuid(std::uint64_t seed);
Guid NumberedGuid(std::uint64_t seed, std::uint32_t number);
// The number inside, or nothing if NumberedGuid(seed, ...) never made this Guid.
std::optional<std::uint32_t> NumberIn(std::uint64_t seed, const Guid& guid);

void AppendGuid(std::string& out, const Guid& guid);  // Lower case, with dashes.
std::string Text(const Guid& guid);
std::optional<Guid> ParseGuid(std::string_view text);  // Any case, braces allowed.
Guid RootUniqueId();                                   // Every drive root has the same.

std::string DriveId(const Guid& site, const Guid& web, const Guid& list);
void AppendItemId(std::string& out, std::uint32_t drive_prefix, const Guid& unique_id);
std::string ItemId(std::uint32_t drive_prefix, const Guid& unique_id);
std::optional<Guid> UniqueIdOf(std::uint32_t drive_prefix, std::string_view item_id);

std::string Base64Url(std::string_view bytes);  // No padding.
// Accepts both alphabets, padded or not.
std::optional<std::string> FromBase64(std::string_view text);

}  // namespace spa::sim
