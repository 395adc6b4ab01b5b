// ApiKey: the shared secret by which a script may call the server.
//
// Comparing takes the same time whatever is wrong: both sides go through HMAC-SHA-256 under a key
// of this process alone, and the digests are compared whole (cache.md C.4 "Security").
//
// Threads: any; immutable.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/secret.h"

namespace spa {

class ApiKey {
 public:
  static constexpr std::size_t kShortest = 16;  // Characters.

  // kUsage where the key is too short to be one.
  static Result<ApiKey> From(const Secret& key);

  bool Matches(std::string_view given) const;

 private:
  using Digest = std::array<unsigned char, 32>;

  ApiKey() = default;
  Digest DigestOf(std::string_view text) const;

  Digest salt_{}, digest_{};
};

// The key in the file, or a new one of 256 random bits written to it (0600, its directory 0700)
// where there is none. kUsage where the file is another's to read: then it is no secret.
Result<Secret> ReadOrMakeKeyFile(const std::string& path);

}  // namespace spa
