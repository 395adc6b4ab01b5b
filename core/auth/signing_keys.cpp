#include "core/auth/signing_keys.h"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "core/encoding.h"
#include "core/graph/json.h"
#include "core/http/http_client.h"
#include "core/http/url.h"

namespace spa {
namespace {

constexpr int kLeastBits = 2048;

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
template <class T, auto Free>
using Owned = std::unique_ptr<T, Deleter<Free>>;
using BigNumber = Owned<BIGNUM, BN_free>;

BigNumber NumberOf(const std::optional<std::string>& bytes) {
  if (!bytes || bytes->empty()) return nullptr;
  return BigNumber(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes->data()),
                             static_cast<int>(bytes->size()), nullptr));
}

// Null where it is no RSA key of sufficient length.
std::shared_ptr<EVP_PKEY> RsaKey(std::string_view modulus, std::string_view exponent) {
  const BigNumber n = NumberOf(Base64UrlDecode(modulus));
  const BigNumber e = NumberOf(Base64UrlDecode(exponent));
  const Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
  if (!n || !e || !builder || BN_num_bits(n.get()) < kLeastBits ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  const Owned<OSSL_PARAM, OSSL_PARAM_free> parts(OSSL_PARAM_BLD_to_param(builder.get()));
  const Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  if (!parts || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parts.get()) != 1) {
    return nullptr;
  }
  return {key, EVP_PKEY_free};
}

// What stands between the host and "/v2.0".
std::string TenantOf(std::string_view issuer) {
  const std::string path = SplitUrl(issuer).path;
  const std::size_t end = path.find('/', 1);
  return end == std::string::npos ? std::string() : path.substr(1, end - 1);
}

Task<Result<std::string>> Read(HttpClient& http, std::string url) {
  HttpRequest request("GET", url);
  request.timeout = std::chrono::seconds(20);
  auto answer = co_await http.Send(std::move(request));
  if (!answer) co_return Fail(std::move(answer.error()));
  if (answer->status != 200) {
    Error error(ErrorCode::kUnreachable,
                fmt::format("reading {}: it answered with status {}", url, answer->status),
                "check auth.authority_host and auth.tenant_id");
    error.http_status = answer->status;
    co_return Fail(std::move(error));
  }
  co_return std::move(answer->body);
}

}  // namespace

Result<std::map<std::string, std::shared_ptr<evp_pkey_st>, std::less<>>> ReadKeySet(
    std::string_view text) {
  std::map<std::string, std::shared_ptr<evp_pkey_st>, std::less<>> keys;
  const auto root = json::Parse(text);
  if (!root) return Fail(ErrorCode::kMalformed, "the signing keys are no valid JSON");
  json::Each(*root, "keys", [&](const json::Element& entry) {
    const std::string_view id = json::Text(entry, "kid"), use = json::Text(entry, "use");
    if (json::Text(entry, "kty") != "RSA" || id.empty() || (!use.empty() && use != "sig")) return;
    auto key = RsaKey(json::Text(entry, "n"), json::Text(entry, "e"));
    if (key) keys.insert_or_assign(std::string(id), std::move(key));
  });
  if (keys.empty()) return Fail(ErrorCode::kMalformed, "the key set holds no RSA signing key");
  return keys;
}

Task<Result<SigningKeys>> FetchSigningKeys(HttpClient& http, std::string authority,
                                           std::string tenant) {
  const std::string about =
      fmt::format("{}/{}/v2.0/.well-known/openid-configuration", authority, UrlEncode(tenant));
  auto document = co_await Read(http, about);
  if (!document) co_return Fail(std::move(document.error()));
  SigningKeys found;
  std::string place;
  if (const auto root = json::Parse(*document); root && root->is_object()) {
    found.issuer = json::Text(*root, "issuer");
    place = json::Text(*root, "jwks_uri");
  }
  found.tenant_id = TenantOf(found.issuer);
  if (found.tenant_id.empty() || place.empty()) {
    co_return Fail(ErrorCode::kMalformed, about + " does not name an issuer and its keys");
  }
  // Whoever could name another place for the keys could sign tokens.
  if (!SameOrigin(SplitUrl(place), SplitUrl(authority))) {
    co_return Fail(ErrorCode::kRefused,
                   fmt::format("{} says that the keys are at {}, on another host", about, place));
  }
  auto set = co_await Read(http, place);
  if (!set) co_return Fail(std::move(set.error()));
  auto keys = ReadKeySet(*set);
  if (!keys) co_return Fail(std::move(keys.error()));
  found.keys = *std::move(keys);
  co_return found;
}

}  // namespace spa
