// Certificate: the X.509 certificate and RSA key with which an application signs in.
//
// Read from one file: PEM with certificate and key (the key may be encrypted), or PFX (PKCS#12).
// Files of old Windows tools (RC2, 3DES) are read with OpenSSL's legacy provider, which is loaded
// for that one import and nothing else. Where a file holds several certificates, the one that
// belongs to the key counts.
//
// Threads: any; a Certificate is read only.
// Errors: kUsage with file, fault and remedy. An expired certificate loads: see CheckValidity.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "core/config/config.h"
#include "core/result.h"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace spa {

struct Certificate {
  Certificate() = default;

  std::string path;
  std::string subject;  // "CN=sharepoint-audit,O=Contoso": the owner's text
  std::chrono::system_clock::time_point not_before, not_after;
  std::string sha1_thumbprint;    // hex, upper case, as the Entra portal shows it
  std::string sha256_thumbprint;  // hex, upper case
  std::string x5t_s256;           // base64url of the SHA-256 digest (graph.md 1.2)
  std::shared_ptr<evp_pkey_st> key;
};

Result<Certificate> LoadCertificate(const std::string& path, const Secret& password);

// kAuth where the certificate is expired or not valid yet at `now`.
Status CheckValidity(const Certificate& certificate, std::chrono::system_clock::time_point now);

}  // namespace spa
