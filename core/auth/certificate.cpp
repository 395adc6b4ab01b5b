#include "core/auth/certificate.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "core/encoding.h"

namespace spa {
namespace {

template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
template <class T, auto kFree>
using Owned = std::unique_ptr<T, Free<kFree>>;

using Bio = Owned<BIO, BIO_free>;
using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using X509Ptr = Owned<X509, X509_free>;
using Pkcs12 = Owned<PKCS12, PKCS12_free>;

constexpr std::size_t kMaxFile = 1 << 20;  // A certificate file is a few kilobytes.
constexpr std::string_view kSetPassword = "set auth.certificate_password, best as env:NAME";

// Algorithms outside OpenSSL's default provider, kept away from the rest of the process.
class LegacyAlgorithms {
 public:
  LegacyAlgorithms()
      : context_(OSSL_LIB_CTX_new()),
        default_(OSSL_PROVIDER_load(context_.get(), "default")),
        legacy_(OSSL_PROVIDER_load(context_.get(), "legacy")) {
    ERR_clear_error();
  }
  bool available() const { return default_ && legacy_; }
  OSSL_LIB_CTX* context() const { return context_.get(); }

 private:
  Owned<OSSL_LIB_CTX, OSSL_LIB_CTX_free> context_;
  Owned<OSSL_PROVIDER, OSSL_PROVIDER_unload> default_, legacy_;
};

// What is in the file, before anyone asks whether the parts fit.
struct Contents {
  std::vector<X509Ptr> certificates;
  Key key;
  bool undecryptable = false;  // There is a key, but this OpenSSL context cannot open it.
};

Result<std::string> ReadAll(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string bytes(kMaxFile + 1, '\0');
  if (file) file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.is_open() || file.bad() || (file.fail() && !file.eof())) {
    return Fail(ErrorCode::kUsage,
                fmt::format("cannot read the certificate file {}: {}", path,
                            errno ? std::strerror(errno) : "not a file"),
                "check auth.certificate_path and the file's permissions");
  }
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  if (bytes.size() > kMaxFile) {
    return Fail(ErrorCode::kUsage, fmt::format("{} is no certificate file: over 1 MiB", path),
                "check auth.certificate_path");
  }
  return bytes;
}

Bio Memory(std::string_view bytes) {
  return Bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

struct PasswordAsked {
  const std::string& password;
  bool asked = false;
};

int GivePassword(char* buffer, int size, int, void* user) {
  auto& state = *static_cast<PasswordAsked*>(user);
  state.asked = true;
  const int length = static_cast<int>(state.password.size());
  if (length == 0 || length > size) return -1;
  std::memcpy(buffer, state.password.data(), state.password.size());
  return length;
}

// A key read through another context belongs to its providers: take it over into the default one.
Key ToDefaultContext(Key key) {
  unsigned char* der = nullptr;
  const int length = i2d_PrivateKey(key.get(), &der);
  if (length <= 0) return nullptr;
  const unsigned char* at = der;
  Key mine(d2i_AutoPrivateKey(nullptr, &at, length));
  OPENSSL_clear_free(der, static_cast<std::size_t>(length));
  return mine;
}

Error Fault(const std::string& path, std::string_view fault, std::string_view remedy) {
  return Error(ErrorCode::kUsage, fmt::format("the certificate file {} {}", path, fault),
               std::string(remedy));
}

Result<Contents> ReadPem(const std::string& path, const std::string& bytes,
                         const std::string& password, OSSL_LIB_CTX* context) {
  Contents contents;
  for (Bio bio = Memory(bytes);;) {
    X509Ptr next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!next) break;
    contents.certificates.push_back(std::move(next));
  }
  ERR_clear_error();
  PasswordAsked state{password};
  contents.key.reset(PEM_read_bio_PrivateKey_ex(Memory(bytes).get(), nullptr, GivePassword, &state,
                                                context, nullptr));
  ERR_clear_error();
  if (contents.key) return contents;
  if (bytes.find("PRIVATE KEY-----") == std::string::npos) {
    return Fail(Fault(path, "holds no private key",
                      "put certificate and key into one file: cat cert.pem key.pem > both.pem"));
  }
  if (!state.asked) {
    return Fail(Fault(path, "holds a private key that cannot be read",
                      "export the certificate and its key again"));
  }
  if (password.empty()) {
    return Fail(Fault(path, "holds an encrypted key, and no password is given", kSetPassword));
  }
  contents.undecryptable = true;
  return contents;
}

Result<Contents> ReadPfx(const std::string& path, const std::string& bytes,
                         const std::string& password, OSSL_LIB_CTX* context) {
  Contents contents;
  PKCS12* raw = PKCS12_init_ex(NID_pkcs7_data, context, nullptr);
  const bool read = d2i_PKCS12_bio(Memory(bytes).get(), &raw) != nullptr;
  const Pkcs12 pfx(raw);  // What was made by init_ex is ours, unless reading freed it.
  ERR_clear_error();
  if (!read) {
    return Fail(Fault(path, "is neither PEM nor PFX (PKCS#12)",
                      "export it as PEM with certificate and key, or as PFX"));
  }
  // No password is spelled in two ways: as none, and as an empty one.
  const char* secret = password.c_str();
  if (PKCS12_mac_present(pfx.get()) && !PKCS12_verify_mac(pfx.get(), secret, -1)) {
    secret = nullptr;
    if (!password.empty() || !PKCS12_verify_mac(pfx.get(), nullptr, 0)) {
      ERR_clear_error();
      return Fail(password.empty()
                      ? Fault(path, "needs a password, and none is given", kSetPassword)
                      : Fault(path, "does not open: wrong password", kSetPassword));
    }
  }
  EVP_PKEY* key = nullptr;
  X509* certificate = nullptr;
  STACK_OF(X509)* others = nullptr;
  contents.undecryptable = PKCS12_parse(pfx.get(), secret, &key, &certificate, &others) != 1;
  ERR_clear_error();
  contents.key.reset(key);
  if (certificate) contents.certificates.emplace_back(certificate);
  while (X509* other = sk_X509_shift(others)) contents.certificates.emplace_back(other);
  sk_X509_free(others);
  return contents;
}

Result<Contents> ReadContents(const std::string& path, const std::string& bytes,
                              const std::string& password) {
  const auto read = bytes.find("-----BEGIN ") != std::string::npos ? ReadPem : ReadPfx;
  auto contents = read(path, bytes, password, nullptr);
  if (!contents || !contents->undecryptable) return contents;

  const LegacyAlgorithms legacy;
  if (!legacy.available()) {
    return Fail(Fault(path,
                      "does not open: wrong password, or encrypted with RC2 or 3DES, which needs "
                      "OpenSSL's legacy provider (it cannot be loaded here)",
                      "check auth.certificate_password, or convert: openssl pkcs12 -legacy -in "
                      "old.pfx -out both.pem"));
  }
  auto old = read(path, bytes, password, legacy.context());
  if (!old) return old;
  if (old->undecryptable) {
    return Fail(Fault(path, "does not open: wrong password, also with OpenSSL's legacy algorithms",
                      kSetPassword));
  }
  if (old->key) old->key = ToDefaultContext(std::move(old->key));
  // Certificates too: their public keys remember the context.
  for (X509Ptr& certificate : old->certificates) {
    unsigned char* der = nullptr;
    const int length = i2d_X509(certificate.get(), &der);
    const unsigned char* at = der;
    certificate.reset(length > 0 ? d2i_X509(nullptr, &at, length) : nullptr);
    OPENSSL_free(der);
  }
  return old;
}

std::chrono::system_clock::time_point ToTime(const ASN1_TIME* time) {
  std::tm parts{};
  ASN1_TIME_to_tm(time, &parts);
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

std::string Digest(const X509* certificate, const EVP_MD* kind) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  X509_digest(certificate, kind, bytes, &length);
  return std::string(reinterpret_cast<const char*>(bytes), length);
}

std::string Hex(std::string_view bytes) {
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02X}", byte);
  return text;
}

std::string Subject(const X509* certificate) {
  Bio bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<std::size_t>(length));
}

}  // namespace

Result<Certificate> LoadCertificate(const std::string& path, const Secret& password) {
  auto bytes = ReadAll(path);
  if (!bytes) return Fail(std::move(bytes.error()));
  auto contents = ReadContents(path, *bytes, password.Reveal());
  OPENSSL_cleanse(bytes->data(), bytes->size());
  if (!contents) return Fail(std::move(contents.error()));

  if (!contents->key) {
    return Fail(Fault(path, "holds no private key",
                      "export the certificate together with its private key"));
  }
  if (contents->certificates.empty()) {
    return Fail(Fault(path, "holds no certificate",
                      "put certificate and key into one file: cat cert.pem key.pem > both.pem"));
  }
  if (EVP_PKEY_get_base_id(contents->key.get()) != EVP_PKEY_RSA) {
    return Fail(Fault(path, "holds a key that is not RSA, which Microsoft Entra does not accept",
                      "create a certificate with an RSA key of 2048 bits or more"));
  }
  const X509* mine = nullptr;
  for (const X509Ptr& candidate : contents->certificates) {
    if (!mine && candidate && X509_check_private_key(candidate.get(), contents->key.get()) == 1) {
      mine = candidate.get();
    }
  }
  ERR_clear_error();
  if (!mine) {
    return Fail(Fault(path, "holds a key that does not match its certificate",
                      "put the certificate and the key it was made with into one file"));
  }
  Certificate certificate;
  certificate.path = path;
  certificate.subject = Subject(mine);
  certificate.not_before = ToTime(X509_get0_notBefore(mine));
  certificate.not_after = ToTime(X509_get0_notAfter(mine));
  const std::string sha256 = Digest(mine, EVP_sha256());
  certificate.sha1_thumbprint = Hex(Digest(mine, EVP_sha1()));
  certificate.sha256_thumbprint = Hex(sha256);
  certificate.x5t_s256 = Base64Url(sha256);
  certificate.key = std::shared_ptr<EVP_PKEY>(contents->key.release(), EVP_PKEY_free);
  return certificate;
}

Status CheckValidity(const Certificate& certificate, std::chrono::system_clock::time_point now) {
  if (now >= certificate.not_after) {
    return Fail(ErrorCode::kAuth,
                fmt::format("the certificate in {} expired on {:%Y-%m-%d %H:%M} UTC",
                            certificate.path, fmt::gmtime(certificate.not_after)),
                "make a new certificate and upload its .cer to the app registration");
  }
  if (now < certificate.not_before) {
    return Fail(ErrorCode::kAuth,
                fmt::format("the certificate in {} is not valid before {:%Y-%m-%d %H:%M} UTC",
                            certificate.path, fmt::gmtime(certificate.not_before)),
                "check this machine's clock");
  }
  return {};
}

}  // namespace spa
