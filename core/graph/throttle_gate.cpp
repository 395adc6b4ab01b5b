#include "core/graph/throttle_gate.h"

#include <curl/curl.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>
#include <string>

namespace spa {
namespace {

constexpr std::int64_t kMostInLot = 50;  // resource units
constexpr std::chrono::seconds kAskAgain{1};
constexpr std::chrono::hours kTomorrow{24};

}  // namespace

ThrottleGate::ThrottleGate(asio::any_io_executor executor, std::chrono::seconds patience,
                           UnitBudget::Limits limits)
    : executor_(std::move(executor)),
      patience_(patience),
      budget_(limits),
      taken_(executor_, Clock::time_point::max()) {}

void ThrottleGate::Share(SharedBudget* shared, int processes) {
  shared_ = shared;
  processes_ = processes;
  heard_ = Clock::now();
  alone_left_ = Part().per_day;
}

UnitBudget::Limits ThrottleGate::Part() const {
  UnitBudget::Limits part = budget_.limits();
  if (part.per_minute > 0)
    part.per_minute = std::max<std::int64_t>(1, part.per_minute / processes_);
  if (part.per_day > 0) part.per_day = std::max<std::int64_t>(1, part.per_day / processes_);
  return part;
}

std::int64_t ThrottleGate::MostAtOnce() const {
  const std::int64_t limit = Part().per_minute;
  return limit > 0 ? limit : std::numeric_limits<std::int64_t>::max();
}

std::int64_t ThrottleGate::Held(Clock::time_point now) {
  while (!lots_.empty() && lots_.front().until <= now) lots_.pop_front();
  std::int64_t units = 0;
  for (const Lot& lot : lots_) units += lot.units;
  return units;
}

ThrottleGate::Clock::time_point ThrottleGate::BudgetReadyAt(int units, Clock::time_point now) {
  if (!Shares()) return budget_.ReadyAt(units, now, Part());
  if (!alone_) return Held(now) < units ? std::max(now, none_until_) : now;
  if (units > alone_left_) return now + kTomorrow;
  UnitBudget::Limits limits = Part();
  limits.per_day = 0;  // alone_left_
  return std::max(budget_.ReadyAt(units, now, limits), heard_ + shared_->quiet());
}

Task<void> ThrottleGate::TakeLot(int units) {
  if (taking_) {
    boost::system::error_code woken;
    co_await taken_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
      throw boost::system::system_error(asio::error::operation_aborted);
    }
    co_return;
  }
  struct Taking {
    explicit Taking(ThrottleGate& gate) : gate(gate) { gate.taking_ = true; }
    ~Taking() {
      gate.taking_ = false;
      gate.taken_.cancel();
    }
    ThrottleGate& gate;
  } taking(*this);
  const auto asked = Clock::now();
  SharedBudget::Wish wish;
  wish.limits = budget_.limits();
  // Out of reach it only knocks: what an answer that never came would have given, or was told
  // with the question, would count again and again.
  if (!alone_) {
    wish.alone = alone_spent_;
    wish.alone_in_minute = std::min(alone_spent_, budget_.spent_in_minute(asked));
    // Small beside the limit, so that what one process holds is not missed by the others.
    const std::int64_t lot =
        std::clamp<std::int64_t>(wish.limits.per_minute / kMostInLot, 1, kMostInLot);
    wish.need = units;
    if (units > 0) wish.want = std::max(wish.need, lot);
  }
  const auto answer = co_await shared_->Take(wish);
  if (answer) alone_spent_ -= wish.alone;
  Hear(answer, asked);
  if (answer && wish.want > 0 && answer->units == 0 && !answer->paused) {
    none_until_ = Clock::now() + answer->wait + std::chrono::milliseconds(1);
  }
}

void ThrottleGate::Hear(const std::optional<SharedBudget::Answer>& answer,
                        Clock::time_point asked) {
  const auto now = Clock::now();
  alone_ = !answer;
  if (!answer) {
    again_ = now + kAskAgain;
    lots_.clear();
    return;
  }
  heard_ = now;
  alone_left_ = answer->left_today / processes_;
  if (answer->units > 0) lots_.push_back(Lot{answer->units, asked + SharedBudget::kLotLasts});
  if (answer->paused) StandStill(answer->wait);
}

Task<void> ThrottleGate::Listen() {
  if (shared_ == nullptr) co_return;
  co_await TakeLot(0);
}

void ThrottleGate::Heed(int units, const HttpHeaders& headers) {
  on_their_way_ -= units;
  const std::string_view text = FindHeader(headers, "RateLimit-Remaining");
  std::int64_t remaining = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), remaining);
  const auto reset = ParseRetryAfter(FindHeader(headers, "RateLimit-Reset"), {});
  if (error != std::errc() || !reset) return;
  const auto now = Clock::now();
  if (shared_ != nullptr && remaining <= on_their_way_) {
    shared_->Pause(std::chrono::ceil<std::chrono::milliseconds>(*reset));
  }
  const std::int64_t left = remaining / processes_ - on_their_way_;
  announced_ = now < announced_end_ ? std::min(announced_, left) : left;
  announced_end_ = now + std::chrono::ceil<std::chrono::milliseconds>(*reset);
}

ThrottleGate::Clock::time_point ThrottleGate::ReadyAt(int units, Clock::time_point now) {
  const auto ready = BudgetReadyAt(units, now);
  return now < announced_end_ && units > announced_ ? std::max(ready, announced_end_) : ready;
}

std::chrono::duration<double> ThrottleGate::BudgetWait(int units) {
  const auto now = Clock::now();
  return BudgetReadyAt(units, now) - now;
}

Task<void> ThrottleGate::Pass(int units) {
  for (;;) {
    const auto now = Clock::now();
    auto ready = std::max(not_before_, ReadyAt(units, now));
    const bool asks = Shares() && (alone_ ? again_ <= now : ready <= now && Held(now) < units);
    if (asks && not_before_ <= now) {
      co_await TakeLot(units);
      continue;
    }
    if (ready <= now) co_return;
    if (Shares() && alone_) ready = std::min(ready, std::max(again_, not_before_));
    asio::steady_timer timer(executor_, ready);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

bool ThrottleGate::Enter(int units) {
  const auto now = Clock::now();
  if (now < not_before_ || ReadyAt(units, now) > now) return false;
  if (Shares() && alone_) {
    alone_left_ -= units;
    alone_spent_ += units;
  } else if (Shares()) {
    if (Held(now) < units) return false;
    for (std::int64_t left = units; left > 0;) {
      Lot& lot = lots_.front();
      const std::int64_t used = std::min(left, lot.units);
      left -= used;
      lot.units -= used;
      if (lot.units == 0) lots_.pop_front();
    }
  }
  budget_.Spend(units, now);
  on_their_way_ += units;
  announced_ -= units;
  return true;
}

void ThrottleGate::StandStill(std::chrono::duration<double> time) {
  // A thousandth more, so that a service which rounds does not see us early.
  const auto pause =
      std::chrono::ceil<std::chrono::milliseconds>(time) + std::chrono::milliseconds(2);
  const auto now = Clock::now();
  if (!throttled_since_) throttled_since_ = now;
  not_before_ = std::max(not_before_, now + pause);
}

void ThrottleGate::PauseFor(std::chrono::duration<double> time) {
  StandStill(time);
  if (shared_ != nullptr) shared_->Pause(std::chrono::ceil<std::chrono::milliseconds>(time));
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
