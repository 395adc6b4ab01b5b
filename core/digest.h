// SHA-256 of what comes piece by piece, and the HMAC of a whole text, both in lower-case hex.
//
// Threads: an object is one thread's.
#pragma once

#include <string>
#include <string_view>

#include "core/secret.h"

namespace spa {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  void Add(std::string_view piece);
  std::string Hex();  // Ends it.

 private:
  void* context_;
};

std::string HmacSha256(const Secret& key, std::string_view text);

}  // namespace spa
