#include "core/auth/token_claims.h"

#include "core/encoding.h"
#include "core/graph/json.h"

namespace spa {
namespace {

constexpr std::int64_t kEndOfTime = 9'000'000'000;  // The year 2255: a clock's type ends in 2262.

// The middle one of three parts; empty where there are not three.
std::string_view Payload(std::string_view token) {
  const auto first = token.find('.');
  const auto last = token.rfind('.');
  if (first == std::string_view::npos || first == last) return {};
  const std::string_view middle = token.substr(first + 1, last - first - 1);
  return middle.find('.') == std::string_view::npos ? middle : std::string_view();
}

}  // namespace

Result<TokenClaims> ReadTokenClaims(std::string_view token) {
  const auto bytes = Base64UrlDecode(Payload(token));
  if (!bytes || bytes->empty()) {
    return Fail(ErrorCode::kMalformed, "the access token is no JWT, so its claims cannot be shown");
  }
  const auto root = json::Parse(*bytes);
  if (!root || !root->is_object()) {
    return Fail(ErrorCode::kMalformed, "the access token's claims are no JSON object");
  }
  TokenClaims claims;
  json::Each(*root, "roles", [&](const json::Element& role) {
    std::string_view name;
    if (role.get_string().get(name) == simdjson::SUCCESS) claims.roles.emplace_back(name);
  });
  claims.audience = json::Text(*root, "aud");
  claims.app_id = json::Text(*root, "appid");
  claims.tenant_id = json::Text(*root, "tid");
  claims.app_id_acr = json::Text(*root, "appidacr");
  if (const auto exp = json::Int(*root, "exp"); exp && *exp >= 0 && *exp < kEndOfTime) {
    claims.expires_at = std::chrono::system_clock::time_point(std::chrono::seconds(*exp));
  }
  return claims;
}

}  // namespace spa
