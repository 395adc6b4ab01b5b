// TokenSource: access tokens for one application in one tenant.
//
// One token per resource is kept in memory, never on disk, and renewed before it ends. However many
// callers wait for the same resource, one request goes out.
//
// Threads: the io_context's thread.
// Lifetime: must outlive every Get. Cancelling one Get leaves the others their token.
// Errors: kAuth with the AADSTS number turned into advice (facts graph.md 1.4), kUnreachable when
// the authority did not answer within 20 s, kUsage where the credential itself cannot be read.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "core/async/task.h"
#include "core/config/config.h"
#include "core/result.h"
#include "core/secret.h"

namespace spa {

class HttpClient;

struct AccessToken {
  AccessToken() = default;
  Secret value;
  std::chrono::system_clock::time_point expires_at;
  std::chrono::system_clock::time_point renew_at;  // From then on Get asks for another.
};

// How the application proves who it is. Decides whether SharePoint REST will listen (graph.md 1.8).
enum class CredentialKind { kSecret, kCertificate, kFederated, kManagedIdentity };

class TokenSource {
 public:
  virtual ~TokenSource() = default;

  // A token for `resource`, for example "https://graph.microsoft.com" (no "/.default").
  [[nodiscard]] virtual Task<Result<AccessToken>> Get(std::string resource) = 0;

  // The service answered 401 to this token: the next Get asks for a new one. A token that has been
  // replaced already is left alone.
  virtual void Reject(const std::string& resource, const Secret& token) = 0;

  virtual CredentialKind kind() const = 0;
  virtual long requests() const = 0;  // Token requests sent so far.
};

// Reads the credential the configuration names (certificate and key are parsed here, so that an
// unreadable file fails before anything is sent). `http` must outlive the source.
Result<std::unique_ptr<TokenSource>> MakeTokenSource(const AuthConfig& config, HttpClient& http);

}  // namespace spa
