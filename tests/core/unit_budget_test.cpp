#include "core/graph/unit_budget.h"

#include "tests/catch.h"

namespace spa {
namespace {

using namespace std::chrono_literals;
using Time = UnitBudget::Clock::time_point;

UnitBudget BudgetOf(std::int64_t per_minute, std::int64_t per_day = 0) {
  UnitBudget::Limits limits;
  limits.per_minute = per_minute;
  limits.per_day = per_day;
  return UnitBudget(limits);
}

// Spends as fast as the budget lets it, from `start`; the moments at which each was sent.
std::vector<Time> SpendAll(UnitBudget& budget, int requests, std::int64_t units, Time start) {
  std::vector<Time> sent;
  Time now = start;
  for (int i = 0; i < requests; ++i) {
    now = budget.ReadyAt(units, now);
    budget.Spend(units, now);
    sent.push_back(now);
  }
  return sent;
}

TEST_CASE("Without a limit nothing waits") {
  UnitBudget budget;
  const Time now{1000s};
  for (int i = 0; i < 10'000; ++i) {
    CHECK(budget.ReadyAt(5, now) == now);
    budget.Spend(5, now);
  }
  CHECK(budget.spent_in_minute(now) == 50'000);
}

TEST_CASE("No sixty seconds ever hold more than the minute's limit") {
  UnitBudget budget = BudgetOf(1250);
  const auto sent = SpendAll(budget, 2000, 5, Time{1000500ms});
  for (std::size_t first = 0; first < sent.size(); ++first) {
    std::int64_t units = 0;
    for (std::size_t i = first; i < sent.size() && sent[i] - sent[first] < 60s; ++i) units += 5;
    REQUIRE(units <= 1250);
  }
  // And nothing is wasted: 10,000 units take 7 windows of at most 61 s after the first.
  CHECK(sent.back() - sent.front() <= 7 * 61s + 1s);
}

TEST_CASE("The day's limit holds where the minute's would let more through") {
  UnitBudget budget = BudgetOf(100, 1000);
  const auto sent = SpendAll(budget, 30, 100, Time{24h});
  CHECK(sent[9] - sent[0] < 11min);
  CHECK(sent[10] - sent[0] >= 24h - 24min);
}

TEST_CASE("What costs more than the whole limit goes when nothing else did") {
  UnitBudget budget = BudgetOf(50);
  const Time now{1000s};
  CHECK(budget.ReadyAt(100, now) == now);
  budget.Spend(100, now);
  CHECK(budget.ReadyAt(1, now) >= now + 60s);
  CHECK(budget.ReadyAt(1, now) <= now + 62s);
}

}  // namespace
}  // namespace spa
