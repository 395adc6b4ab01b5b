// TokenClaims: what an access token says about itself, read WITHOUT verifying it.
//
// For diagnosis only (graph.md 1.1): an access token is opaque to its bearer, and a token may be
// issued without any consented permission, that is without `roles`. Decide nothing by it.
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
  std::vector<std::string> roles;  // Application permissions; empty: none consented.
  std::string audience, app_id, tenant_id;
  std::string app_id_acr;  // "1": signed in with a secret, "2": with a certificate
  std::optional<std::chrono::system_clock::time_point> expires_at;
};

// kMalformed where the text is no JWT with a JSON object in it. Claims that are missing stay empty.
Result<TokenClaims> ReadTokenClaims(std::string_view token);

}  // namespace spa
