// TokenClaims: what an access token says about itself.
//
// ReadTokenClaims reads them WITHOUT verifying anything, for diagnosis only (graph.md 1.1): an
// access token is opaque to its bearer, and a token may be issued without any consented permission,
// that is without `roles`. Decide nothing by it; core/auth/token_validator.h verifies.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace spa {

struct TokenClaims {
  TokenClaims() = default;
  std::vector<std::string> roles;           // Application permissions; empty: none consented.
  std::string audience, app_id, tenant_id;  // app_id: `appid` (v1) or `azp` (v2)
  std::string app_id_acr;                   // "1": signed in with a secret, "2": with a certificate
  std::string issuer, subject;
  std::string id;          // `jti`, or Entra's own `uti`: what a token is revoked by
  bool delegated = false;  // Has `scp`: an application acts for a person
  std::optional<std::chrono::system_clock::time_point> not_before, expires_at;
};

// kMalformed where the text is no JWT with a JSON object in it. Claims that are missing stay empty.
Result<TokenClaims> ReadTokenClaims(std::string_view token);

// How far two clocks may be apart.
inline constexpr std::chrono::seconds kTokenSkew{60};
inline constexpr std::chrono::seconds kLongestTokenTtl{300};

// How long what was found out about the token may be remembered: until it ends, less the skew, and
// no longer than kLongestTokenTtl; 0 where it has ended or does not say when it will.
std::chrono::seconds TokenTtl(const TokenClaims& claims, std::chrono::system_clock::time_point now);

}  // namespace spa
