#include "tests/auth/test_token.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <stdexcept>

#include "core/encoding.h"

namespace spa::testing {
namespace {

std::string Number(EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) throw std::runtime_error("no RSA key");
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  BN_free(number);
  return Base64Url(bytes);
}

}  // namespace

nlohmann::json TestClaims(const std::string& authority, std::chrono::system_clock::time_point now,
                          const nlohmann::json& more) {
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  nlohmann::json claims = {{"iss", authority + "/" + kTestTenant + "/v2.0"},
                           {"aud", kTestApp},
                           {"azp", kTestApp},
                           {"tid", kTestTenant},
                           {"sub", "a-service"},
                           {"uti", NewGuid()},
                           {"iat", seconds},
                           {"nbf", seconds},
                           {"exp", seconds + 3600}};
  claims.merge_patch(more);
  return claims;
}

std::string SignToken(const nlohmann::json& claims, const KeyPtr& key, const std::string& key_id,
                      const std::string& algorithm) {
  const nlohmann::json header = {{"alg", algorithm}, {"typ", "JWT"}, {"kid", key_id}};
  const std::string text = Base64Url(header.dump()) + "." + Base64Url(claims.dump());
  const std::shared_ptr<EVP_MD_CTX> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_PKEY_CTX* options = nullptr;
  EVP_DigestSignInit(context.get(), &options, EVP_sha256(), nullptr, key.get());
  if (algorithm == "PS256") {
    EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST);
  }
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t length = 0;
  EVP_DigestSign(context.get(), nullptr, &length, data, text.size());
  std::string signature(length, '\0');
  EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length, data,
                 text.size());
  signature.resize(length);
  return text + "." + Base64Url(signature);
}

nlohmann::json KeySet(const KeyPtr& key, const std::string& key_id) {
  return {{"keys",
           {{{"kty", "RSA"},
             {"use", "sig"},
             {"kid", key_id},
             {"n", Number(key.get(), OSSL_PKEY_PARAM_RSA_N)},
             {"e", Number(key.get(), OSSL_PKEY_PARAM_RSA_E)}}}}};
}

ServedAnswer AnswerAsAuthority(const std::string& url, const ServedRequest& request,
                               const nlohmann::json& keys) {
  if (request.target.ends_with("/.well-known/openid-configuration")) {
    return {200, nlohmann::json{{"issuer", url + "/" + kTestTenant + "/v2.0"},
                                {"jwks_uri", url + "/keys"}}
                     .dump()};
  }
  if (request.target == "/keys") return {200, keys.dump()};
  return {404, "{}"};
}

}  // namespace spa::testing
