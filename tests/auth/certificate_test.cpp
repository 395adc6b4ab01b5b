#include "core/auth/certificate.h"

#include "core/auth/client_assertion.h"
#include "core/encoding.h"
#include "tests/auth/test_certificate.h"
#include "tests/catch.h"

namespace spa {
namespace {

using namespace testing;
using Catch::Contains;

Result<Certificate> Load(const std::string& content, const std::string& password = {}) {
  const TempFile file(content);
  return LoadCertificate(file.path(), Secret(password));
}

// The fault and that the error is complete: code, file, remedy.
std::string FaultOf(const std::string& content, const std::string& password = {}) {
  const TempFile file(content);
  const auto certificate = LoadCertificate(file.path(), Secret(password));
  if (certificate) return "none";
  CHECK(certificate.error().code == ErrorCode::kUsage);
  CHECK_THAT(certificate.error().message, Contains(file.path()));
  CHECK_FALSE(certificate.error().remedy.empty());
  return certificate.error().message;
}

TEST_CASE("a PEM file with certificate and key is read, in either order") {
  const auto cert = MakeCert(RsaKey());
  const auto a = Load(CertPem(cert) + KeyPem(RsaKey()));
  const auto b = Load(KeyPem(RsaKey()) + CertPem(cert));

  REQUIRE(a);
  REQUIRE(b);
  CHECK(a->sha256_thumbprint == b->sha256_thumbprint);
  CHECK(a->subject == "CN=sharepoint-audit");
}

TEST_CASE("the thumbprints are the digests of the DER certificate") {
  const auto cert = MakeCert(RsaKey());
  unsigned char digest[32];
  unsigned length = 0;
  X509_digest(cert.get(), EVP_sha256(), digest, &length);
  char hex[65];
  for (unsigned i = 0; i < length; ++i) std::snprintf(hex + 2 * i, 3, "%02X", digest[i]);

  const auto certificate = Load(CertPem(cert) + KeyPem(RsaKey()));

  REQUIRE(certificate);
  CHECK(certificate->sha256_thumbprint == hex);
  CHECK(certificate->sha1_thumbprint.size() == 40);
  CHECK(certificate->x5t_s256.size() == 43);
}

TEST_CASE("among several certificates the one of the key counts") {
  const auto mine = MakeCert(RsaKey());
  const auto other = MakeCert(OtherRsaKey());

  const auto certificate = Load(CertPem(other) + CertPem(mine) + KeyPem(RsaKey()));
  const auto alone = Load(CertPem(mine) + KeyPem(RsaKey()));

  REQUIRE(certificate);
  CHECK(certificate->sha256_thumbprint == alone->sha256_thumbprint);
}

TEST_CASE("an encrypted PEM key opens with its password alone") {
  const std::string pem =
      CertPem(MakeCert(RsaKey())) + KeyPem(RsaKey(), EVP_aes_256_cbc(), "correct horse");

  CHECK(Load(pem, "correct horse"));
  CHECK_THAT(FaultOf(pem, "battery staple"), Contains("wrong password"));
  CHECK_THAT(FaultOf(pem), Contains("no password is given"));
}

TEST_CASE("a PFX file opens with its password alone") {
  const std::string pfx = Pfx(RsaKey(), MakeCert(RsaKey()), "correct horse");

  const auto certificate = Load(pfx, "correct horse");
  REQUIRE(certificate);
  CHECK(certificate->key);
  CHECK_THAT(FaultOf(pfx, "battery staple"), Contains("wrong password"));
  CHECK_THAT(FaultOf(pfx), Contains("needs a password"));
}

TEST_CASE("a PFX file without a password opens without one") {
  CHECK(Load(Pfx(RsaKey(), MakeCert(RsaKey()), "")));
  CHECK(Load(Pfx(RsaKey(), MakeCert(RsaKey()), nullptr)));
}

TEST_CASE("a PFX file of an old Windows tool opens with the legacy algorithms") {
  const auto cert = MakeCert(RsaKey());
  const std::string pfx = OldPfx(RsaKey(), cert, "correct horse");
  REQUIRE_FALSE(pfx.empty());

  const auto certificate = Load(pfx, "correct horse");

  REQUIRE(certificate);
  CHECK(certificate->sha256_thumbprint ==
        Load(CertPem(cert) + KeyPem(RsaKey()))->sha256_thumbprint);
  CHECK_THAT(FaultOf(pfx, "battery staple"), Contains("wrong password"));
}

TEST_CASE("a key that needed the legacy algorithms signs with the usual ones") {
  const auto certificate = Load(OldPfx(RsaKey(), MakeCert(RsaKey()), "p"), "p");
  REQUIRE(certificate);

  const auto assertion = SignClientAssertion(*certificate, "app", "https://login.example/token",
                                             NewGuid(), std::chrono::system_clock::now());

  CHECK(assertion);
}

TEST_CASE("a file that lacks a part or has a wrong one is refused with the reason") {
  const auto cert = MakeCert(RsaKey());

  CHECK_THAT(FaultOf(CertPem(cert)), Contains("holds no private key"));
  CHECK_THAT(FaultOf(KeyPem(RsaKey())), Contains("holds no certificate"));
  CHECK_THAT(FaultOf(CertPem(cert) + KeyPem(OtherRsaKey())), Contains("does not match"));
  CHECK_THAT(FaultOf(CertPem(MakeCert(EcKey())) + KeyPem(EcKey())), Contains("not RSA"));
  CHECK_THAT(FaultOf("hello"), Contains("neither PEM nor PFX"));
  CHECK_THAT(FaultOf(""), Contains("neither PEM nor PFX"));
  CHECK_THAT(FaultOf(Pfx(nullptr, cert, "p"), "p"), Contains("holds no private key"));
  CHECK_THAT(
      FaultOf(CertPem(cert) + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
      Contains("cannot be read"));
}

TEST_CASE("a certificate file that is not there or is a directory is refused by name") {
  for (const std::string path : {"/nonexistent/cert.pem", "/tmp"}) {
    const auto certificate = LoadCertificate(path, Secret());

    REQUIRE_FALSE(certificate);
    CHECK(certificate.error().code == ErrorCode::kUsage);
    CHECK_THAT(certificate.error().message, Contains(path));
  }
}

TEST_CASE("no message of a certificate file holds its password") {
  const std::string pem =
      CertPem(MakeCert(RsaKey())) + KeyPem(RsaKey(), EVP_aes_256_cbc(), "correct horse");

  CHECK_THAT(FaultOf(pem, "tr0ub4dor"), !Contains("tr0ub4dor"));
}

TEST_CASE("an expired certificate loads, tells its end, and is refused when used") {
  const auto now = std::chrono::system_clock::now();
  const auto expired = Load(CertPem(MakeCert(RsaKey(), -30, -2)) + KeyPem(RsaKey()));
  const auto early = Load(CertPem(MakeCert(RsaKey(), 2, 30)) + KeyPem(RsaKey()));
  const auto good = Load(CertPem(MakeCert(RsaKey())) + KeyPem(RsaKey()));

  REQUIRE(expired);
  CHECK(std::chrono::abs(now - std::chrono::hours(48) - expired->not_after) <
        std::chrono::minutes(1));
  REQUIRE_FALSE(CheckValidity(*expired, now));
  CHECK(CheckValidity(*expired, now).error().code == ErrorCode::kAuth);
  CHECK_THAT(CheckValidity(*expired, now).error().message, Contains("expired on 20"));
  REQUIRE_FALSE(CheckValidity(*early, now));
  CHECK_THAT(CheckValidity(*early, now).error().remedy, Contains("clock"));
  CHECK(CheckValidity(*good, now));
}

}  // namespace
}  // namespace spa
