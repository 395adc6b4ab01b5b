#include "core/auth/token_validator.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <iterator>
#include <memory>

#include "core/encoding.h"
#include "core/graph/json.h"

namespace spa {
namespace {

constexpr std::size_t kLongestToken = 32 * 1024;

struct Fault {
  std::string_view name, words;
};

constexpr Fault kFaults[] = {
    {"none", "the token is valid"},
    {"no_token", "this is no JSON Web Token"},
    {"algorithm", "the token is not signed with RS256 or PS256"},
    {"unknown_key", "the token is signed with a key that the tenant does not publish"},
    {"signature", "the token's signature is wrong"},
    {"issuer", "the token was issued by somebody else"},
    {"tenant", "the token belongs to another tenant"},
    {"audience", "the token was made for another application"},
    {"expired", "the token has expired"},
    {"not_yet_valid", "the token is not valid yet"},
    {"no_id", "the token has no id by which it could be revoked"},
    {"revoked", "the token has been revoked"},
};
static_assert(std::size(kFaults) == static_cast<std::size_t>(TokenFault::kRevoked) + 1);

const Fault& RowOf(TokenFault fault) { return kFaults[static_cast<std::size_t>(fault)]; }

struct Header {
  bool readable = false;
  std::string algorithm, key;
};

Header ReadHeader(std::string_view text) {
  Header header;
  const auto bytes = Base64UrlDecode(text);
  if (!bytes) return header;
  const auto root = json::Parse(*bytes);
  // `crit` names extensions that must be understood; we know none.
  if (!root || !root->is_object() || json::Has(*root, "crit")) return header;
  header.readable = true;
  header.algorithm = json::Text(*root, "alg");
  header.key = json::Text(*root, "kid");
  return header;
}

// Fetching an algorithm walks the providers: done once.
const EVP_MD* Sha256() {
  static const EVP_MD* const kSha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return kSha256;
}

bool Verifies(EVP_PKEY* key, bool pss, std::string_view text, std::string_view signature) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  const auto bytes = [](std::string_view part) {
    return reinterpret_cast<const unsigned char*>(part.data());
  };
  EVP_PKEY_CTX* options = nullptr;  // Owned by the context.
  if (EVP_DigestVerifyInit(context.get(), &options, Sha256(), nullptr, key) != 1) return false;
  if (pss && (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
              EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) != 1 ||
              EVP_PKEY_CTX_set_rsa_mgf1_md(options, Sha256()) != 1)) {
    return false;
  }
  return EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(text),
                          text.size()) == 1;
}

TokenFault CheckClaims(const TokenClaims& claims, const SigningKeys& keys,
                       std::string_view client_id, std::chrono::system_clock::time_point now) {
  // Tokens of the first version name another issuer, in every cloud the same.
  const std::string first_version = "https://sts.windows.net/" + keys.tenant_id + "/";
  const std::string uri = "api://" + std::string(client_id);
  if (claims.issuer != keys.issuer && claims.issuer != first_version) return TokenFault::kIssuer;
  if (claims.tenant_id != keys.tenant_id) return TokenFault::kTenant;
  if (client_id.empty() || (claims.audience != client_id && claims.audience != uri)) {
    return TokenFault::kAudience;
  }
  if (!claims.expires_at || *claims.expires_at <= now) return TokenFault::kExpired;
  if (claims.not_before && *claims.not_before > now + kTokenSkew) return TokenFault::kNotYetValid;
  if (claims.id.empty()) return TokenFault::kNoId;
  return TokenFault::kNone;
}

}  // namespace

std::string_view NameOf(TokenFault fault) { return RowOf(fault).name; }
std::string_view WordsFor(TokenFault fault) { return RowOf(fault).words; }

TokenVerdict ValidateToken(std::string_view token, const SigningKeys& keys,
                           std::string_view client_id, std::chrono::system_clock::time_point now) {
  if (token.size() > kLongestToken) return TokenVerdict(TokenFault::kNoToken);
  auto claims = ReadTokenClaims(token);  // Also that there are three parts.
  const Header header = ReadHeader(token.substr(0, token.find('.')));
  if (!claims || !header.readable) return TokenVerdict(TokenFault::kNoToken);
  const bool pss = header.algorithm == "PS256";
  if (!pss && header.algorithm != "RS256") return TokenVerdict(TokenFault::kAlgorithm);
  const auto key = keys.keys.find(header.key);
  if (key == keys.keys.end()) return TokenVerdict(TokenFault::kUnknownKey);
  const std::size_t last = token.rfind('.');
  const auto signature = Base64UrlDecode(token.substr(last + 1));
  if (!signature || !Verifies(key->second.get(), pss, token.substr(0, last), *signature)) {
    return TokenVerdict(TokenFault::kSignature);
  }
  TokenVerdict verdict(CheckClaims(*claims, keys, client_id, now));
  if (verdict.valid()) verdict.claims = *std::move(claims);
  return verdict;
}

}  // namespace spa
