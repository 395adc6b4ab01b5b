#include "core/auth/credential.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

#include "core/auth/certificate.h"
#include "core/auth/client_assertion.h"
#include "core/encoding.h"
#include "core/http/url.h"

namespace spa {
namespace {

using namespace std::chrono_literals;
using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kAssertionType =
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
constexpr std::string_view kMetadataService = "http://169.254.169.254";
constexpr std::size_t kLongestToken = 64 * 1024;

std::string Encode(const Fields& fields) {
  std::string text;
  for (const auto& [name, value] : fields) {
    if (!text.empty()) text += '&';
    text += UrlEncode(name) + '=' + UrlEncode(value);
  }
  return text;
}

std::string TokenUrl(const AuthConfig& config) {
  std::string host = config.authority_host;
  while (host.ends_with('/')) host.pop_back();
  return fmt::format("{}/{}/oauth2/v2.0/token", host, UrlEncode(config.tenant_id));
}

// The client credentials grant (graph.md 1.1); `proof` says who we are.
HttpRequest GrantRequest(const std::string& token_url, const std::string& client_id,
                         const std::string& resource, const Fields& proof) {
  Fields fields = {{"grant_type", "client_credentials"},
                   {"client_id", client_id},
                   {"scope", resource + "/.default"}};
  fields.insert(fields.end(), proof.begin(), proof.end());
  HttpRequest request("POST", token_url);
  request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  request.headers.emplace_back("Accept", "application/json");
  request.body = Encode(fields);
  return request;
}

Fields AssertionProof(std::string assertion) {
  return {{"client_assertion_type", std::string(kAssertionType)},
          {"client_assertion", std::move(assertion)}};
}

Result<std::string> ReadFederatedToken(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string token(kLongestToken, '\0');
  if (file) file.read(token.data(), static_cast<std::streamsize>(token.size()));
  if (!file.is_open() || file.bad() || (file.fail() && !file.eof())) {
    return Fail(ErrorCode::kUsage,
                fmt::format("cannot read the federated token file {}: {}", path,
                            errno ? std::strerror(errno) : "not a file"),
                "check auth.federated_token_file and the file's permissions");
  }
  token.resize(static_cast<std::size_t>(file.gcount()));
  while (!token.empty() && std::strchr(" \t\r\n", token.back())) token.pop_back();
  if (token.empty() || token.size() >= kLongestToken) {
    return Fail(ErrorCode::kUsage, fmt::format("the federated token file {} holds no token", path),
                "check that the platform's token issuer writes to it");
  }
  return token;
}

Credential AtAuthority(const AuthConfig& config, CredentialKind kind) {
  Credential credential;
  credential.kind = kind;
  credential.what = fmt::format("signing in at {} as application {}",
                                SplitUrl(config.authority_host).authority, config.client_id);
  credential.pauses = {1s, 2s, 4s, 8s};
  return credential;
}

Result<Credential> CertificateCredential(const AuthConfig& config) {
  auto certificate = LoadCertificate(config.certificate_path, config.certificate_password);
  if (!certificate) return Fail(std::move(certificate.error()));
  Credential credential = AtAuthority(config, CredentialKind::kCertificate);
  credential.request =
      [url = TokenUrl(config), id = config.client_id, certificate = std::move(*certificate)](
          const std::string& resource, Credential::Clock::time_point now) -> Result<HttpRequest> {
    if (auto valid = CheckValidity(certificate, now); !valid) return Fail(valid.error());
    auto assertion = SignClientAssertion(certificate, id, url, NewGuid(), now);
    if (!assertion) return Fail(std::move(assertion.error()));
    return GrantRequest(url, id, resource, AssertionProof(std::move(*assertion)));
  };
  return credential;
}

Credential SecretCredential(const AuthConfig& config) {
  Credential credential = AtAuthority(config, CredentialKind::kSecret);
  credential.secret = config.client_secret.Reveal();
  credential.request =
      [url = TokenUrl(config), id = config.client_id, secret = config.client_secret](
          const std::string& resource, Credential::Clock::time_point) -> Result<HttpRequest> {
    return GrantRequest(url, id, resource, {{"client_secret", secret.Reveal()}});
  };
  return credential;
}

Credential FederatedCredential(const AuthConfig& config) {
  Credential credential = AtAuthority(config, CredentialKind::kFederated);
  credential.request =
      [url = TokenUrl(config), id = config.client_id, path = config.federated_token_file](
          const std::string& resource, Credential::Clock::time_point) -> Result<HttpRequest> {
    auto token = ReadFederatedToken(path);  // It is replaced every hour or so (graph.md 1.7).
    if (!token) return Fail(std::move(token.error()));
    return GrantRequest(url, id, resource, AssertionProof(std::move(*token)));
  };
  return credential;
}

// graph.md 1.6. A client id in the configuration names a user-assigned identity.
Result<Credential> ManagedIdentityCredential(const AuthConfig& config,
                                             const Environment& environment) {
  const std::string endpoint = environment("IDENTITY_ENDPOINT");
  const std::string header = environment("IDENTITY_HEADER");
  if (!endpoint.empty() && header.empty()) {
    return Fail(ErrorCode::kUsage,
                "IDENTITY_ENDPOINT is set without IDENTITY_HEADER: the managed identity of Azure "
                "Arc is not supported",
                "sign in with a certificate (auth.certificate_path)");
  }
  const bool app_service = !endpoint.empty();
  std::string host = environment("AZURE_POD_IDENTITY_AUTHORITY_HOST");
  if (host.empty()) host = kMetadataService;
  while (host.ends_with('/')) host.pop_back();
  const std::string base = app_service ? endpoint : host + "/metadata/identity/oauth2/token";
  if (!SplitUrl(base).valid) {
    return Fail(ErrorCode::kUsage,
                fmt::format("the managed identity's endpoint {} is no http URL", base),
                "check IDENTITY_ENDPOINT and AZURE_POD_IDENTITY_AUTHORITY_HOST");
  }

  Credential credential;
  credential.kind = CredentialKind::kManagedIdentity;
  credential.what =
      fmt::format("asking {} for the managed identity's token", SplitUrl(base).authority);
  credential.remedy =
      "managed identity works on an Azure machine that has one; auth.client_id, where set, must "
      "name a user-assigned identity of it";
  credential.secret = header;
  credential.pauses = {2s, 6s, 14s, 30s};
  if (!app_service) credential.passing_statuses = {404, 410};  // The endpoint is being updated.
  credential.request = [base, header, app_service, id = config.client_id](
                           const std::string& resource,
                           Credential::Clock::time_point) -> Result<HttpRequest> {
    Fields query = {{"api-version", app_service ? "2019-08-01" : "2018-02-01"},
                    {"resource", resource}};
    if (!id.empty()) query.emplace_back("client_id", id);
    HttpRequest request("GET",
                        base + (base.find('?') == std::string::npos ? "?" : "&") + Encode(query));
    if (app_service) {
      request.headers.emplace_back("X-IDENTITY-HEADER", header);
    } else {
      request.headers.emplace_back("Metadata", "true");
    }
    request.use_proxy = false;
    return request;
  };
  return credential;
}

}  // namespace

std::string ProcessEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

Result<Credential> ReadCredential(const AuthConfig& config, const Environment& environment) {
  if (!config.certificate_path.empty()) return CertificateCredential(config);
  if (!config.client_secret.empty()) return SecretCredential(config);
  if (!config.federated_token_file.empty()) return FederatedCredential(config);
  if (config.managed_identity) return ManagedIdentityCredential(config, environment);
  return Fail(ErrorCode::kUsage, "no credential is configured",
              "set one of auth.certificate_path, auth.client_secret, auth.federated_token_file or "
              "auth.managed_identity");
}

}  // namespace spa
