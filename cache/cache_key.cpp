#include "cache/cache_key.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/digest.h"

namespace spa {
namespace {

constexpr std::size_t kLongestId = 1000;
constexpr std::string_view kPrefix = "sharepoint_audit:";
constexpr std::string_view kSecretId = "~secret";

// Spread over cache lines, so that threads which make keys do not wait for each other.
struct alignas(64) Tally {
  std::atomic<std::uint64_t> count{0}, hashed{0};
};
std::array<Tally, 8> tallies;
LatencyHistogram took;

Tally& MyTally() {
  static std::atomic<std::size_t> threads{0};
  thread_local Tally& mine = tallies[threads.fetch_add(1) % tallies.size()];
  return mine;
}

// Counts a key, and times one in 64.
class Making {
 public:
  Making() : timed_(MyTally().count.fetch_add(1, std::memory_order_relaxed) % 64 == 0) {
    if (timed_) began_ = std::chrono::steady_clock::now();
  }
  ~Making() {
    if (timed_) took.Record(std::chrono::steady_clock::now() - began_);
  }

 private:
  bool timed_;
  std::chrono::steady_clock::time_point began_;
};

std::string Sha256Hex(std::string_view text) {
  MyTally().hashed.fetch_add(1, std::memory_order_relaxed);
  Sha256 digest;
  digest.Add(text);
  return digest.Hex();
}

constexpr std::array<bool, 256> kEscaped = [] {
  std::array<bool, 256> escaped{};
  for (std::size_t byte = 0; byte < 0x20; ++byte) escaped[byte] = true;
  for (const char c : {'\x7f', '%', ':', '{', '}', '~'}) {
    escaped[static_cast<unsigned char>(c)] = true;
  }
  return escaped;
}();
bool MustEscape(char c) { return kEscaped[static_cast<unsigned char>(c)]; }

void AppendEscaped(std::string& text, std::string_view id) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  while (!id.empty()) {
    const auto end = std::find_if(id.begin(), id.end(), MustEscape);
    const auto plain = static_cast<std::size_t>(end - id.begin());
    text.append(id, 0, plain);
    id.remove_prefix(plain);
    if (id.empty()) break;
    const auto byte = static_cast<unsigned char>(id.front());
    text.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
    id.remove_prefix(1);
  }
}

std::string Head(std::string_view kind, int schema, std::size_t room) {
  std::string text;
  text.reserve(kPrefix.size() + kind.size() + 8 + room);
  text.append(kPrefix);
  AppendEscaped(text, kind);
  text.append(":").append(std::to_string(schema)).append(":");
  return text;
}

std::string Canonical(std::string_view kind, int schema, std::string_view id) {
  std::string text = Head(kind, schema, id.size());
  if (id.size() > kLongestId) return text + '~' + Sha256Hex(id);
  AppendEscaped(text, id);
  return text;
}

bool IsEscapedId(std::string_view id) {
  if (id.starts_with('~')) {
    return id.size() == 65 && id.find_first_not_of("0123456789abcdef", 1) == std::string_view::npos;
  }
  for (std::size_t i = 0; i < id.size(); ++i) {
    if (id[i] == '%') {
      unsigned value = 0;
      const auto end = id.data() + std::min(i + 3, id.size());
      if (std::from_chars(id.data() + i + 1, end, value, 16).ptr != id.data() + i + 3) return false;
      i += 2;
    } else if (MustEscape(id[i])) {
      return false;
    }
  }
  return true;
}

}  // namespace

CacheKey::CacheKey(CacheKind kind, std::string_view id) : kind_(kind) {
  const Making making;
  const CachePolicy& policy = PolicyOf(kind);
  text_ = Canonical(policy.name, policy.schema, id);
  fingerprint_ = FingerprintOf(text_);
}

CacheKey CacheKey::OfParts(CacheKind kind, const nlohmann::json& parts) {
  return CacheKey(kind, Sha256Hex(parts.dump()));
}

CacheKey CacheKey::Named(std::string_view kind, std::string_view id) {
  if (const auto known = KindNamed(kind)) return CacheKey(*known, id);
  const Making making;
  std::string text = Canonical(kind, PolicyOf(CacheKind::kUnnamed).schema, id);
  const Fingerprint print = FingerprintOf(text);
  return CacheKey(CacheKind::kUnnamed, std::move(text), print);
}

std::optional<CacheKey> CacheKey::Parse(std::string_view text) {
  if (!text.starts_with(kPrefix)) return std::nullopt;
  const std::size_t kind_end = text.find(':', kPrefix.size());
  if (kind_end == std::string_view::npos) return std::nullopt;
  const std::size_t schema_end = text.find(':', kind_end + 1);
  if (schema_end == std::string_view::npos) return std::nullopt;
  const std::string_view kind = text.substr(kPrefix.size(), kind_end - kPrefix.size());
  const std::string_view schema = text.substr(kind_end + 1, schema_end - kind_end - 1);
  if (kind.empty() || schema.empty() || !IsEscapedId(kind) ||
      schema.find_first_not_of("0123456789") != std::string_view::npos ||
      !IsEscapedId(text.substr(schema_end + 1))) {
    return std::nullopt;
  }
  return CacheKey(KindNamed(kind).value_or(CacheKind::kUnnamed), std::string(text),
                  FingerprintOf(text));
}

CacheKey CacheKey::OfSecret(CacheKind kind, std::string_view secret) {
  const Making making;
  const CachePolicy& policy = PolicyOf(kind);
  std::string text = Head(policy.name, policy.schema, kSecretId.size());
  text.append(kSecretId);
  Fingerprint print = FingerprintOf(secret);
  // One secret under two kinds is two keys.
  const Fingerprint home = FingerprintOf(text);
  print.low ^= home.low;
  print.high ^= home.high;
  return CacheKey(kind, std::move(text), print, true);
}

CacheKey::Made CacheKey::Counters() {
  Made made;
  for (const Tally& tally : tallies) {
    made.count += tally.count.load(std::memory_order_relaxed);
    made.hashed += tally.hashed.load(std::memory_order_relaxed);
  }
  made.took = took.Read();
  return made;
}

}  // namespace spa
