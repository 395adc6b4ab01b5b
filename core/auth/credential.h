// Credential: how the application asks for a token, whichever way it proves who it is.
//
// Four ways, the first that is configured counts: certificate, secret, federated token file,
// managed identity (IMDS of a virtual machine, or App Service). graph.md 1.1, 1.2, 1.6, 1.7.
//
// Threads: any. Errors: kUsage where the configuration or a file it names cannot be used.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "core/auth/token_source.h"
#include "core/config/config.h"
#include "core/http/http_client.h"
#include "core/result.h"

namespace spa {

struct Credential {
  using Clock = std::chrono::system_clock;

  Credential() = default;

  CredentialKind kind = CredentialKind::kSecret;
  std::string what;    // "signing in at login.microsoftonline.com as 9b7d…", for messages
  std::string remedy;  // Where the AADSTS numbers give no advice: not Entra itself answers.
  std::string secret;  // Sent, never shown: taken out of what the service says.

  // The request for a token for `resource`. Signs an assertion or reads the federated token file
  // anew each time. kAuth where the certificate is not valid at `now`.
  std::function<Result<HttpRequest>(const std::string& resource, Clock::time_point now)> request;

  // Waits before the second, third … try where the service names none.
  std::vector<std::chrono::milliseconds> pauses;
  std::vector<int> passing_statuses;                // Worth another try, besides 429 and 5xx.
  std::chrono::milliseconds silence_limit{20'000};  // For a host that does not answer, in all.
};

// A variable of the process's environment; empty where unset.
using Environment = std::function<std::string(const char* name)>;
std::string ProcessEnvironment(const char* name);

// `environment` tells where the managed identity's endpoint is: IDENTITY_ENDPOINT and
// IDENTITY_HEADER (App Service), or AZURE_POD_IDENTITY_AUTHORITY_HOST in place of 169.254.169.254.
Result<Credential> ReadCredential(const AuthConfig& config,
                                  const Environment& environment = ProcessEnvironment);

}  // namespace spa
