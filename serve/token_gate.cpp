#include "serve/token_gate.h"

namespace spa {
namespace {

constexpr std::chrono::seconds kRefusedFor{60};
constexpr std::chrono::hours kLongestTokenLife{24};
// A token may name a key that is newer than what we know, or one that never was: no more often than
// this are the keys read again for it.
constexpr std::chrono::seconds kKeyPause{60};

}  // namespace

TokenGate::TokenGate(CacheManager& caches, HttpClient& http, Options options)
    : caches_(caches),
      http_(http),
      options_(std::move(options)),
      verdicts_(caches.Open<TokenVerdict>(CacheKind::kTokenValidation)),
      keys_(caches.Open<SigningKeys>(CacheKind::kSigningKeys)),
      revoked_(caches.Open<std::string>(CacheKind::kRevokedJti)) {}

Task<Result<TokenGate::Verdict>> TokenGate::Check(std::string token) {
  CacheKey key = CacheKey::OfSecret(CacheKind::kTokenValidation, token);
  Verdict verdict;
  if (auto known = verdicts_.Peek(key); known && *known) {
    verdict = (*known)->value;
  } else {
    ContextLoader<TokenVerdict> load = [this, token = std::move(token)](LoadContext& context) {
      return Validate(token, context);
    };
    auto loaded = co_await verdicts_.GetOrLoad(std::move(key), std::move(load));
    if (!loaded) co_return Fail(std::move(loaded.error()));
    verdict = loaded->value;
  }
  if (!verdict->valid()) co_return verdict;
  if (*verdict->claims.expires_at <= options_.clock()) {
    co_return std::make_shared<const TokenVerdict>(TokenFault::kExpired);
  }
  CacheKey listed(CacheKind::kRevokedJti, verdict->claims.id);
  const auto revoked = co_await revoked_.Get(std::move(listed));
  if (revoked) co_return std::make_shared<const TokenVerdict>(TokenFault::kRevoked);
  co_return verdict;
}

Task<bool> TokenGate::Revoke(std::string id, std::optional<CacheTime> until) {
  // In the other modes nothing is stored, or nothing that is stored is served.
  if (caches_.options().mode != CacheMode::kReadWrite) co_return false;
  CacheKey listed(CacheKind::kRevokedJti, id);
  WriteOptions options;
  options.expires_at = until.value_or(options_.clock() + kLongestTokenLife);
  co_await revoked_.Set(std::move(listed), std::string("revoked"), std::move(options));
  Selector verdicts = Tag("jti", std::move(id));
  co_await caches_.Erase(std::move(verdicts));
  co_return true;
}

Task<Result<TokenVerdict>> TokenGate::Validate(std::string token, LoadContext& context) {
  ++validations_;
  auto keys = co_await Keys();
  if (!keys) co_return Fail(std::move(keys.error()));
  const CacheTime now = options_.clock();
  TokenVerdict verdict = ValidateToken(token, **keys, options_.client_id, now);
  if (verdict.fault == TokenFault::kUnknownKey && now >= keys_read_ + kKeyPause) {
    CacheKey old(CacheKind::kSigningKeys, options_.tenant);
    co_await keys_.Erase(std::move(old));
    keys = co_await Keys();
    if (!keys) co_return Fail(std::move(keys.error()));
    verdict = ValidateToken(token, **keys, options_.client_id, now);
  }
  context.FreshFor(verdict.valid() ? TokenTtl(verdict.claims, now) : kRefusedFor);
  if (verdict.valid()) context.AddTag(Tag("jti", verdict.claims.id));
  co_return verdict;
}

Task<Result<std::shared_ptr<const SigningKeys>>> TokenGate::Keys() {
  CacheKey key(CacheKind::kSigningKeys, options_.tenant);
  Loader<SigningKeys> load = [this] { return FetchKeys(); };
  auto found = co_await keys_.GetOrLoad(std::move(key), std::move(load));
  if (!found) co_return Fail(std::move(found.error()));
  co_return found->value;
}

Task<Result<SigningKeys>> TokenGate::FetchKeys() {
  keys_read_ = options_.clock();
  co_return co_await FetchSigningKeys(http_, options_.authority, options_.tenant);
}

}  // namespace spa
