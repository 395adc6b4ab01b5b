#include "cli/cached_tokens.h"

namespace spa {

CachedTokens::CachedTokens(std::unique_ptr<TokenSource> source, CacheManager& cache,
                           std::string who)
    : source_(std::move(source)),
      tokens_(cache.Open<AccessToken>(CacheKind::kAccessToken)),
      who_(std::move(who)) {}

Task<Result<AccessToken>> CachedTokens::Get(std::string resource) {
  const CacheKey key(CacheKind::kAccessToken, who_ + '/' + resource);
  if (const auto rejected = rejected_.find(resource); rejected != rejected_.end()) {
    const Secret token = std::move(rejected->second);
    rejected_.erase(rejected);
    const auto kept = tokens_.Peek(key);
    if (kept && *kept && (*kept)->value->value == token) co_await tokens_.Erase(key);
  }
  if (auto kept = tokens_.Peek(key); kept && *kept) co_return *(*kept)->value;
  ContextLoader<AccessToken> load = [this, resource](LoadContext& context) {
    return Load(resource, context);
  };
  auto hit = co_await tokens_.GetOrLoad(key, std::move(load));
  if (!hit) co_return Fail(std::move(hit.error()));
  co_return *hit->value;
}

void CachedTokens::Reject(const std::string& resource, const Secret& token) {
  source_->Reject(resource, token);
  rejected_[resource] = token;
}

Task<Result<AccessToken>> CachedTokens::Load(std::string resource, LoadContext& context) {
  auto token = co_await source_->Get(std::move(resource));
  if (token) {
    context.ExpiresAt(token->expires_at);
    const auto renew_in = std::chrono::floor<std::chrono::seconds>(
        token->renew_at - std::chrono::system_clock::now());
    context.FreshFor(std::max(renew_in, std::chrono::seconds(0)));
  }
  co_return token;
}

}  // namespace spa
