#include "core/auth/client_assertion.h"

#include <openssl/rsa.h>

#include <nlohmann/json.hpp>

#include "core/encoding.h"
#include "tests/auth/test_certificate.h"
#include "tests/catch.h"

namespace spa {
namespace {

using namespace testing;

constexpr auto kNow = std::chrono::system_clock::time_point(std::chrono::seconds(1795132800));
const std::string kUrl = "https://login.microsoftonline.com/fabrikam.com/oauth2/v2.0/token";
const std::string kApp = "9b7d5e21-0a4c-4f0e-8d3b-6e2f1c9a7b55";
const std::string kJti = "0d7c9d0a-31d5-4c1b-b6c1-8d1a2b6e4f77";

struct Jwt {
  explicit Jwt(const std::string& text)
      : signed_part(text.substr(0, text.rfind('.'))),
        signature(*Base64UrlDecode(text.substr(text.rfind('.') + 1))) {
    const auto dot = text.find('.');
    header = nlohmann::json::parse(*Base64UrlDecode(text.substr(0, dot)));
    claims = nlohmann::json::parse(*Base64UrlDecode(signed_part.substr(dot + 1)));
  }
  std::string signed_part, signature;
  nlohmann::json header, claims;
};

bool Verify(const Jwt& jwt, EVP_PKEY* key) {
  const std::shared_ptr<EVP_MD_CTX> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_PKEY_CTX* options = nullptr;
  REQUIRE(EVP_DigestVerifyInit(context.get(), &options, EVP_sha256(), nullptr, key) == 1);
  REQUIRE(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1);
  REQUIRE(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, 32) == 1);
  REQUIRE(EVP_PKEY_CTX_set_rsa_mgf1_md(options, EVP_sha256()) == 1);
  const auto bytes = [](const std::string& text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  };
  return EVP_DigestVerify(context.get(), bytes(jwt.signature), jwt.signature.size(),
                          bytes(jwt.signed_part), jwt.signed_part.size()) == 1;
}

Certificate TestCertificate() {
  const TempFile file(CertPem(MakeCert(RsaKey())) + KeyPem(RsaKey()));
  return *LoadCertificate(file.path(), Secret());
}

TEST_CASE("an assertion carries every claim that the token endpoint looks at") {
  const Certificate certificate = TestCertificate();

  const auto text = SignClientAssertion(certificate, kApp, kUrl, kJti, kNow);

  REQUIRE(text);
  const Jwt jwt(*text);
  CHECK(jwt.header ==
        nlohmann::json{{"alg", "PS256"}, {"typ", "JWT"}, {"x5t#S256", certificate.x5t_s256}});
  CHECK(jwt.claims == nlohmann::json{{"aud", kUrl},
                                     {"iss", kApp},
                                     {"sub", kApp},
                                     {"jti", kJti},
                                     {"nbf", 1795132800},
                                     {"iat", 1795132800},
                                     {"exp", 1795133400}});
  CHECK(text->find_first_of("+/= ") == std::string::npos);
}

TEST_CASE("an assertion verifies with the certificate's public key and no other") {
  const auto text = SignClientAssertion(TestCertificate(), kApp, kUrl, kJti, kNow);
  REQUIRE(text);
  Jwt jwt(*text);

  CHECK(Verify(jwt, X509_get0_pubkey(MakeCert(RsaKey()).get())));
  CHECK_FALSE(Verify(jwt, OtherRsaKey().get()));
  jwt.signed_part.back() ^= 1;
  CHECK_FALSE(Verify(jwt, RsaKey().get()));
}

}  // namespace
}  // namespace spa
