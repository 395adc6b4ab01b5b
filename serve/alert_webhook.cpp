#include "serve/alert_webhook.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <nlohmann/json.hpp>

#include "core/clock.h"
#include "core/http/url.h"
#include "core/log/log.h"

namespace spa {
namespace {

constexpr int kTries = 3;
constexpr std::size_t kMostWaiting = 100;
constexpr std::chrono::seconds kPatience{5};

}  // namespace

AlertWebhook::AlertWebhook(asio::io_context& io, HttpClient& http)
    : http_(http), told_(io, asio::steady_timer::time_point::max()) {}

Status AlertWebhook::SetUrl(const Secret& url) {
  if (!url.empty()) {
    const Url parts = SplitUrl(url.Reveal());
    if (!parts.valid || (parts.scheme != "https" && !IsLoopbackHost(parts.host))) {
      return Fail(ErrorCode::kUsage, "serve.alert_webhook is no https:// address",
                  "http:// is taken for a loopback host alone");
    }
    host_ = parts.authority;
  }
  url_ = url;
  return {};
}

void AlertWebhook::Tell(AlertRule rule, const Alert& alert) {
  if (url_.empty()) return;
  const nlohmann::ordered_json body = {
      {"service", "sharepoint-audit"}, {"rule", NameOf(rule)},
      {"active", alert.active},        {"reason", log::Redact(alert.reason)},
      {"raised", alert.raised},        {"at", UtcText(std::chrono::system_clock::now())}};
  waiting_.push_back(body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  if (waiting_.size() > kMostWaiting) waiting_.pop_front();
  told_.cancel();
}

Task<void> AlertWebhook::Run() {
  for (;;) {
    while (!waiting_.empty()) {
      std::string body = std::move(waiting_.front());
      waiting_.pop_front();
      co_await Send(std::move(body));
    }
    boost::system::error_code woken;
    co_await told_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
      throw boost::system::system_error(asio::error::operation_aborted);
  }
}

Task<void> AlertWebhook::Send(std::string body) {
  std::string problem;
  for (int attempt = 0; attempt < kTries && !url_.empty(); ++attempt) {
    if (attempt > 0) {
      asio::steady_timer pause(told_.get_executor(), pause_);
      co_await pause.async_wait(asio::use_awaitable);
    }
    HttpRequest request("POST", url_.Reveal());
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = body;
    request.connect_timeout = request.timeout = kPatience;
    auto answer = co_await http_.Send(std::move(request));
    if (answer && answer->status >= 200 && answer->status < 300) co_return;
    problem = answer ? "HTTP " + std::to_string(answer->status) : answer.error().message;
  }
  log::Warn("an alert could not be delivered", {{"host", host_}, {"reason", problem}});
}

}  // namespace spa
