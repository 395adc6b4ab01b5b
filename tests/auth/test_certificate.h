// Certificates, keys and PFX files made on the spot, for tests.
#pragma once

#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include <filesystem>
#include <memory>
#include <string>

namespace spa::testing {

using KeyPtr = std::shared_ptr<EVP_PKEY>;
using CertPtr = std::shared_ptr<X509>;

KeyPtr RsaKey();       // 2048 bits, the same one each time
KeyPtr OtherRsaKey();  // another one
KeyPtr EcKey();        // P-256

// Self-signed; valid from `from_days` to `to_days` after today.
CertPtr MakeCert(const KeyPtr& key, long from_days = -1, long to_days = 365);

std::string CertPem(const CertPtr& cert);
// `cipher` and `password` encrypt the key (PKCS#8).
std::string KeyPem(const KeyPtr& key, const EVP_CIPHER* cipher = nullptr,
                   const std::string& password = {});
std::string Pfx(const KeyPtr& key, const CertPtr& cert, const char* password);
// As old Windows tools make it: RC2-40 for the certificate, 3DES for the key.
std::string OldPfx(const KeyPtr& key, const CertPtr& cert, const char* password);

// A file that goes away with its owner.
class TempFile {
 public:
  explicit TempFile(const std::string& content);
  ~TempFile();
  TempFile(const TempFile&) = delete;
  void Write(const std::string& content) const;
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace spa::testing
