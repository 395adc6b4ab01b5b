#include "core/auth/token_claims.h"

#include <algorithm>

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

std::string FirstText(const json::Element& root, std::string_view name, std::string_view other) {
  const std::string_view text = json::Text(root, name);
  return std::string(text.empty() ? json::Text(root, other) : text);
}

std::optional<std::chrono::system_clock::time_point> Moment(const json::Element& root,
                                                            std::string_view name) {
  const auto seconds = json::Int(root, name);
  if (!seconds || *seconds < 0 || *seconds >= kEndOfTime) return std::nullopt;
  return std::chrono::system_clock::time_point(std::chrono::seconds(*seconds));
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
  claims.app_id = FirstText(*root, "appid", "azp");
  claims.tenant_id = json::Text(*root, "tid");
  claims.app_id_acr = json::Text(*root, "appidacr");
  claims.issuer = json::Text(*root, "iss");
  claims.subject = json::Text(*root, "sub");
  claims.id = FirstText(*root, "jti", "uti");
  claims.delegated = json::Has(*root, "scp");
  claims.not_before = Moment(*root, "nbf");
  claims.expires_at = Moment(*root, "exp");
  return claims;
}

std::chrono::seconds TokenTtl(const TokenClaims& claims,
                              std::chrono::system_clock::time_point now) {
  if (!claims.expires_at) return std::chrono::seconds(0);
  const auto left = std::chrono::floor<std::chrono::seconds>(*claims.expires_at - now) - kTokenSkew;
  return std::clamp(left, std::chrono::seconds(0), kLongestTokenTtl);
}

}  // namespace spa
