#include "core/auth/client_assertion.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "core/encoding.h"

namespace spa {
namespace {

constexpr std::chrono::seconds kLifetime{600};
constexpr int kSaltLength = 32;

// Fetching an algorithm walks the providers: done once.
const EVP_MD* Sha256() {
  static const EVP_MD* const kSha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return kSha256;
}

// RSASSA-PSS over SHA-256; empty where OpenSSL refuses.
std::string SignPs256(EVP_PKEY* key, std::string_view text) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  EVP_PKEY_CTX* options = nullptr;  // Owned by the context.
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t length = 0;
  if (EVP_DigestSignInit(context.get(), &options, Sha256(), nullptr, key) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
      EVP_PKEY_CTX_set_rsa_pss_saltlen(options, kSaltLength) != 1 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md(options, Sha256()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &length, data, text.size()) != 1) {
    return {};
  }
  std::string signature(length, '\0');
  auto* out = reinterpret_cast<unsigned char*>(signature.data());
  if (EVP_DigestSign(context.get(), out, &length, data, text.size()) != 1) return {};
  signature.resize(length);
  return signature;
}

}  // namespace

Result<std::string> SignClientAssertion(const Certificate& certificate,
                                        const std::string& client_id, const std::string& token_url,
                                        const std::string& jti,
                                        std::chrono::system_clock::time_point now) {
  const auto seconds = [](auto time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  };
  const nlohmann::json header = {
      {"alg", "PS256"}, {"typ", "JWT"}, {"x5t#S256", certificate.x5t_s256}};
  const nlohmann::json claims = {{"aud", token_url},
                                 {"iss", client_id},
                                 {"sub", client_id},
                                 {"jti", jti},
                                 {"nbf", seconds(now)},
                                 {"iat", seconds(now)},
                                 {"exp", seconds(now + kLifetime)}};
  std::string jwt = Base64Url(header.dump()) + "." + Base64Url(claims.dump());
  const std::string signature = SignPs256(certificate.key.get(), jwt);
  if (signature.empty()) {
    return Fail(ErrorCode::kInternal,
                "signing in with the certificate in " + certificate.path +
                    ": OpenSSL did not sign the assertion",
                "check that the key is RSA of 2048 bits or more");
  }
  return jwt + "." + Base64Url(signature);
}

}  // namespace spa
