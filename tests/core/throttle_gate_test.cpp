#include "core/graph/throttle_gate.h"

#include <boost/asio/io_context.hpp>

#include "tests/catch.h"
#include "tests/core/run_task.h"

namespace spa {
namespace {

using namespace std::chrono_literals;

TEST_CASE("Retry-After is read as seconds, decimals or a date, and nothing else") {
  const auto now =
      std::chrono::system_clock::from_time_t(1'795'132'800);  // 2026-11-20 00:00:00 UTC
  struct Case {
    const char* text;
    std::optional<double> seconds;
  };
  const Case cases[] = {
      {"120", 120.0},
      {"2.128", 2.128},
      {"0", 0.0},
      {"", std::nullopt},
      {"soon", std::nullopt},
      {"-5", std::nullopt},
      {"12 s", std::nullopt},
      {"nan", std::nullopt},
      {"Fri, 20 Nov 2026 00:00:30 GMT", 30.0},
      {"Thu, 19 Nov 2026 23:00:00 GMT", 0.0},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    const auto read = ParseRetryAfter(c.text, now);
    REQUIRE(read.has_value() == c.seconds.has_value());
    if (read) CHECK(read->count() == Approx(*c.seconds));
  }
}

TEST_CASE("A minute is sixty seconds, not the seconds hand of a clock") {
  CHECK(ParseRetryAfter("60", {})->count() == 60.0);
  CHECK(ParseRetryAfter("90", {})->count() == 90.0);
}

TEST_CASE("Backoff doubles, is jittered downwards and never passes its cap") {
  for (int attempt = 0; attempt < 40; ++attempt) {
    const double whole = std::min(300.0, 0.5 * std::pow(2.0, std::min(attempt, 12)));
    const double wait = Backoff(attempt).count();
    CHECK(wait >= whole * 0.5);
    CHECK(wait <= whole);
  }
}

TEST_CASE("Nobody passes the gate before the pause is over") {
  asio::io_context io;
  ThrottleGate gate(io.get_executor(), 60s);
  gate.PauseFor(20ms);
  CHECK_FALSE(gate.Enter(1));
  const auto start = std::chrono::steady_clock::now();

  testing::RunTask(io, gate.Pass(1));

  CHECK(std::chrono::steady_clock::now() - start >= 20ms);
  CHECK(gate.Enter(1));
}

TEST_CASE("Nobody enters whom the budget has no room for") {
  asio::io_context io;
  ThrottleGate gate(io.get_executor(), 60s, UnitBudget::LimitsOf(100));
  CHECK(gate.Enter(60));
  CHECK_FALSE(gate.Enter(60));
  CHECK(gate.Enter(40));
  CHECK(gate.BudgetWait(1) > 50s);
  CHECK(gate.budget().spent_in_minute(ThrottleGate::Clock::now()) == 100);
}

TEST_CASE("What the service says is left is not gone over, counting what is on its way") {
  asio::io_context io;
  ThrottleGate gate(io.get_executor(), 60s);
  CHECK(gate.Enter(10));
  CHECK(gate.Enter(50));
  gate.Heed(10, {{"ratelimit-remaining", "200"}, {"RateLimit-Reset", "30"}});
  CHECK_FALSE(gate.Enter(151));
  CHECK(gate.Enter(100));
  CHECK_FALSE(gate.Enter(51));
  CHECK(gate.Enter(50));
  CHECK_FALSE(gate.Enter(1));
  gate.Heed(50, {{"RateLimit-Remaining", "190"}, {"RateLimit-Reset", "29"}});
  CHECK_FALSE(gate.Enter(1));  // An answer that was written earlier gives nothing back.
}

TEST_CASE("With the service's new minute everything may go again") {
  asio::io_context io;
  ThrottleGate gate(io.get_executor(), 60s);
  CHECK(gate.Enter(1));
  gate.Heed(1, {{"RateLimit-Remaining", "0"}, {"RateLimit-Reset", "0.03"}});
  CHECK_FALSE(gate.Enter(1));
  const auto start = std::chrono::steady_clock::now();

  testing::RunTask(io, gate.Pass(1));

  CHECK(std::chrono::steady_clock::now() - start >= 20ms);
  CHECK(gate.Enter(1));
}

TEST_CASE("Words about the budget that make no sense change nothing") {
  asio::io_context io;
  ThrottleGate gate(io.get_executor(), 60s);
  CHECK(gate.Enter(1));
  gate.Heed(1, {{"RateLimit-Remaining", "soon"}, {"RateLimit-Reset", "30"}});
  gate.Heed(0, {{"RateLimit-Remaining", "0"}});
  CHECK(gate.Enter(1000));
}

TEST_CASE("A shorter pause does not end a longer one") {
  asio::io_context io;
  ThrottleGate gate(io.get_executor(), 60s);
  gate.PauseFor(10s);
  gate.PauseFor(1s);
  CHECK(gate.Remaining() > 9s);
}

TEST_CASE("Patience is exhausted when the pause ends later than it allows") {
  asio::io_context io;
  ThrottleGate gate(io.get_executor(), 60s);
  gate.PauseFor(30s);
  CHECK_FALSE(gate.Exhausted());
  gate.PauseFor(120s);
  CHECK(gate.Exhausted());
  gate.Progress();
  CHECK_FALSE(gate.Exhausted());
}

}  // namespace
}  // namespace spa
