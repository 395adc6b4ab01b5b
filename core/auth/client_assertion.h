// ClientAssertion: the signed JWT with which a certificate proves who the application is.
//
// graph.md 1.2: PS256 (RSASSA-PSS, SHA-256, MGF1 with SHA-256, salt of 32 bytes) and x5t#S256;
// valid for ten minutes.
//
// Threads: any. Errors: kInternal where OpenSSL does not sign.
#pragma once

#include <chrono>
#include <string>

#include "core/auth/certificate.h"
#include "core/result.h"

namespace spa {

// `token_url` becomes the audience, `client_id` issuer and subject. `jti` is a fresh GUID: the
// service takes an assertion once.
Result<std::string> SignClientAssertion(const Certificate& certificate,
                                        const std::string& client_id, const std::string& token_url,
                                        const std::string& jti,
                                        std::chrono::system_clock::time_point now);

}  // namespace spa
