// CacheKey: the name of one remembered thing, `sharepoint_audit:<kind>:<schema-version>:<id>`
// (contract.md section 5).
//
// The id is whatever identifies the thing within its kind. In it '%', ':', '{', '}', '~' and
// control characters are percent-escaped, so that two ids never share a key and an id cannot pose
// as another kind; an id of more than 1000 bytes becomes '~' and its SHA-256 in hex. Nothing secret
// may be an id.
//
// Threads: any; immutable.
#pragma once

#include <string>
#include <string_view>

#include "cache/cache_policy.h"
#include "cache/fingerprint.h"

namespace spa {

class CacheKey {
 public:
  CacheKey(CacheKind kind, std::string_view id);

  CacheKind kind() const { return kind_; }
  const std::string& text() const { return text_; }
  const Fingerprint& fingerprint() const { return fingerprint_; }

  friend bool operator==(const CacheKey& a, const CacheKey& b) {
    return a.fingerprint_ == b.fingerprint_ && a.text_ == b.text_;
  }

 private:
  CacheKind kind_;
  std::string text_;
  Fingerprint fingerprint_;
};

struct CacheKeyHash {
  std::size_t operator()(const CacheKey& key) const noexcept { return key.fingerprint().low; }
};

}  // namespace spa
