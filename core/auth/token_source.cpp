#include "core/auth/token_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <cassert>

#include "core/auth/caching_token_source.h"
#include "core/auth/token_error.h"
#include "core/graph/json.h"
#include "core/log/log.h"

namespace spa {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kRenewBefore = 5min;
constexpr std::chrono::seconds kRetryRenewal = 30s;
constexpr std::chrono::duration<double> kLongestPause = 2min;  // Of a Retry-After at sign-in.
constexpr std::int64_t kLongestLife = 10 * 365 * 86400LL;      // What is more is no lifetime.

// How long the token lives, from `expires_in` or the epoch `expires_on`; both may be text.
std::optional<std::chrono::seconds> Lifetime(const json::Element& root,
                                             std::chrono::system_clock::time_point asked_at) {
  auto life = json::Int(root, "expires_in");
  if (const auto on = json::Int(root, "expires_on"); !life && on) {
    const auto now = std::chrono::floor<std::chrono::seconds>(asked_at.time_since_epoch());
    life = std::clamp<std::int64_t>(*on, 0, 1LL << 40) - now.count();
  }
  if (!life) return std::nullopt;
  return std::chrono::seconds(std::clamp<std::int64_t>(*life, 0, kLongestLife));
}

}  // namespace

// One request under way, and those who wait for it.
struct CachingTokenSource::Flight {
  explicit Flight(asio::any_io_executor executor)
      : landing(std::move(executor), asio::steady_timer::time_point::max()) {}

  asio::steady_timer landing;  // A latch: cancelled when the flight is over.
  asio::cancellation_signal stop;
  int waiting = 0;
  bool landed = false;
  std::optional<Result<AccessToken>> result;
  std::exception_ptr failure;
};

CachingTokenSource::CachingTokenSource(Credential credential, HttpClient& http, Clock now)
    : credential_(std::move(credential)), http_(http), now_(std::move(now)) {}

CachingTokenSource::~CachingTokenSource() = default;

Task<Result<AccessToken>> CachingTokenSource::Get(std::string resource) {
  Slot& slot = slots_[resource];
  if (slot.issued && now_() < slot.issued->renew_at) co_return *slot.issued;
  if (!slot.flight) StartFlight(co_await asio::this_coro::executor, resource);
  const auto flight = slot.flight;
  co_await WaitFor(std::move(resource), flight);
  if (flight->failure) std::rethrow_exception(flight->failure);
  co_return *flight->result;
}

void CachingTokenSource::Reject(const std::string& resource, const Secret& token) {
  const auto slot = slots_.find(resource);
  if (slot == slots_.end()) return;
  auto& issued = slot->second.issued;
  if (issued && issued->value == token) issued.reset();
}

void CachingTokenSource::StartFlight(asio::any_io_executor executor, const std::string& resource) {
  const auto flight = std::make_shared<Flight>(executor);
  slots_[resource].flight = flight;
  const auto land = [this, resource, flight](std::exception_ptr failure) {
    Slot& slot = slots_[resource];
    if (slot.flight == flight) slot.flight.reset();
    flight->failure = failure;
    flight->landed = true;
    flight->landing.cancel();
  };
  asio::co_spawn(executor, Fly(resource, flight),
                 asio::bind_cancellation_slot(flight->stop.slot(), land));
}

// Ends when the flight has landed, or throws when the waiting Get is cancelled.
Task<void> CachingTokenSource::WaitFor(std::string resource, std::shared_ptr<Flight> flight) {
  ++flight->waiting;
  bool last = false;  // Cancelled, and nobody else waits.
  for (;;) {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
      if (--flight->waiting > 0 || flight->landed) break;
      last = true;
      if (Slot& slot = slots_[resource]; slot.flight == flight) slot.flight.reset();
      co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
      flight->stop.emit(asio::cancellation_type::terminal);
    }
    if (flight->landed && !last) co_return;
    if (flight->landed) break;
    boost::system::error_code woken;
    co_await flight->landing.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  if (last) co_await asio::this_coro::reset_cancellation_state();
  throw boost::system::system_error(asio::error::operation_aborted);
}

Task<void> CachingTokenSource::Fly(std::string resource, std::shared_ptr<Flight> flight) {
  auto issued = co_await Fetch(resource);
  Slot& slot = slots_[resource];
  if (issued) {
    slot.issued = std::move(*issued);
    flight->result.emplace(*slot.issued);
  } else {
    flight->result.emplace(KeepOld(slot, std::move(issued.error())));
  }
}

Result<AccessToken> CachingTokenSource::KeepOld(Slot& slot, Error error) {
  const bool passing = error.code == ErrorCode::kUnreachable || error.code == ErrorCode::kThrottled;
  if (!passing || !slot.issued || now_() >= slot.issued->expires_at) {
    return Fail(std::move(error));
  }
  log::Warn("a token could not be renewed; the old one is still good", {{"reason", error.message}});
  slot.issued->renew_at = std::min(now_() + kRetryRenewal, slot.issued->expires_at);
  return *slot.issued;
}

Task<Result<AccessToken>> CachingTokenSource::Fetch(std::string resource) {
  using Steady = std::chrono::steady_clock;
  auto silence_left = credential_.silence_limit;
  for (std::size_t attempt = 0;; ++attempt) {
    auto permit = co_await http_.permits().Acquire();
    const auto asked_at = now_();
    const auto sent_at = Steady::now();
    auto request = credential_.request(resource, asked_at);
    if (!request) co_return Fail(std::move(request.error()));
    request->connect_timeout = request->timeout = silence_left;
    ++requests_;
    auto answer = co_await http_.Send(std::move(*request), std::move(permit));

    std::optional<Error> error;
    bool passing = true;
    std::chrono::duration<double> pause =
        attempt < credential_.pauses.size() ? credential_.pauses[attempt] : 0ms;
    if (answer) {
      if (answer->status == 200) {
        auto issued = ReadAnswer(*answer, asked_at);
        Wipe(answer->body);
        co_return issued;
      }
      silence_left = credential_.silence_limit;
      error = ErrorFromTokenAnswer(*answer, credential_.what, credential_.secret, asked_at);
      const auto& statuses = credential_.passing_statuses;
      passing = error->code != ErrorCode::kAuth ||
                std::find(statuses.begin(), statuses.end(), answer->status) != statuses.end();
      if (error->retry_after) pause = *error->retry_after;
      if (pause > kLongestPause) passing = false;
      if (error->code == ErrorCode::kAuth && !credential_.remedy.empty()) {
        error->remedy = credential_.remedy;
      }
    } else {
      error = std::move(answer.error());
      error->message = credential_.what + ": " + error->message;
      if (!credential_.remedy.empty()) error->remedy = credential_.remedy;
      const auto spent = Steady::now() - sent_at + pause;
      silence_left -= std::chrono::ceil<std::chrono::milliseconds>(spent);
      passing = silence_left > 0ms;
    }
    if (!passing || attempt >= credential_.pauses.size()) co_return Fail(std::move(*error));
    log::Debug("asking for a token again", {{"reason", error->message}});
    asio::steady_timer timer(co_await asio::this_coro::executor,
                             std::chrono::ceil<std::chrono::milliseconds>(pause));
    co_await timer.async_wait(asio::use_awaitable);
  }
}

Result<AccessToken> CachingTokenSource::ReadAnswer(
    const HttpResponse& answer, std::chrono::system_clock::time_point asked_at) const {
  const auto root = json::Parse(answer.body);
  std::string_view value;
  std::optional<std::chrono::seconds> life;
  if (root) {
    value = json::Text(*root, "access_token");
    life = Lifetime(*root, asked_at);
  }
  if (value.empty() || !life) {
    Error error(ErrorCode::kAuth, credential_.what + ": the answer holds no token with a lifetime",
                "check auth.authority_host, and whether a proxy answers in the service's place");
    error.http_status = answer.status;
    return Fail(std::move(error));
  }
  AccessToken issued;
  issued.value = Secret(value);
  issued.expires_at = asked_at + *life;
  issued.renew_at = issued.expires_at - std::min(kRenewBefore, *life / 10);
  if (const auto refresh_in = json::Int(*root, "refresh_in"); refresh_in && *refresh_in > 0) {
    issued.renew_at = std::min(
        issued.renew_at, asked_at + std::chrono::seconds(std::min(*refresh_in, life->count())));
  }
  return issued;
}

Result<std::unique_ptr<TokenSource>> MakeTokenSource(const AuthConfig& config, HttpClient& http) {
  auto credential = ReadCredential(config);
  if (!credential) return Fail(std::move(credential.error()));
  return std::make_unique<CachingTokenSource>(std::move(*credential), http);
}

}  // namespace spa
