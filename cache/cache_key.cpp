#include "cache/cache_key.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <iterator>
#include <stdexcept>

namespace spa {
namespace {

constexpr std::size_t kLongestId = 1000;

std::string Sha256Hex(std::string_view text) {
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("OpenSSL offers no SHA-256");
  }
  std::string hex;
  for (const unsigned char byte : digest) fmt::format_to(std::back_inserter(hex), "{:02x}", byte);
  return hex;
}

bool MustEscape(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f || std::string_view("%:{}~").find(c) != std::string_view::npos;
}

std::string Canonical(CacheKind kind, std::string_view id) {
  const CachePolicy& policy = PolicyOf(kind);
  std::string text;
  text.reserve(48 + id.size());
  text.append("sharepoint_audit:").append(policy.name).append(":");
  text.append(std::to_string(policy.schema)).append(":");
  if (id.size() > kLongestId) return text + '~' + Sha256Hex(id);
  for (const char c : id) {
    if (MustEscape(c)) {
      fmt::format_to(std::back_inserter(text), "%{:02X}", static_cast<unsigned char>(c));
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

CacheKey::CacheKey(CacheKind kind, std::string_view id)
    : kind_(kind), text_(Canonical(kind, id)), fingerprint_(FingerprintOf(text_)) {}

}  // namespace spa
