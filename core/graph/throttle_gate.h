// ThrottleGate: one API family's pause. When the service says 429 or 503 to one request, every
// request of that family waits until the time it named has passed (graph.md 6.1: pause ALL
// workers).
//
// Threads: the io_context's thread.
// Patience: Exhausted() tells when nothing has succeeded for so long since the first pause that the
// run should give up. Time in which nothing was asked does not count.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <optional>
#include <string_view>

#include "core/async/task.h"

namespace spa {

class ThrottleGate {
 public:
  using Clock = std::chrono::steady_clock;

  ThrottleGate(asio::any_io_executor executor, std::chrono::seconds patience);

  // Waits until no pause is in force.
  [[nodiscard]] Task<void> Pass();
  bool open() const { return Clock::now() >= not_before_; }

  void PauseFor(std::chrono::duration<double> time);
  // A request succeeded: patience begins anew.
  void Progress() { throttled_since_.reset(); }

  // True when the pause in force ends later than the patience allows.
  bool Exhausted() const;
  std::chrono::duration<double> Remaining() const;  // of the pause in force; 0 when open
  std::chrono::seconds patience() const { return patience_; }

 private:
  asio::any_io_executor executor_;
  std::chrono::seconds patience_;
  Clock::time_point not_before_{};
  std::optional<Clock::time_point> throttled_since_;  // the first pause since the last success
};

// Retry-After as seconds: an integer, a decimal or an HTTP date (graph.md 6.1). Negative and
// unreadable values are absent; a date in the past is 0.
std::optional<std::chrono::duration<double>> ParseRetryAfter(
    std::string_view value, std::chrono::system_clock::time_point now);

// Exponential backoff for attempt 0, 1, 2 …: 0.5 s doubling, jittered 50-100 %, at most 300 s.
std::chrono::duration<double> Backoff(int attempt);

}  // namespace spa
