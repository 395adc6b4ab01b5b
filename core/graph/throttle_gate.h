// ThrottleGate: when a request of one API family may go out. When the service says 429 or 503 to
// one request, every request of that family waits until the time it named has passed (graph.md 6.1:
// pause ALL workers). And none goes that the family's budget of resource units has no room for, so
// that the service need not say so: the configured one (core/graph/unit_budget.h), and what the
// service itself says is left, which it does from 80 % of its minute on (RateLimit-Remaining,
// RateLimit-Reset; graph.md 6.1). What is still on its way counts as spent.
// The configured budget and the pauses may be those of several processes
// (core/graph/shared_budget.h). Of what the service says is left, each takes its part; when all of
// it is on the way of one, all wait. Out of reach of the others, a process first stands still until
// they leave it its part of the limits, and then keeps to that.
//
// Threads: the io_context's thread.
// Patience: Exhausted() tells when nothing has succeeded for so long since the first pause that the
// run should give up. Time in which nothing was asked does not count.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <optional>
#include <string_view>

#include "core/async/task.h"
#include "core/graph/shared_budget.h"
#include "core/graph/unit_budget.h"
#include "core/http/http_client.h"

namespace spa {

class ThrottleGate {
 public:
  using Clock = UnitBudget::Clock;

  ThrottleGate(asio::any_io_executor executor, std::chrono::seconds patience,
               UnitBudget::Limits limits = {});

  // From now on budget and pauses are those of `processes` in all. Must outlive the last call.
  // Null: each keeps to its part of the limits from the start.
  void Share(SharedBudget* shared, int processes);
  // Shows the others that we are here, and hears of their pauses. To be called every few seconds.
  [[nodiscard]] Task<void> Listen();
  // No request may cost more.
  std::int64_t MostAtOnce() const;

  // What entered with `units` was answered, with these headers.
  void Heed(int units, const HttpHeaders& headers);
  // How long the budget alone would hold `units` back.
  std::chrono::duration<double> BudgetWait(int units);
  // Waits until no pause is in force and the budget has room for `units`.
  [[nodiscard]] Task<void> Pass(int units);
  // A request of `units` may go out now, and will: they are spent. False: Pass again.
  bool Enter(int units);

  // The service said so; the other processes are told.
  void PauseFor(std::chrono::duration<double> time);
  // A request succeeded: patience begins anew.
  void Progress() { throttled_since_.reset(); }

  // True when the pause in force ends later than the patience allows.
  bool Exhausted() const;
  std::chrono::duration<double> Remaining() const;  // of the pause in force; 0 when open
  std::chrono::seconds patience() const { return patience_; }
  UnitBudget& budget() { return budget_; }

 private:
  struct Lot {  // Taken, and not yet used.
    std::int64_t units;
    Clock::time_point until;
  };
  // Whether units must be taken from what all have.
  bool Shares() const { return shared_ != nullptr && budget_.limits().per_minute > 0; }
  UnitBudget::Limits Part() const;
  std::int64_t Held(Clock::time_point now);  // Units in lots that still count.
  Clock::time_point BudgetReadyAt(int units, Clock::time_point now);
  [[nodiscard]] Task<void> TakeLot(int units);
  void Hear(const std::optional<SharedBudget::Answer>& answer, Clock::time_point asked);
  void StandStill(std::chrono::duration<double> time);

  asio::any_io_executor executor_;
  std::chrono::seconds patience_;
  // The first moment at which neither budget holds `units` back.
  Clock::time_point ReadyAt(int units, Clock::time_point now);

  UnitBudget budget_;
  std::int64_t on_their_way_ = 0;      // units
  std::int64_t announced_ = 0;         // units the service has left …
  Clock::time_point announced_end_{};  // … until then.
  Clock::time_point not_before_{};
  SharedBudget* shared_ = nullptr;
  int processes_ = 1;
  std::deque<Lot> lots_;                              // Oldest first.
  bool taking_ = false;                               // One asks for all who wait.
  asio::steady_timer taken_;                          // Cancelled when it has its answer.
  Clock::time_point none_until_{};                    // So long there is no further lot.
  bool alone_ = false;                                // Out of reach …
  Clock::time_point heard_{};                         // … since then;
  Clock::time_point again_{};                         // the next attempt;
  std::int64_t alone_left_ = 0;                       // what may be spent alone today;
  std::int64_t alone_spent_ = 0;                      // what was, and is not told yet.
  std::optional<Clock::time_point> throttled_since_;  // the first pause since the last success
};

// Retry-After as seconds: an integer, a decimal or an HTTP date (graph.md 6.1). Negative and
// unreadable values are absent; a date in the past is 0.
std::optional<std::chrono::duration<double>> ParseRetryAfter(
    std::string_view value, std::chrono::system_clock::time_point now);

// Exponential backoff for attempt 0, 1, 2 …: 0.5 s doubling, jittered 50-100 %, at most 300 s.
std::chrono::duration<double> Backoff(int attempt);

}  // namespace spa
