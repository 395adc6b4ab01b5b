// UnitBudget: how many resource units may be spent now without going over the service's limits
// (graph.md 6.1: so many in a minute, so many in a day; a request costs 1, 2 or 5).
//
// Two sliding windows of what was spent by this process. The day's limit follows from the minute's:
// by the published table it is 960 times as much, and 1,200,000 at least.
//
// Threads: the io_context's thread.
// Units: resource units; time is a parameter.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace spa {

class UnitBudget {
 public:
  using Clock = std::chrono::steady_clock;
  struct Limits {
    std::int64_t per_minute = 0;  // 0: unknown, no bound
    std::int64_t per_day = 0;
  };
  static Limits LimitsOf(std::int64_t per_minute);

  UnitBudget() = default;
  explicit UnitBudget(Limits limits) : limits_(limits) {}

  // When `units` may be sent: `now`, or the moment by which enough of a window has passed. More
  // than a whole limit may go when its window is empty.
  Clock::time_point ReadyAt(std::int64_t units, Clock::time_point now) {
    return ReadyAt(units, now, limits_);
  }
  // The same within other limits.
  Clock::time_point ReadyAt(std::int64_t units, Clock::time_point now, const Limits& limits);
  void Spend(std::int64_t units, Clock::time_point now);

  const Limits& limits() const { return limits_; }
  std::int64_t spent_in_minute(Clock::time_point now);

 private:
  // What was spent in the last kSlots slots; one slot more than the window is long, so that a
  // request counts until its time has surely passed.
  struct Window {
    static constexpr std::int64_t kSlots = 61;
    void Advance(std::int64_t slot);
    // The first slot in which `units` fit under `limit`.
    std::int64_t FirstFit(std::int64_t units, std::int64_t limit) const;
    std::array<std::int64_t, kSlots> spent{};
    std::int64_t newest = 0;  // The slot of the last Advance; slots are counted from the clock's 0.
    std::int64_t total = 0;
  };

  Limits limits_;
  Window minute_, day_;
};

}  // namespace spa
