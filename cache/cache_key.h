// CacheKey: the name of one remembered thing, `sharepoint_audit:<kind>:<schema-version>:<id>`
// (contract.md section 5).
//
// The id is whatever identifies the thing within its kind. In it '%', ':', '{', '}', '~' and
// control characters are percent-escaped, so that two ids never share a key and an id cannot pose
// as another kind; an id of more than 1000 bytes becomes '~' and its SHA-256 in hex. Nothing secret
// may be an id: for that there is OfSecret.
//
// Threads: any; immutable.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "cache/cache_policy.h"
#include "cache/fingerprint.h"
#include "core/latency_histogram.h"

namespace spa {

class CacheKey {
 public:
  CacheKey(CacheKind kind, std::string_view id);

  // The id is the SHA-256 of the parts as canonical JSON: the order of members does not matter.
  static CacheKey OfParts(CacheKind kind, const nlohmann::json& parts);
  // Of any kind by its name; a name without a row of its own follows the row "unnamed".
  static CacheKey Named(std::string_view kind, std::string_view id);
  // From a key's text, as text() gave it: the id is escaped already. Nothing where it is no key.
  static std::optional<CacheKey> Parse(std::string_view text);
  // Of something secret. Only its keyed fingerprint is kept: the text says "~secret" whatever the
  // secret, means nothing to another process, and never goes to a second level.
  static CacheKey OfSecret(CacheKind kind, std::string_view secret);

  CacheKind kind() const { return kind_; }
  const std::string& text() const { return text_; }
  const Fingerprint& fingerprint() const { return fingerprint_; }
  bool secret() const { return secret_; }

  friend bool operator==(const CacheKey& a, const CacheKey& b) {
    return a.fingerprint_ == b.fingerprint_ && a.text_ == b.text_;
  }

  // How many keys this process made, how many of them by a digest, and how long that took (of one
  // in 64).
  struct Made {
    std::uint64_t count = 0, hashed = 0;
    LatencyHistogram::Snapshot took;
  };
  static Made Counters();

 private:
  CacheKey(CacheKind kind, std::string text, Fingerprint fingerprint, bool secret = false)
      : kind_(kind), text_(std::move(text)), fingerprint_(fingerprint), secret_(secret) {}

  CacheKind kind_;
  std::string text_;
  Fingerprint fingerprint_;
  bool secret_ = false;
};

struct CacheKeyHash {
  std::size_t operator()(const CacheKey& key) const noexcept { return key.fingerprint().low; }
};

}  // namespace spa
