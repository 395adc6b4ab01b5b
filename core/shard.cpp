#include "core/shard.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "core/ascii.h"

namespace spa {
namespace {

constexpr int kMostShards = 1000;

std::string CollectionOf(std::string_view site_id) {
  if (std::count(site_id.begin(), site_id.end(), ',') == 2) {
    site_id = site_id.substr(0, site_id.rfind(','));
  }
  return AsciiLower(site_id);
}

// std::hash may differ between builds; this may not.
std::uint64_t StableHash(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  EVP_Digest(text.data(), text.size(), digest, nullptr, EVP_sha256(), nullptr);
  std::uint64_t hash = 0;
  for (int i = 0; i < 8; ++i) hash = hash << 8 | digest[i];
  return hash;
}

std::optional<int> Number(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

bool Shard::Has(std::string_view site_id) const {
  return StableHash(CollectionOf(site_id)) % static_cast<std::uint64_t>(count) ==
         static_cast<std::uint64_t>(number - 1);
}

std::string Shard::Text() const { return fmt::format("{}/{}", number, count); }

std::optional<Shard> ParseShard(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto number = Number(text.substr(0, slash)), count = Number(text.substr(slash + 1));
  if (!number || !count || *number < 1 || *number > *count || *count > kMostShards) {
    return std::nullopt;
  }
  return Shard(*number, *count);
}

}  // namespace spa
