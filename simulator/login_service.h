// LoginService: the token endpoint and the managed identity endpoints (graph.md 1), and the check
// of the bearer tokens it issued.
//
// Accepts a client secret (form or Basic), a certificate assertion (every check of 1.2) and a
// federated assertion. Tokens are three-part JWTs; only the very text that was issued is good.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "simulator/http.h"
#include "simulator/tenant_spec.h"

namespace spa::sim {

enum class Bearer { kGood, kMissing, kUnknown, kExpired, kWrongAudience, kSecretMade, kNoRoles };

class LoginService {
 public:
  explicit LoginService(const TenantSpec& spec);

  // A certificate the application may sign with.
  void Register(const std::string& certificate_pem);

  Response Token(const Request& request, std::string_view tenant);
  Response ManagedIdentity(const Request& request, bool app_service);

  // `sharepoint`: the route is SharePoint REST, which refuses tokens made with a secret.
  Bearer Check(const Request& request, bool sharepoint);

  void Reset();

 private:
  struct Issued {
    std::string audience;  // "graph", "sharepoint" or "origin" (both)
    bool by_secret = false;
    std::int64_t expires = 0;
  };
  struct Key {
    std::string pem, sha1, sha256;
  };

  Response Refuse(int status, int number, std::string_view error, std::string_view text) const;
  // Empty: the credential is good.
  std::optional<Response> CheckAssertion(const Request& request, const std::string& assertion);
  std::string AudienceOf(const Request& request, std::string_view resource) const;
  std::string Issue(const std::string& audience, std::string_view resource, bool by_secret);

  const TenantSpec& spec_;
  std::mutex mutex_;
  std::vector<Key> keys_;
  std::set<std::string> seen_assertions_;  // jti
  std::unordered_map<std::string, Issued> issued_;
  std::uint64_t count_ = 0;
  std::string signing_key_;
};

}  // namespace spa::sim
