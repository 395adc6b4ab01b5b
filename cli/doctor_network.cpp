// The doctor's checks that ask: the way to each host, sign-in, consent and the services.
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <set>

#include "cli/doctor.h"
#include "cli/host_health.h"
#include "cli/run_loop.h"
#include "core/auth/token_claims.h"
#include "core/auth/token_source.h"
#include "core/graph/service_client.h"
#include "core/graph/service_error.h"
#include "core/http/host_probe.h"
#include "core/http/http_client.h"
#include "core/http/url.h"

namespace spa {
namespace {

using Checks = std::vector<Check>;
using std::chrono::system_clock;

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
      co_await SecretEnd();
      co_await ThrottleClass();
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

  Task<Result<HttpResponse>> Ask(std::string url, std::string accept, std::string resource) {
    const auto token = co_await tokens_.Get(resource);
    if (!token) co_return Fail(token.error());
    HttpRequest request("GET", std::move(url));
    request.headers.emplace_back("Authorization", "Bearer " + token->value.Reveal());
    request.headers.emplace_back("Accept", std::move(accept));
    request.timeout = std::chrono::seconds(60);
    co_return co_await http_.Send(std::move(request));
  }

  Task<void> Call(std::string name, std::string url, std::string accept, std::string resource) {
    const auto answer = co_await Ask(url, std::move(accept), std::move(resource));
    if (!answer) {
      checks_.emplace_back(std::move(name), answer.error());
    } else if (answer->status / 100 != 2) {
      checks_.emplace_back(std::move(name), ErrorFromAnswer(answer->status, answer->headers,
                                                            answer->body, "reading " + url));
    } else {
      checks_.emplace_back(std::move(name), CheckState::kOk, fmt::format("{} answers", url));
      limit_header_ = std::string(answer->Header("RateLimit-Limit"));
    }
  }

  // The registration tells when its secrets end, to those who may read it.
  Task<void> SecretEnd() {
    if (tokens_.kind() != CredentialKind::kSecret) co_return;
    const std::string url = fmt::format("{}/applications(appId='{}')?$select=passwordCredentials",
                                        config_.graph.base_url, config_.auth.client_id);
    const auto answer = co_await Ask(url, "application/json", audiences_.graph_resource());
    checks_.push_back(CheckSecretEnd(answer && answer->status == 200 ? answer->body : "",
                                     config_.auth.client_secret, system_clock::now()));
  }

  Task<void> ThrottleClass() {
    const std::string url =
        config_.graph.base_url + "/subscribedSkus?$select=prepaidUnits,servicePlans";
    const auto answer = co_await Ask(url, "application/json", audiences_.graph_resource());
    checks_.push_back(CheckThrottleClass(answer && answer->status == 200 ? answer->body : "",
                                         limit_header_,
                                         config_.concurrency.resource_units_per_minute));
  }

  const Config& config_;
  HttpClient& http_;
  TokenSource& tokens_;
  Checks& checks_;
  Audiences audiences_;
  std::string limit_header_;  // Of the last answer.
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

// The hosts that are talked to, each once: sign-in first.
std::vector<std::string> HostsOf(const Config& config) {
  std::vector<std::string> urls;
  std::set<std::string> seen;
  for (const std::string& url :
       {config.auth.authority_host, config.graph.base_url, config.tenant_url}) {
    if (seen.insert(SplitUrl(url).authority).second) urls.push_back(url);
  }
  return urls;
}

}  // namespace

void CheckNetwork(const Config& config, const std::map<std::string, std::string>& environment,
                  std::vector<Check>& checks) {
  bool reached = true;
  for (const std::string& url : HostsOf(config)) {
    for (Check& check :
         CheckWay(ProbeHost(url, config.tls_ca_file, environment), system_clock::now())) {
      // Without sign-in nothing else can be asked; without another host the rest still can.
      if (check.state == CheckState::kFailed && url == config.auth.authority_host) reached = false;
      checks.push_back(std::move(check));
    }
  }
  if (!reached) return;
  asio::io_context io;
  ConcurrencyManager concurrency(io, {});
  HttpClient http(io, concurrency, HttpOptionsOf(config));
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

}  // namespace spa
