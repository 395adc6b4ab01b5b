// Gates of several processes that share a budget, and what each does without the others' word.
#include <boost/asio/io_context.hpp>

#include "core/graph/throttle_gate.h"
#include "tests/catch.h"
#include "tests/core/run_task.h"

namespace spa {
namespace {

using namespace std::chrono_literals;

// The common side, in this process: what Redis is to real ones.
class Bank final : public SharedBudget {
 public:
  explicit Bank(std::int64_t units) : units_(units) {}

  Task<std::optional<Answer>> Take(Wish wish) override {
    ++asked;
    if (!reached) co_return std::nullopt;
    told_alone += wish.alone;
    Answer answer;
    answer.left_today = 1'000'000;
    answer.paused = paused;
    answer.wait = 50ms;
    if (paused || wish.want == 0 || units_ < wish.need) co_return answer;
    answer.units = std::min(units_, wish.want);
    units_ -= answer.units;
    co_return answer;
  }
  void Pause(std::chrono::milliseconds time) override { pauses.push_back(time); }
  std::chrono::milliseconds quiet() const override { return 100ms; }

  bool reached = true, paused = false;
  int asked = 0;
  std::int64_t told_alone = 0;
  std::vector<std::chrono::milliseconds> pauses;

 private:
  std::int64_t units_;
};

struct Process {
  Process(Bank& bank, std::int64_t limit, int of)
      : gate(io.get_executor(), 60s, UnitBudget::LimitsOf(limit)) {
    gate.Share(&bank, of);
  }
  void Pass(int units) { testing::RunTask(io, gate.Pass(units)); }
  void Listen() { testing::RunTask(io, gate.Listen()); }

  asio::io_context io;
  ThrottleGate gate;
};

TEST_CASE("Nobody enters without units that were taken from what all have") {
  Bank bank(50);
  Process one(bank, 1000, 2);
  CHECK_FALSE(one.gate.Enter(5));
  one.Pass(5);
  CHECK(bank.asked == 1);
  for (int i = 0; i < 4; ++i) CHECK(one.gate.Enter(5));  // One lot, a fiftieth of the minute's.
  CHECK_FALSE(one.gate.Enter(5));
  one.Pass(30);
  CHECK(bank.asked == 2);
  CHECK(one.gate.Enter(30));
  CHECK_FALSE(one.gate.Enter(1));
}

TEST_CASE("Out of reach a process stands still until it has its part, and keeps to that") {
  Bank bank(1000);
  Process one(bank, 100, 4);
  one.Pass(20);
  REQUIRE(one.gate.Enter(20));
  bank.reached = false;
  const auto heard = std::chrono::steady_clock::now();
  one.Listen();
  CHECK_FALSE(one.gate.Enter(1));

  one.Pass(5);

  CHECK(std::chrono::steady_clock::now() - heard >= 90ms);
  CHECK(one.gate.Enter(5));  // Of 25; 20 were spent in this minute already.
  CHECK_FALSE(one.gate.Enter(1));
  CHECK(one.gate.BudgetWait(1) > 50s);

  SECTION("Back again it tells what it spent") {
    bank.reached = true;
    one.Listen();
    CHECK(bank.told_alone == 0);  // A knock tells nothing: the answer may not come.
    one.Listen();
    one.Listen();
    CHECK(bank.told_alone == 5);
    CHECK_FALSE(one.gate.Enter(1));
    one.Pass(1);
    CHECK(one.gate.Enter(1));
  }
}

TEST_CASE("Without a place to share a budget each keeps to its part") {
  asio::io_context io;
  ThrottleGate gate(io.get_executor(), 60s, UnitBudget::LimitsOf(100));
  gate.Share(nullptr, 4);
  CHECK(gate.MostAtOnce() == 25);
  CHECK(gate.Enter(25));
  CHECK_FALSE(gate.Enter(1));
  gate.Heed(25, {{"RateLimit-Remaining", "80"}, {"RateLimit-Reset", "30"}});
  ThrottleGate unknown(io.get_executor(), 60s);
  unknown.Share(nullptr, 4);
  CHECK(unknown.MostAtOnce() > 1'000'000);
  CHECK(unknown.Enter(0));
  unknown.Heed(0, {{"RateLimit-Remaining", "80"}, {"RateLimit-Reset", "30"}});
  CHECK(unknown.Enter(20));
  CHECK_FALSE(unknown.Enter(1));
}

TEST_CASE("A pause that the service asks of one is told, and that of another is kept") {
  Bank bank(1000);
  Process one(bank, 1000, 2);
  SECTION("Told to wait") {
    one.gate.PauseFor(10s);
    CHECK(bank.pauses == std::vector<std::chrono::milliseconds>{10s});
  }
  SECTION("Told that nothing is left") {
    one.Pass(10);
    REQUIRE(one.gate.Enter(10));
    REQUIRE(one.gate.Enter(10));
    one.gate.Heed(10, {{"RateLimit-Remaining", "100"}, {"RateLimit-Reset", "20"}});
    CHECK(bank.pauses.empty());
    one.gate.Heed(0, {{"RateLimit-Remaining", "9"}, {"RateLimit-Reset", "20"}});
    CHECK(bank.pauses == std::vector<std::chrono::milliseconds>{20s});
  }
  SECTION("Another was told") {
    bank.paused = true;
    one.Listen();
    CHECK(bank.pauses.empty());
    CHECK(one.gate.Remaining() > 0s);
    CHECK_FALSE(one.gate.Enter(1));
  }
}

TEST_CASE("A family without a budget of its own still hears of pauses") {
  Bank bank(0);
  Process one(bank, 0, 2);
  CHECK(one.gate.Enter(1000));
  CHECK(bank.asked == 0);
  bank.reached = false;
  one.Listen();
  CHECK(one.gate.Enter(1000));
  bank.reached = bank.paused = true;
  one.Listen();
  CHECK_FALSE(one.gate.Enter(1));
}

}  // namespace
}  // namespace spa
