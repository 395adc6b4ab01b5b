#include "serve/alert_webhook.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <nlohmann/json.hpp>

#include "core/clock.h"
#include "core/log/log.h"

namespace spa {
namespace {

constexpr std::size_t kMostWaiting = 100;

}  // namespace

AlertWebhook::AlertWebhook(asio::io_context& io, HttpClient& http)
    : webhook_(http), told_(io, asio::steady_timer::time_point::max()) {}

Status AlertWebhook::SetUrl(const Secret& url) {
  if (auto fine = Webhook::Check("serve.alert_webhook", url); !fine) return fine;
  webhook_.Set(url);
  return {};
}

void AlertWebhook::Tell(AlertRule rule, const Alert& alert) {
  if (!webhook_.is_set()) return;
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
      const Status told = co_await webhook_.Post(std::move(body));
      if (told) continue;
      log::Warn("an alert could not be delivered",
                {{"host", webhook_.host()}, {"reason", told.error().message}});
    }
    boost::system::error_code woken;
    co_await told_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
      throw boost::system::system_error(asio::error::operation_aborted);
  }
}

}  // namespace spa
