// What is to be said about how we reach a Redis: for `cache security check` (findings; an error
// finding means exit 3) and `cache security status`.
//
// | code                   | severity | when |
// |------------------------|----------|------------------------------------------------------------|
// | plaintext              | error    | no TLS to a host that is not this machine | |
// plaintext_loopback     | info     | no TLS, but only to this machine                           |
// | no_password            | error    | no password is given; to this machine: warning | |
// default_user           | warning  | a password, but no user of our own                         |
// | readable_key           | error    | others may read the key file | | acl_too_wide           |
// error    | our user may FLUSHALL, CONFIG or read foreign keys         | | acl_unknown | info | it
// may not tell: without +acl|whoami and +acl|dryrun       | | certificate_expired    | error    |
// the server's certificate has ended; expires_soon: 30 days  | | certificate_expires_soon | warning
// |                                                           | | refused, untrusted     | error |
// the server refused us, or is not who it says               | | unreachable            | warning
// | it does not answer: nothing more can be said               |
//
// The rest of the check is not kept from plaintext or unknown servers: who runs it wants to know.
//
// Threads: the io_context's thread.
// Errors: kUsage where the URL is none; what a server does wrong is a finding.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/entry.h"
#include "cache/redis/endpoint.h"
#include "cache/store_security.h"
#include "core/async/task.h"
#include "core/result.h"

namespace spa {

enum class FindingSeverity { kInfo, kWarning, kError };
std::string_view NameOf(FindingSeverity severity);  // "info", "warning", "error"

struct SecurityFinding {
  SecurityFinding() = default;
  SecurityFinding(FindingSeverity severity, std::string code, std::string text)
      : severity(severity), code(std::move(code)), text(std::move(text)) {}
  FindingSeverity severity = FindingSeverity::kInfo;
  std::string code;
  std::string text;  // One sentence, with the server's name where it concerns one.
};

// One server, as it answered.
struct RedisSecurityNode {
  RedisSecurityNode() = default;
  std::string name;
  bool reachable = false;
  std::string server_version;
  std::string tls_version, tls_cipher, peer_subject;  // Empty: plain text.
  std::optional<CacheTime> peer_expires;
  std::string acl_user;  // Empty: it may not tell.
};

struct RedisSecurityReport {
  RedisSecurityReport() = default;
  std::string place;
  std::vector<RedisSecurityNode> nodes;
  std::vector<SecurityFinding> findings;
  std::vector<std::string> recommendations;
  std::string acl;  // The rights our user needs: kRedisAcl.

  bool HasErrors() const;
};

[[nodiscard]] Task<Result<RedisSecurityReport>> InspectRedis(
    asio::any_io_executor executor, std::string url, StoreSecurity security,
    CacheClock clock = std::chrono::system_clock::now);

}  // namespace spa
