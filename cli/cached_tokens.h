// CachedTokens: access tokens through the cache, as the kind access_token: in memory alone, under a
// key without anything secret, until five minutes before their end or until the service wants them
// renewed, whichever is first. How tokens are asked for and renewed, and what is done where that
// fails, is the other source's matter (core/auth/caching_token_source.h).
//
// Threads: the io_context's thread.
// Lifetime: the cache must outlive it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "cache/cache_manager.h"
#include "core/auth/token_source.h"

namespace spa {

inline std::size_t CostOf(const AccessToken& token) {
  return sizeof token + token.value.Reveal().capacity();
}

class CachedTokens final : public TokenSource {
 public:
  // `who`: tenant and client.
  CachedTokens(std::unique_ptr<TokenSource> source, CacheManager& cache, std::string who);

  Task<Result<AccessToken>> Get(std::string resource) override;
  void Reject(const std::string& resource, const Secret& token) override;
  CredentialKind kind() const override { return source_->kind(); }
  long requests() const override { return source_->requests(); }

 private:
  [[nodiscard]] Task<Result<AccessToken>> Load(std::string resource, LoadContext& context);

  std::unique_ptr<TokenSource> source_;
  Cache<AccessToken> tokens_;
  std::string who_;
  std::map<std::string, Secret> rejected_;  // By resource: the token not to hand out again.
};

}  // namespace spa
