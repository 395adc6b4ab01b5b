// Tokens as Entra makes them, and the documents by which their signatures are checked.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/auth/test_certificate.h"
#include "tests/auth/token_server.h"

namespace spa::testing {

inline const std::string kTestTenant = "11111111-2222-4333-8444-555555555555";
inline const std::string kTestApp = "9b7d5e21-0a4c-4f0e-8d3b-6e2f1c9a7b55";

// Claims of a token for kTestApp, valid for an hour from `now`; `more` replaces or adds, null
// removes.
nlohmann::json TestClaims(const std::string& authority, std::chrono::system_clock::time_point now,
                          const nlohmann::json& more = nlohmann::json::object());

// `algorithm`: RS256, PS256, or anything else for a token without a signature that counts.
std::string SignToken(const nlohmann::json& claims, const KeyPtr& key = RsaKey(),
                      const std::string& key_id = "key-1", const std::string& algorithm = "RS256");

nlohmann::json KeySet(const KeyPtr& key = RsaKey(), const std::string& key_id = "key-1");

// What an authority at `url` answers to a request for its discovery document or its keys.
ServedAnswer AnswerAsAuthority(const std::string& url, const ServedRequest& request,
                               const nlohmann::json& keys = KeySet());

}  // namespace spa::testing
