// Self-made certificates: for the simulator's own TLS, and for an application's credential.
// All errors are OpenSSL's own and therefore bugs or exhausted memory: they throw.
#pragma once

#include <string>

namespace spa::sim {

struct KeyPair {
  std::string certificate_pem;
  std::string key_pem;
};

KeyPair MakeSelfSigned(const std::string& common_name);  // RSA 2048, an application's certificate

struct ServerIdentity {
  KeyPair server;      // for 127.0.0.1, ::1 and localhost
  std::string ca_pem;  // what a client must trust
};
ServerIdentity MakeServerIdentity();

struct Thumbprints {
  std::string sha1, sha256;  // base64url of the digest of the DER certificate
};
Thumbprints ThumbprintsOf(const std::string& certificate_pem);

// Verifies a JWT signature made with the certificate's key; `algorithm` is RS256 or PS256.
bool VerifySignature(const std::string& certificate_pem, const std::string& algorithm,
                     const std::string& signed_text, const std::string& signature);

}  // namespace spa::sim
