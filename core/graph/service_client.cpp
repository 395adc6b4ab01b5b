#include "core/graph/service_client.h"

#include <fmt/format.h>

#include <boost/asio/steady_timer.hpp>

#include "core/encoding.h"
#include "core/graph/service_error.h"
#include "core/log/log.h"

namespace spa {
namespace {

constexpr int kMaxFailures = 6;  // answers that were broken: 5xx, resets, unreadable bodies
constexpr int kMaxRedirects = 5;
// Nobody waits longer for a minute's budget, also out of reach of who shares it.
constexpr std::chrono::seconds kLongestMinute{120};
constexpr std::size_t kLargeBody = 64 * 1024;

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 307 || status == 308;
}

// 500 may be for good; the gateways' errors usually pass (graph.md 6.3).
bool IsPassing(int status) {
  return status == 500 || status == 502 || status == 504 || status == 509;
}

std::string Absolute(std::string_view location, const Url& base) {
  if (location.starts_with("/"))
    return base.scheme + "://" + base.authority + std::string(location);
  return std::string(location);
}

}  // namespace

Audiences::Audiences(const std::string& graph_base_url, const std::string& tenant_url)
    : graph_(SplitUrl(graph_base_url)), tenant_(SplitUrl(tenant_url)) {
  // A loopback service stands for the global cloud: its tokens carry Graph's own audience.
  graph_resource_ = IsLoopbackHost(graph_.host) ? "https://graph.microsoft.com"
                                                : graph_.scheme + "://" + graph_.authority;
  graph_path_ = graph_.path;
  while (graph_path_.ends_with('/')) graph_path_.pop_back();
  if (!tenant_.valid) return;
  tenant_hosts_.push_back(tenant_);
  const auto dot = tenant_.authority.find('.');
  if (IsLoopbackHost(tenant_.host) || dot == std::string::npos) return;
  std::string name = tenant_.authority.substr(0, dot);
  for (const std::string_view suffix : {"-my", "-admin"}) {
    if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
  }
  for (const std::string_view suffix : {"", "-my", "-admin"}) {
    tenant_hosts_.push_back(SplitUrl(
        fmt::format("{}://{}{}{}", tenant_.scheme, name, suffix, tenant_.authority.substr(dot))));
  }
}

std::string Audiences::ResourceFor(std::string_view text) const {
  const Url url = SplitUrl(text);
  if (!url.valid) return {};
  const bool below_graph = graph_path_.empty() || url.path.starts_with(graph_path_ + "/");
  if (SameOrigin(url, graph_) && below_graph) return graph_resource_;
  for (const Url& host : tenant_hosts_) {
    if (SameOrigin(url, host)) return host.scheme + "://" + host.authority;
  }
  return {};
}

Error PatienceError(std::string_view what, std::chrono::seconds patience) {
  return Error(
      ErrorCode::kThrottled,
      fmt::format("{}: the service has throttled every request for {} s", what, patience.count()),
      "run again later or with a longer --patience; what was read so far is kept");
}

ServiceClient::ServiceClient(asio::io_context& io, ConcurrencyManager& concurrency,
                             HttpClient& http, TokenSource& tokens, Audiences audiences,
                             std::chrono::seconds patience, UnitBudget::Limits limits)
    : io_(io),
      concurrency_(concurrency),
      http_(http),
      tokens_(tokens),
      audiences_(std::move(audiences)),
      sharepoint_(io.get_executor(), patience, limits),
      directory_(io.get_executor(), patience) {}

Task<Status> ServiceClient::Read(ServiceRequest request, Accept accept) {
  if (memory_ == nullptr || request.method != "GET") {
    auto answer = co_await Exchange(std::move(request), std::move(accept));
    if (!answer) co_return Fail(std::move(answer.error()));
    co_return Status();
  }
  if (auto known = memory_->KnownFailure(request.url)) co_return Fail(*std::move(known));
  std::string identity = request.url;
  for (const auto& [name, value] : request.headers) identity += '\n' + name + ':' + value;
  auto ours = std::make_shared<bool>(false);
  ReadMemory::Exchange exchange = [this, request, accept, ours] {
    return ExchangeForAll(request, accept, ours);
  };
  auto answer = co_await memory_->Share(std::move(identity), std::move(exchange));
  if (!answer) co_return Fail(std::move(answer.error()));
  if (*ours) co_return Status();
  co_return accept(**answer);
}

Task<ReadMemory::Answer> ServiceClient::ExchangeForAll(ServiceRequest request, Accept accept,
                                                       std::shared_ptr<bool> ours) {
  *ours = true;  // The caller's own `accept` sees the answer in here.
  std::string url = request.url;
  auto answer = co_await Exchange(std::move(request), std::move(accept));
  if (!answer) {
    co_await memory_->NoteFailure(std::move(url), answer.error());
    co_return Fail(std::move(answer.error()));
  }
  co_return std::make_shared<const HttpResponse>(*std::move(answer));
}

Task<Result<HttpResponse>> ServiceClient::Exchange(ServiceRequest request, Accept accept) {
  ThrottleGate& family = gate(request.family);
  int failures = 0, redirects = 0;
  int throttles = 0;
  ThrottleGate::Clock::time_point throttled_since;
  bool token_renewed = false;
  for (long attempt = 0;; ++attempt) {
    const std::string resource = audiences_.ResourceFor(request.url);
    if (resource.empty()) {
      co_return Fail(ErrorCode::kRefused,
                     fmt::format("{}: the link leads to {}, which may not see our token",
                                 request.what, SplitUrl(request.url).authority),
                     "check tenant_url and graph.base_url; otherwise report this link");
    }
    auto token = co_await tokens_.Get(resource);
    if (!token) co_return Fail(std::move(token.error()));
    if (family.BudgetWait(request.units) > std::max(family.patience(), kLongestMinute)) {
      co_return Fail(ErrorCode::kThrottled,
                     fmt::format("{}: the day's budget of {} resource units is spent", request.what,
                                 family.budget().limits().per_day),
                     "run again tomorrow; what was read so far is kept");
    }
    // A pause may begin, or others may spend what was left, while we wait for a permit.
    Semaphore::Permit permit;
    for (;;) {
      co_await family.Pass(request.units);
      permit = co_await http_.permits().Acquire();
      if (family.Enter(request.units)) break;
      permit = Semaphore::Permit();
    }

    HttpRequest http(request.method, request.url);
    http.headers = request.headers;
    http.headers.emplace_back("Authorization", "Bearer " + token->value.Reveal());
    http.headers.emplace_back("client-request-id", NewGuid());
    http.body = request.body;
    http.keep = true;
    const bool to_graph = resource == audiences_.graph_resource();
    ++(to_graph ? counters_.graph_requests : counters_.sharepoint_requests);
    if (attempt > 0) ++counters_.retried;
    counters_.resource_units += request.units;
    auto answer = co_await http_.Send(std::move(http), std::move(permit));
    family.Heed(request.units, answer ? answer->headers : HttpHeaders());

    std::optional<Error> failure;
    if (!answer) {
      failure = std::move(answer.error());
      failure->message = request.what + ": " + failure->message;
      if (failure->code == ErrorCode::kUntrusted) co_return Fail(std::move(*failure));
    } else if (answer->status >= 200 && answer->status < 300) {
      Status accepted;
      if (answer->body.size() < kLargeBody) {
        accepted = accept(*answer);
      } else {
        accepted = co_await concurrency_.RunCpu([&] { return accept(*answer); });
      }
      if (accepted) {
        if (!request.envelope) family.Progress();
        co_return std::move(*answer);
      }
      if (accepted.error().code != ErrorCode::kMalformed) co_return Fail(accepted.error());
      failure = accepted.error();
      failure->message = request.what + ": " + failure->message;
      failure->http_status = answer->status;
    } else if (answer->status == 429 || answer->status == 503) {
      ++counters_.throttled;
      const auto wait =
          ParseRetryAfter(answer->Header("Retry-After"), std::chrono::system_clock::now());
      const auto pause = wait.value_or(Backoff(throttles));
      if (!offline()) family.PauseFor(pause);
      log::Debug(fmt::format("{}: HTTP {}, pausing {:.1f} s", request.what, answer->status,
                             pause.count()));
      if (++throttles == 1) throttled_since = ThrottleGate::Clock::now();
      if (family.Exhausted()) co_return Fail(PatienceError(request.what, family.patience()));
      if (ThrottleGate::Clock::now() - throttled_since > family.patience()) {
        // Others are served: it is this request that never is.
        co_return Fail(ErrorCode::kUnreachable,
                       fmt::format("{}: HTTP {} for {} s", request.what, answer->status,
                                   family.patience().count()),
                       "run again later");
      }
      continue;
    } else if (IsRedirect(answer->status) && ++redirects <= kMaxRedirects) {
      request.url = Absolute(answer->Header("Location"), SplitUrl(request.url));
      continue;
    } else {
      failure = ErrorFromAnswer(answer->status, answer->headers, answer->body, request.what);
      if (answer->status == 401 && !token_renewed) {
        token_renewed = true;
        tokens_.Reject(resource, token->value);
        continue;
      }
      if (!IsPassing(answer->status)) co_return Fail(std::move(*failure));
    }
    if (++failures >= kMaxFailures) co_return Fail(std::move(*failure));
    log::Debug(fmt::format("trying again: {}", failure->message),
               {{"request_id", failure->request_id}});
    if (offline()) continue;
    asio::steady_timer pause(io_,
                             std::chrono::ceil<std::chrono::milliseconds>(Backoff(failures - 1)));
    co_await pause.async_wait(asio::use_awaitable);
  }
}

}  // namespace spa
