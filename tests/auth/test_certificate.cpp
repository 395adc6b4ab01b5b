#include "tests/auth/test_certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>

#include <fstream>

#include "core/encoding.h"

namespace spa::testing {
namespace {

std::string Drain(BIO* bio) {
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio, &text);
  std::string content(text, static_cast<std::size_t>(length));
  BIO_free(bio);
  return content;
}

std::string Pkcs12Bytes(PKCS12* pfx) {
  ERR_clear_error();
  BIO* bio = BIO_new(BIO_s_mem());
  if (pfx) i2d_PKCS12_bio(bio, pfx);
  PKCS12_free(pfx);
  return Drain(bio);
}

KeyPtr NewRsaKey() { return KeyPtr(EVP_RSA_gen(2048), EVP_PKEY_free); }

}  // namespace

KeyPtr RsaKey() {
  static const KeyPtr key = NewRsaKey();
  return key;
}

KeyPtr OtherRsaKey() {
  static const KeyPtr key = NewRsaKey();
  return key;
}

KeyPtr EcKey() {
  static const KeyPtr key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  return key;
}

CertPtr MakeCert(const KeyPtr& key, long from_days, long to_days) {
  CertPtr cert(X509_new(), X509_free);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 7);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), from_days * 86400);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), to_days * 86400);
  X509_set_pubkey(cert.get(), key.get());
  X509_NAME* name = X509_get_subject_name(cert.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("sharepoint-audit"), -1, -1, 0);
  X509_set_issuer_name(cert.get(), name);
  X509_sign(cert.get(), key.get(), EVP_sha256());
  return cert;
}

std::string CertPem(const CertPtr& cert) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, cert.get());
  return Drain(bio);
}

std::string KeyPem(const KeyPtr& key, const EVP_CIPHER* cipher, const std::string& password) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(bio, key.get(), cipher, cipher ? password.data() : nullptr,
                                static_cast<int>(password.size()), nullptr, nullptr);
  return Drain(bio);
}

std::string Pfx(const KeyPtr& key, const CertPtr& cert, const char* password) {
  return Pkcs12Bytes(
      PKCS12_create(password, "test", key.get(), cert.get(), nullptr, 0, 0, 0, 0, 0));
}

std::string OldPfx(const KeyPtr& key, const CertPtr& cert, const char* password) {
  OSSL_LIB_CTX* context = OSSL_LIB_CTX_new();
  OSSL_PROVIDER* standard = OSSL_PROVIDER_load(context, "default");
  OSSL_PROVIDER* legacy = OSSL_PROVIDER_load(context, "legacy");
  std::string bytes = Pkcs12Bytes(PKCS12_create_ex(
      password, "test", key.get(), cert.get(), nullptr, NID_pbe_WithSHA1And3_Key_TripleDES_CBC,
      NID_pbe_WithSHA1And40BitRC2_CBC, 0, 0, 0, context, nullptr));
  OSSL_PROVIDER_unload(legacy);
  OSSL_PROVIDER_unload(standard);
  OSSL_LIB_CTX_free(context);
  return bytes;
}

TempFile::TempFile(const std::string& content)
    : path_(std::filesystem::temp_directory_path() / ("spa-test-" + NewGuid())) {
  Write(content);
}

TempFile::~TempFile() { std::filesystem::remove(path_); }

void TempFile::Write(const std::string& content) const {
  std::ofstream(path_, std::ios::binary | std::ios::trunc) << content;
}

}  // namespace spa::testing
