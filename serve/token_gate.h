// TokenGate: whose access token is this, and does it still count?
//
// Remembers verdicts in the cache, so that a token is checked once and not at every call, by
// however many callers at the same time (kind token_validation: memory only, under a keyed
// fingerprint of the token; until the token ends and 300 s at most, a refusal for 60 s). Revoked
// tokens stand on a list that processes share (kind revoked_jti): it is asked at every call, so
// that a revocation counts at once and everywhere. Where the second level is out of reach, those of
// other processes are not seen.
//
// Threads: the io_context's thread.
// Lifetime: caches and http must outlive it, and it every Task it gave out.
// Errors: only where the tenant's signing keys cannot be had. A bad token is a verdict.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cache/cache_manager.h"
#include "core/auth/token_validator.h"
#include "core/http/http_client.h"

namespace spa {

class TokenGate {
 public:
  struct Options {
    Options() = default;
    std::string authority;  // "https://login.microsoftonline.com"
    std::string tenant;     // GUID or domain
    std::string client_id;  // The application that tokens must be made for.
    CacheClock clock = std::chrono::system_clock::now;
  };
  using Verdict = std::shared_ptr<const TokenVerdict>;  // Never null.

  TokenGate(CacheManager& caches, HttpClient& http, Options options);
  TokenGate(const TokenGate&) = delete;

  [[nodiscard]] Task<Result<Verdict>> Check(std::string token);

  // From now on the token with this id is refused, until `until` (nothing: as long as any token can
  // live). False where the cache does not store and serve (cache.mode): then the token still
  // counts.
  [[nodiscard]] Task<bool> Revoke(std::string id, std::optional<CacheTime> until);

  std::uint64_t validations() const { return validations_; }  // Done, not remembered.

 private:
  [[nodiscard]] Task<Result<TokenVerdict>> Validate(std::string token, LoadContext& context);
  [[nodiscard]] Task<Result<std::shared_ptr<const SigningKeys>>> Keys();
  [[nodiscard]] Task<Result<SigningKeys>> FetchKeys();

  CacheManager& caches_;
  HttpClient& http_;
  Options options_;
  Cache<TokenVerdict> verdicts_;
  Cache<SigningKeys> keys_;
  Cache<std::string> revoked_;
  CacheTime keys_read_;
  std::uint64_t validations_ = 0;
};

}  // namespace spa
