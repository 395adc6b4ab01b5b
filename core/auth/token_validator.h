// TokenValidator: is this access token one that Entra made for us, now?
//
// Checks form, algorithm (RS256 and PS256, nothing else, whatever the token says), signature,
// issuer, tenant, audience, times and that it has an id to be revoked by. What its bearer may do is
// another question.
//
// Threads: any. No input is kept or repeated in words.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "core/auth/signing_keys.h"
#include "core/auth/token_claims.h"

namespace spa {

enum class TokenFault {
  kNone,
  kNoToken,     // No JWT at all.
  kAlgorithm,   // Signed in a way that is not accepted, or not at all.
  kUnknownKey,  // Names a key that the tenant does not have (any more, or yet).
  kSignature,
  kIssuer,
  kTenant,
  kAudience,  // Made for somebody else.
  kExpired,   // Or does not say when it ends.
  kNotYetValid,
  kNoId,
  kRevoked,  // Said by who keeps the list, not by ValidateToken.
};

std::string_view NameOf(TokenFault fault);    // "expired"
std::string_view WordsFor(TokenFault fault);  // "the token has expired"

struct TokenVerdict {
  TokenVerdict() = default;
  explicit TokenVerdict(TokenFault fault) : fault(fault) {}

  bool valid() const { return fault == TokenFault::kNone; }

  TokenFault fault = TokenFault::kNone;
  TokenClaims claims;  // Empty where not valid.
};

inline std::size_t CostOf(const TokenVerdict& verdict) {
  const TokenClaims& c = verdict.claims;
  std::size_t bytes = sizeof verdict;
  for (const std::string* text :
       {&c.audience, &c.app_id, &c.tenant_id, &c.app_id_acr, &c.issuer, &c.subject, &c.id}) {
    bytes += text->capacity();
  }
  for (const std::string& role : c.roles) bytes += sizeof role + role.capacity();
  return bytes;
}

// A token for the application `client_id`: its audience is that id, or "api://" and that id.
TokenVerdict ValidateToken(std::string_view token, const SigningKeys& keys,
                           std::string_view client_id, std::chrono::system_clock::time_point now);

}  // namespace spa
