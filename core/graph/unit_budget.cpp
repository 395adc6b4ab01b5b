#include "core/graph/unit_budget.h"

#include <algorithm>

namespace spa {
namespace {

constexpr std::chrono::seconds kMinuteSlot{1};
constexpr std::chrono::seconds kDaySlot{24 * 60};

std::int64_t SlotOf(UnitBudget::Clock::time_point now, std::chrono::seconds slot) {
  return now.time_since_epoch() / slot;
}

}  // namespace

void UnitBudget::Window::Advance(std::int64_t slot) {
  for (std::int64_t at = std::max(newest + 1, slot - kSlots + 1); at <= slot; ++at) {
    auto& reused = spent[static_cast<std::size_t>(at % kSlots)];
    total -= reused;
    reused = 0;
  }
  newest = std::max(newest, slot);
}

std::int64_t UnitBudget::Window::FirstFit(std::int64_t units, std::int64_t limit) const {
  std::int64_t left = total;
  std::int64_t slot = newest;
  // Slot by slot the oldest falls out of the window.
  for (; left > 0 && left + units > limit; ++slot) {
    left -= spent[static_cast<std::size_t>((slot + 1) % kSlots)];
  }
  return slot;
}

UnitBudget::Clock::time_point UnitBudget::ReadyAt(std::int64_t units, Clock::time_point now,
                                                  const Limits& limits) {
  Clock::time_point ready = now;
  const auto wait_for = [&](Window& window, std::int64_t limit, std::chrono::seconds slot) {
    window.Advance(SlotOf(now, slot));
    if (limit == 0) return;
    const std::int64_t fit = window.FirstFit(units, limit);
    if (fit > window.newest) ready = std::max(ready, Clock::time_point(fit * slot));
  };
  wait_for(minute_, limits.per_minute, kMinuteSlot);
  wait_for(day_, limits.per_day, kDaySlot);
  return ready;
}

void UnitBudget::Spend(std::int64_t units, Clock::time_point now) {
  const auto spend = [&](Window& window, std::chrono::seconds slot) {
    window.Advance(SlotOf(now, slot));
    window.spent[static_cast<std::size_t>(window.newest % Window::kSlots)] += units;
    window.total += units;
  };
  spend(minute_, kMinuteSlot);
  spend(day_, kDaySlot);
}

UnitBudget::Limits UnitBudget::LimitsOf(std::int64_t per_minute) {
  Limits limits;
  limits.per_minute = per_minute;
  if (per_minute > 0) limits.per_day = std::max<std::int64_t>(960 * per_minute, 1'200'000);
  return limits;
}

std::int64_t UnitBudget::spent_in_minute(Clock::time_point now) {
  minute_.Advance(SlotOf(now, kMinuteSlot));
  return minute_.total;
}

}  // namespace spa
