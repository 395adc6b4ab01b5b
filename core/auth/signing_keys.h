// SigningKeys: the public keys with which a tenant's tokens are signed, and who issues them, as the
// authority publishes both (OpenID Connect discovery and a JSON Web Key Set).
//
// They change every few weeks and without notice: whoever keeps them reads them again daily, and
// when a token names a key that is not among them.
//
// Threads: SigningKeys any, immutable once read; FetchSigningKeys the io_context's.
// Errors: kUnreachable, kMalformed, and kRefused where the document points to another host.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/async/task.h"
#include "core/result.h"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace spa {

class HttpClient;

struct SigningKeys {
  SigningKeys() = default;
  std::string issuer;     // "https://login.microsoftonline.com/TENANT/v2.0"
  std::string tenant_id;  // The GUID in it, also where the tenant was asked for by a domain.
  std::map<std::string, std::shared_ptr<evp_pkey_st>, std::less<>> keys;  // By `kid`.
};

inline std::size_t CostOf(const SigningKeys& keys) {
  constexpr std::size_t kKeyBytes = 4096;  // Of an RSA key with its Montgomery contexts.
  return sizeof keys + keys.keys.size() * kKeyBytes;
}

// The RSA keys of a key set that may sign; others are left out. kMalformed where it is none, or
// where it holds no such key.
Result<std::map<std::string, std::shared_ptr<evp_pkey_st>, std::less<>>> ReadKeySet(
    std::string_view json);

// Two requests. `authority`: "https://login.microsoftonline.com"; `tenant`: GUID or domain.
// `http` must outlive the Task.
[[nodiscard]] Task<Result<SigningKeys>> FetchSigningKeys(HttpClient& http, std::string authority,
                                                         std::string tenant);

}  // namespace spa
