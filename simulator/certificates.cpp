#include "simulator/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>

#include "simulator/ids.h"

namespace spa::sim {
namespace {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;

void Must(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(std::string("OpenSSL could not ") + what);
}

Key NewKey() {
  Key key(EVP_RSA_gen(2048));
  Must(key != nullptr, "make a key");
  return key;
}

std::string Take(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

std::string Pem(X509* certificate) {
  Bio bio(BIO_new(BIO_s_mem()));
  Must(PEM_write_bio_X509(bio.get(), certificate) == 1, "write a certificate");
  return Take(bio);
}

std::string Pem(EVP_PKEY* key) {
  Bio bio(BIO_new(BIO_s_mem()));
  Must(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
       "write a key");
  return Take(bio);
}

void AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  Must(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "add an extension");
}

Certificate NewCertificate(EVP_PKEY* key, const std::string& name) {
  Certificate certificate(X509_new());
  Must(certificate != nullptr, "make a certificate");
  X509_set_version(certificate.get(), 2);
  long serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial & 0x7fffffffffffff);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 90L * 24 * 3600);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

void Sign(X509* certificate, X509* issuer, EVP_PKEY* issuer_key) {
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  Must(X509_sign(certificate, issuer_key, EVP_sha256()) > 0, "sign a certificate");
}

Certificate ReadCertificate(const std::string& pem) {
  Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

std::string DigestOf(X509* certificate, const EVP_MD* method) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  Must(X509_digest(certificate, method, digest, &size) == 1, "hash a certificate");
  return Base64Url({reinterpret_cast<const char*>(digest), size});
}

}  // namespace

KeyPair MakeSelfSigned(const std::string& common_name) {
  const Key key = NewKey();
  const Certificate certificate = NewCertificate(key.get(), common_name);
  Sign(certificate.get(), certificate.get(), key.get());
  return {Pem(certificate.get()), Pem(key.get())};
}

ServerIdentity MakeServerIdentity() {
  const Key ca_key = NewKey();
  const Certificate ca = NewCertificate(ca_key.get(), "Simulated tenant CA");
  AddExtension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(ca.get(), ca.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  AddExtension(ca.get(), ca.get(), NID_subject_key_identifier, "hash");
  Sign(ca.get(), ca.get(), ca_key.get());
  const Key key = NewKey();
  const Certificate server = NewCertificate(key.get(), "localhost");
  AddExtension(server.get(), ca.get(), NID_basic_constraints, "CA:FALSE");
  AddExtension(server.get(), ca.get(), NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1");
  AddExtension(server.get(), ca.get(), NID_ext_key_usage, "serverAuth");
  Sign(server.get(), ca.get(), ca_key.get());
  return {{Pem(server.get()), Pem(key.get())}, Pem(ca.get())};
}

Thumbprints ThumbprintsOf(const std::string& certificate_pem) {
  const Certificate certificate = ReadCertificate(certificate_pem);
  if (!certificate) return {};
  return {DigestOf(certificate.get(), EVP_sha1()), DigestOf(certificate.get(), EVP_sha256())};
}

bool VerifySignature(const std::string& certificate_pem, const std::string& algorithm,
                     const std::string& signed_text, const std::string& signature) {
  const Certificate certificate = ReadCertificate(certificate_pem);
  if (!certificate || (algorithm != "RS256" && algorithm != "PS256")) return false;
  const Key key(X509_get_pubkey(certificate.get()));
  const Digest digest(EVP_MD_CTX_new());
  EVP_PKEY_CTX* context = nullptr;
  if (!key || EVP_DigestVerifyInit(digest.get(), &context, EVP_sha256(), nullptr, key.get()) != 1) {
    return false;
  }
  if (algorithm == "PS256" && (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) != 1 ||
                               EVP_PKEY_CTX_set_rsa_pss_saltlen(context, 32) != 1)) {
    return false;
  }
  return EVP_DigestVerify(digest.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                          signature.size(),
                          reinterpret_cast<const unsigned char*>(signed_text.data()),
                          signed_text.size()) == 1;
}

}  // namespace spa::sim
