#include "cli/doctor.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <nlohmann/json.hpp>

#include "cli/host_health.h"
#include "cli/terminal.h"
#include "core/auth/certificate.h"
#include "core/auth/token_claims.h"
#include "core/auth/token_source.h"
#include "core/graph/service_client.h"
#include "core/graph/service_error.h"
#include "core/http/http_client.h"
#include "core/http/url.h"

namespace spa {
namespace {

using Checks = std::vector<Check>;
using std::chrono::system_clock;

std::string_view Describe(CredentialKind kind) {
  switch (kind) {
    case CredentialKind::kCertificate:
      return "certificate";
    case CredentialKind::kSecret:
      return "client secret (SharePoint REST needs a certificate)";
    case CredentialKind::kFederated:
      return "federated token";
    case CredentialKind::kManagedIdentity:
      return "managed identity";
  }
  return "";
}

// The checks that talk to the services, one after the other: each is the cause of the next.
class NetworkChecks {
 public:
  NetworkChecks(const Config& config, HttpClient& http, TokenSource& tokens, Checks& checks)
      : config_(config),
        http_(http),
        tokens_(tokens),
        checks_(checks),
        audiences_(config.graph.base_url, config.tenant_url) {}

  Task<void> Run() {
    if (!co_await ReachSignIn()) co_return;
    if (co_await Token(Api::kGraph, "sign-in: Graph", audiences_.graph_resource())) {
      co_await Call("call: Graph", config_.graph.base_url + "/sites/root?$select=id,webUrl",
                    "application/json", audiences_.graph_resource());
    }
    if (tokens_.kind() == CredentialKind::kSecret || config_.permissions.sharepoint_rest == "off") {
      checks_.emplace_back(
          "SharePoint REST", CheckState::kSkipped,
          config_.permissions.sharepoint_rest == "off"
              ? "switched off by permissions.sharepoint_rest"
              : "does not listen to a client secret; site groups and role assignments "
                "of webs and lists stay unread",
          config_.permissions.sharepoint_rest == "off"
              ? ""
              : "sign in with a certificate (auth.certificate_path)");
      co_return;
    }
    const std::string resource = audiences_.ResourceFor(config_.tenant_url + "/");
    if (co_await Token(Api::kSharePoint, "sign-in: SharePoint", resource)) {
      co_await Call("call: SharePoint", config_.tenant_url + "/_api/web/roleassignments?$top=1",
                    "application/json;odata=nometadata", resource);
    }
  }

 private:
  // DNS, TCP, TLS and the clock, by one unauthenticated call whose status does not matter.
  Task<bool> ReachSignIn() {
    const std::string host = config_.auth.authority_host;
    HttpRequest request("GET", fmt::format("{}/{}/v2.0/.well-known/openid-configuration", host,
                                           config_.auth.tenant_id));
    request.timeout = std::chrono::seconds(20);
    const auto answer = co_await http_.Send(std::move(request));
    if (!answer) {
      checks_.emplace_back("network", answer.error());
      co_return false;
    }
    checks_.emplace_back("network", CheckState::kOk, fmt::format("{} answers", host));
    checks_.push_back(CheckClock(answer->Header("Date"), system_clock::now()));
    co_return true;
  }

  Task<bool> Token(Api api, std::string name, std::string resource) {
    const auto token = co_await tokens_.Get(resource);
    if (!token) {
      checks_.emplace_back(std::move(name), token.error());
      co_return false;
    }
    checks_.emplace_back(std::move(name), CheckState::kOk, fmt::format("a token for {}", resource));
    const auto claims = ReadTokenClaims(token->value.Reveal());
    if (!claims) {
      checks_.emplace_back("consent", CheckState::kSkipped,
                           "the token does not say what it permits");
      co_return true;
    }
    for (Check& check : CheckRoles(api, claims->roles, config_))
      checks_.push_back(std::move(check));
    co_return true;
  }

  Task<void> Call(std::string name, std::string url, std::string accept, std::string resource) {
    const auto token = co_await tokens_.Get(resource);
    if (!token) {
      checks_.emplace_back(std::move(name), token.error());
      co_return;
    }
    HttpRequest request("GET", url);
    request.headers.emplace_back("Authorization", "Bearer " + token->value.Reveal());
    request.headers.emplace_back("Accept", std::move(accept));
    request.timeout = std::chrono::seconds(60);
    const auto answer = co_await http_.Send(std::move(request));
    if (!answer) {
      checks_.emplace_back(std::move(name), answer.error());
    } else if (answer->status / 100 != 2) {
      checks_.emplace_back(std::move(name), ErrorFromAnswer(answer->status, answer->headers,
                                                            answer->body, "reading " + url));
    } else {
      checks_.emplace_back(std::move(name), CheckState::kOk, fmt::format("{} answers", url));
    }
  }

  const Config& config_;
  HttpClient& http_;
  TokenSource& tokens_;
  Checks& checks_;
  Audiences audiences_;
};

// How the host did in the calls above.
Check CheckHost(const HostHealth::Host& host) {
  const Health& health = host.health;
  std::string detail = fmt::format("{}: {} of {} calls answered, {:.0f} ms in the middle",
                                   host.name, health.calls - health.failures, health.calls,
                                   static_cast<double>(health.p50.count()) / 1000.0);
  if (health.failures == 0) return Check("health", CheckState::kOk, std::move(detail));
  return Check("health", CheckState::kWarning, std::move(detail), "last: " + health.last_error);
}

void CheckNetwork(const Config& config, Checks& checks) {
  asio::io_context io;
  ConcurrencyManager concurrency(io, {});
  HttpClient::Options options;
  options.ca_file = config.tls_ca_file;
  options.http_version = config.graph.http_version;
  options.user_agent = config.graph.user_agent;
  HttpClient http(io, concurrency, options);
  HostHealth hosts;
  http.set_listener([&hosts](const HttpEnding& ending) { hosts.Heard(ending); });
  auto tokens = MakeTokenSource(config.auth, http);
  if (!tokens) {
    checks.emplace_back("credential", tokens.error());
    return;
  }
  NetworkChecks network(config, http, **tokens, checks);
  std::exception_ptr failure;
  asio::co_spawn(io, network.Run(), [&](std::exception_ptr error) { failure = error; });
  io.run();
  if (failure) std::rethrow_exception(failure);
  for (const HostHealth::Host& host : hosts.Hosts()) checks.push_back(CheckHost(host));
}

// False where the credential is known not to work.
bool CheckCredential(const Config& config, Checks& checks) {
  const CredentialKind kind = *ChosenCredential(config.auth);
  checks.emplace_back("credential", CheckState::kOk, std::string(Describe(kind)));
  if (kind != CredentialKind::kCertificate) return true;
  const auto certificate =
      LoadCertificate(config.auth.certificate_path, config.auth.certificate_password);
  if (!certificate) {
    checks.back() = Check("certificate", certificate.error());
    return false;
  }
  checks.push_back(CheckCertificateDates(certificate->subject, certificate->not_before,
                                         certificate->not_after, system_clock::now()));
  return checks.back().state != CheckState::kFailed;
}

}  // namespace

std::string_view Name(CheckState state) {
  constexpr std::string_view kNames[] = {"ok", "warning", "failed", "skipped"};
  return kNames[static_cast<int>(state)];
}

std::vector<Check> RunDoctor(Result<LoadedConfig> loaded,
                             const std::map<std::string, std::string>& environment) {
  Checks checks;
  if (!loaded) return {Check("configuration", loaded.error())};
  const std::string database = loaded->config.db_path;
  if (auto ready = PrepareForAudit(*loaded, environment); !ready) {
    checks.emplace_back("configuration", ready.error());
  } else {
    checks.emplace_back("configuration", CheckState::kOk,
                        fmt::format("for {}", loaded->config.tenant_url));
    if (CheckCredential(loaded->config, checks)) CheckNetwork(loaded->config, checks);
  }
  checks.push_back(CheckDatabase(database));
  checks.push_back(CheckDisk(database));
  checks.push_back(CheckCache(loaded->config));
  return checks;
}

ExitCode ExitOf(const std::vector<Check>& checks) {
  for (const Check& check : checks) {
    if (check.state == CheckState::kFailed) return check.exit;
  }
  return ExitCode::kDone;
}

std::string RenderChecks(const std::vector<Check>& checks) {
  std::vector<std::vector<std::string>> rows = {{"CHECK", "STATE", "DETAIL"}};
  for (const Check& check : checks) {
    rows.push_back({check.name, std::string(Name(check.state)), check.detail});
    const bool wanting = check.state == CheckState::kFailed || check.state == CheckState::kWarning;
    if (!check.remedy.empty() && wanting) rows.push_back({"", "", "-> " + check.remedy});
  }
  return RenderTable(rows);
}

std::string RenderChecksJson(const std::vector<Check>& checks) {
  nlohmann::ordered_json document;
  document["checks"] = nlohmann::ordered_json::array();
  for (const Check& check : checks) {
    nlohmann::ordered_json row;
    row["name"] = check.name;
    row["state"] = Name(check.state);
    row["detail"] = check.detail;
    row["remedy"] =
        check.remedy.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(check.remedy);
    document["checks"].push_back(std::move(row));
  }
  document["exit_code"] = static_cast<int>(ExitOf(checks));
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

}  // namespace spa
