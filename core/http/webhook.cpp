#include "core/http/webhook.h"

#include <fmt/format.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "core/digest.h"
#include "core/http/url.h"

namespace spa {
namespace {

constexpr int kTries = 3;
constexpr std::chrono::seconds kPatience{5};

}  // namespace

Status Webhook::Check(std::string_view key, const Secret& url) {
  if (url.empty()) return {};
  const Url parts = SplitUrl(url.Reveal());
  if (parts.valid && (parts.scheme == "https" || IsLoopbackHost(parts.host))) return {};
  return Fail(ErrorCode::kUsage, fmt::format("{} is no https:// address", key),
              "http:// is taken for a loopback host alone");
}

void Webhook::Set(const Secret& url, const Secret& signing_key) {
  url_ = url;
  key_ = signing_key;
  host_ = SplitUrl(url.Reveal()).authority;
}

Task<Status> Webhook::Post(std::string body) {
  Status status;
  for (int attempt = 0; attempt < kTries && !url_.empty(); ++attempt) {
    if (attempt > 0) {
      asio::steady_timer pause(co_await asio::this_coro::executor, pause_);
      co_await pause.async_wait(asio::use_awaitable);
    }
    HttpRequest request("POST", url_.Reveal());
    request.headers.emplace_back("Content-Type", "application/json");
    if (!key_.empty()) {
      request.headers.emplace_back("X-Sharepoint-Audit-Signature",
                                   "sha256=" + HmacSha256(key_, body));
    }
    request.body = body;
    request.connect_timeout = request.timeout = kPatience;
    const auto answer = co_await http_.Send(std::move(request));
    if (answer && answer->status >= 200 && answer->status < 300) co_return Status();
    status = answer ? Fail(ErrorCode::kUnreachable,
                           fmt::format("{} answered HTTP {}", host_, answer->status))
                    : Fail(answer.error());
  }
  co_return status;
}

}  // namespace spa
