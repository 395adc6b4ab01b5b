// SharedBudget: the budget of resource units that several processes spend together, as one family's
// ThrottleGate sees it. Units are taken in lots ahead of their use, so that asking is rare. A pause
// that the service asks of one process is told to all.
//
// Threads: the io_context's thread. Units: resource units.
// Errors: none. Out of reach is an answer: then, when quiet() has passed since the last word of the
// others, the process goes on with its part of the limits.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/async/task.h"
#include "core/graph/unit_budget.h"

namespace spa {

class SharedBudget {
 public:
  struct Wish {
    Wish() = default;
    std::int64_t need = 0, want = 0;  // Units; 0 only asks whether there is a pause.
    // Spent out of reach and not told yet: in the last minute, and in all.
    std::int64_t alone_in_minute = 0, alone = 0;
    UnitBudget::Limits limits;
  };
  struct Answer {
    Answer() = default;
    std::int64_t units = 0;  // Taken; 0: ask again after `wait`.
    std::chrono::milliseconds wait{0};
    bool paused = false;          // `wait` is what the service asked of one of the processes.
    std::int64_t left_today = 0;  // Of the limit of the day.
  };

  // A lot must be used within this time: so long after it was taken it may reach the service.
  static constexpr std::chrono::seconds kLotLasts{2};

  virtual ~SharedBudget() = default;

  // From `need` to `want` units, or how long there are none. Nothing: out of reach.
  [[nodiscard]] virtual Task<std::optional<Answer>> Take(Wish wish) = 0;
  // Tells the others, soon.
  virtual void Pause(std::chrono::milliseconds time) = 0;
  virtual std::chrono::milliseconds quiet() const = 0;
};

}  // namespace spa
