#include "core/graph/throttle_gate.h"

#include <curl/curl.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <cmath>
#include <random>
#include <string>

namespace spa {

ThrottleGate::ThrottleGate(asio::any_io_executor executor, std::chrono::seconds patience,
                           UnitBudget::Limits limits)
    : executor_(std::move(executor)), patience_(patience), budget_(limits) {}

void ThrottleGate::Heed(int units, const HttpHeaders& headers) {
  on_their_way_ -= units;
  const std::string_view text = FindHeader(headers, "RateLimit-Remaining");
  std::int64_t remaining = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), remaining);
  const auto reset = ParseRetryAfter(FindHeader(headers, "RateLimit-Reset"), {});
  if (error != std::errc() || !reset) return;
  const auto now = Clock::now();
  const std::int64_t left = remaining - on_their_way_;
  announced_ = now < announced_end_ ? std::min(announced_, left) : left;
  announced_end_ = now + std::chrono::ceil<std::chrono::milliseconds>(*reset);
}

ThrottleGate::Clock::time_point ThrottleGate::ReadyAt(int units, Clock::time_point now) {
  const auto ready = budget_.ReadyAt(units, now);
  return now < announced_end_ && units > announced_ ? std::max(ready, announced_end_) : ready;
}

std::chrono::duration<double> ThrottleGate::BudgetWait(int units) {
  const auto now = Clock::now();
  return budget_.ReadyAt(units, now) - now;
}

Task<void> ThrottleGate::Pass(int units) {
  for (;;) {
    const auto now = Clock::now();
    const auto ready = std::max(not_before_, ReadyAt(units, now));
    if (ready <= now) co_return;
    asio::steady_timer timer(executor_, ready);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

bool ThrottleGate::Enter(int units) {
  const auto now = Clock::now();
  if (now < not_before_ || ReadyAt(units, now) > now) return false;
  budget_.Spend(units, now);
  on_their_way_ += units;
  announced_ -= units;
  return true;
}

void ThrottleGate::PauseFor(std::chrono::duration<double> time) {
  // A thousandth more, so that a service which rounds does not see us early.
  const auto pause =
      std::chrono::ceil<std::chrono::milliseconds>(time) + std::chrono::milliseconds(2);
  const auto now = Clock::now();
  if (!throttled_since_) throttled_since_ = now;
  not_before_ = std::max(not_before_, now + pause);
}

bool ThrottleGate::Exhausted() const {
  return throttled_since_ && std::max(not_before_, Clock::now()) - *throttled_since_ > patience_;
}

std::chrono::duration<double> ThrottleGate::Remaining() const {
  return std::max(std::chrono::duration<double>(not_before_ - Clock::now()),
                  std::chrono::duration<double>::zero());
}

std::optional<std::chrono::duration<double>> ParseRetryAfter(
    std::string_view value, std::chrono::system_clock::time_point now) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error == std::errc() && end == value.data() + value.size() && std::isfinite(seconds)) {
    if (seconds < 0) return std::nullopt;
    return std::chrono::duration<double>(std::min(seconds, 86400.0 * 7));
  }
  const time_t date = value.empty() ? -1 : curl_getdate(std::string(value).c_str(), nullptr);
  if (date < 0) return std::nullopt;
  const std::chrono::duration<double> wait = std::chrono::system_clock::from_time_t(date) - now;
  return std::max(wait, std::chrono::duration<double>::zero());
}

std::chrono::duration<double> Backoff(int attempt) {
  thread_local std::mt19937_64 random{std::random_device{}()};
  const double whole = std::min(300.0, 0.5 * std::pow(2.0, std::clamp(attempt, 0, 12)));
  return std::chrono::duration<double>(whole * std::uniform_real_distribution<>(0.5, 1.0)(random));
}

}  // namespace spa
