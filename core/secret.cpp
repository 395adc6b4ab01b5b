#include "core/secret.h"

#include <openssl/crypto.h>

namespace spa {

void Wipe(std::string& text) noexcept {
  text.resize(text.capacity());  // Allocates nothing; the bytes behind the end are ours, too.
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

bool operator==(const Secret& secret, std::string_view text) noexcept {
  const std::string& own = secret.value_;
  return own.size() == text.size() && CRYPTO_memcmp(own.data(), text.data(), own.size()) == 0;
}

}  // namespace spa
