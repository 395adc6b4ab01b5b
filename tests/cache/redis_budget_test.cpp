// A budget that two or three members take from, over a real server.
#include "cache/redis_budget.h"

#include "tests/cache/redis_testing.h"

namespace spa::testing {
namespace {

constexpr char kUnits[] = "units";

RedisBudget::Wish Want(std::int64_t need, std::int64_t want, std::int64_t per_minute) {
  RedisBudget::Wish wish;
  wish.need = need;
  wish.want = want;
  wish.limits.per_minute = per_minute;
  wish.limits.per_day = 1'200'000;
  return wish;
}

std::string KeyOf(const std::string& what) {
  return "{sharepoint_audit:budget:tenant%2Fapp:units}:" + what;
}

// As if a member had last been reached so long ago.
void Silence(const RedisServer& server, const std::string& member, std::chrono::seconds ago) {
  const auto then = std::chrono::duration_cast<std::chrono::milliseconds>(
      (std::chrono::system_clock::now() - ago).time_since_epoch());
  server.Ask({"SET", KeyOf("members"), member + '@' + std::to_string(then.count())});
}

// `count` members of one budget, all open, that know of each other through Redis alone.
class Members {
 public:
  Members(const RedisServer& server, int count) {
    for (int number = 1; number <= count; ++number) {
      members_.push_back(std::make_unique<RedisBudget>(
          io_.get_executor(), *ParseRedisUrl(server.url(), {}), "tenant/app", number, count,
          std::vector<std::string>{kUnits}, [this] { ++told_; }));
    }
  }

  // Asks as that member, counted from 0. Must be answered.
  [[nodiscard]] Task<RedisBudget::Taken> Take(std::size_t member, RedisBudget::Wish wish) {
    for (int attempts = 0; attempts < 50; ++attempts) {
      auto taken = co_await members_[member]->Take(kUnits, wish);
      if (taken) co_return *taken;  // Else the machine is busy, or the server was away.
      asio::steady_timer timer(io_, 50ms);
      co_await timer.async_wait(asio::use_awaitable);
    }
    FAIL("Redis does not answer");
    co_return RedisBudget::Taken();
  }
  RedisBudget& operator[](std::size_t member) { return *members_[member]; }
  int told() const { return told_; }

  void Run(std::function<Task<void>()> body) {
    auto all = [&]() -> Task<void> {
      std::exception_ptr failure;
      try {
        for (auto& member : members_) {
          const Status opened = co_await member->Open();
          REQUIRE(opened);
        }
        co_await body();
      } catch (...) {
        failure = std::current_exception();
      }
      for (auto& member : members_) co_await member->Close();
      if (failure) std::rethrow_exception(failure);
    };
    RunTask(io_, all());
  }

 private:
  asio::io_context io_;
  std::vector<std::unique_ptr<RedisBudget>> members_;
  int told_ = 0;
};

TEST_CASE("What two take from one budget is never more than its limit") {
  const RedisServer server;
  Members both(server, 2);
  both.Run([&]() -> Task<void> {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < 20; ++i) {
      const auto taken = co_await both.Take(i % 2, Want(1, 9, 100));
      sum += taken.units;
      CHECK(taken.left_today == 1'200'000 - sum);
      if (taken.units > 0) continue;
      CHECK(taken.wait.count() > 0);
      CHECK(taken.wait <= 66s);
      CHECK_FALSE(taken.held);
    }
    CHECK(sum == 100);
  });
}

TEST_CASE("More than a whole limit goes when nothing else was taken") {
  const RedisServer server;
  Members one(server, 1);
  one.Run([&]() -> Task<void> {
    const auto much = co_await one.Take(0, Want(500, 500, 100));
    CHECK(much.units == 500);
    const auto more = co_await one.Take(0, Want(1, 1, 100));
    CHECK(more.units == 0);
  });
}

TEST_CASE("A hold is told to the others, outlasts a shorter one, and gives nobody a unit") {
  const RedisServer server;
  Members both(server, 2);
  both.Run([&]() -> Task<void> {
    const int before = both.told();
    const Status held = co_await both[0].Hold(kUnits, 60s);
    const Status shorter = co_await both[0].Hold(kUnits, 1s);
    CHECK(held);
    CHECK(shorter);
    for (const std::size_t member : {0, 1}) {
      const auto taken = co_await both.Take(member, Want(1, 1, 100));
      CHECK(taken.units == 0);
      CHECK(taken.held);
      CHECK(taken.wait > 30s);
    }
    co_await Eventually([&] { return both.told() > before; });
  });
}

TEST_CASE("The part of a member that is out of reach is kept free until it is back or leaves") {
  const RedisServer server;
  Members four(server, 4);
  four.Run([&]() -> Task<void> {
    SECTION("Of one that was here") {
      Silence(server, "3/4", 10s);
      const auto rest = co_await four.Take(0, Want(1, 100, 100));
      CHECK(rest.units == 75);
      const auto back = co_await four.Take(2, Want(1, 100, 100));
      CHECK(back.units == 25);
    }
    SECTION("Of one that only now fell silent nothing is kept") {
      Silence(server, "3/4", 2s);
      const auto all = co_await four.Take(0, Want(1, 100, 100));
      CHECK(all.units == 100);
    }
    SECTION("Of one whose questions come and whom no answer reaches") {
      Silence(server, "3/4", 10s);
      const auto unheard = co_await four.Take(2, Want(0, 0, 100));
      CHECK(unheard.units == 0);
      const auto rest = co_await four.Take(0, Want(1, 100, 100));
      CHECK(rest.units == 75);
      const auto heard = co_await four.Take(2, Want(0, 0, 100));  // Says that an answer came.
      CHECK(heard.units == 0);
      const auto all = co_await four.Take(1, Want(1, 100, 100));
      CHECK(all.units == 25);
    }
    SECTION("What it spent alone counts when it comes back") {
      Silence(server, "3/4", 100s);
      (void)co_await four.Take(2, Want(0, 0, 100));
      auto told = Want(0, 0, 100);
      told.alone_in_minute = 20;
      told.alone = 300;
      const auto heard = co_await four.Take(2, told);
      CHECK(heard.left_today == 1'200'000 - 300);
      const auto rest = co_await four.Take(0, Want(1, 100, 100));
      CHECK(rest.units == 80);
    }
    SECTION("Who leaves needs nothing") {
      Silence(server, "3/4", 10s);
      const Status left = co_await four[2].Leave(kUnits);
      CHECK(left);
      const auto all = co_await four.Take(0, Want(1, 100, 100));
      CHECK(all.units == 100);
    }
    SECTION("Shards of another number are forgotten when they are silent") {
      Silence(server, "2/2", 10s);
      const auto all = co_await four.Take(0, Want(1, 100, 100));
      CHECK(all.units == 100);
    }
  });
}

TEST_CASE("A server that forgot what was taken holds everybody for a minute") {
  RedisServer server;
  Members both(server, 2);
  both.Run([&]() -> Task<void> {
    const auto before = co_await both.Take(0, Want(90, 90, 100));
    CHECK(before.units == 90);
    server.Kill();
    server.Restart();

    const auto after = co_await both.Take(0, Want(1, 90, 100));
    const auto other = co_await both.Take(1, Want(1, 90, 100));

    CHECK(after.units == 0);
    CHECK(after.held);
    CHECK(after.wait >= 60s);
    CHECK(other.held);
  });
}

TEST_CASE("All keys of a budget end by themselves and name no secret") {
  const RedisServer server;
  Members one(server, 1);
  one.Run([&]() -> Task<void> {
    (void)co_await one.Take(0, Want(1, 10, 100));
    const Status held = co_await one[0].Hold(kUnits, 60s);
    CHECK(held);
  });
  for (const char* what : {"minute", "day", "hold", "members"}) {
    INFO(what);
    const Resp ttl = server.Ask({"PTTL", KeyOf(what)});
    CHECK(ttl.integer > 0);
    CHECK(ttl.integer <= std::chrono::milliseconds(26h).count());
  }
  CHECK(server.Ask({"DBSIZE"}).integer == 4);
}

TEST_CASE("A user with no more rights than documented can keep the budget") {
  RedisSetup setup;
  setup.acl = kRedisAcl;
  const RedisServer server(setup);
  asio::io_context io;
  RedisBudget budget(io.get_executor(), *ParseRedisUrl(server.url(), server.security()), "a", 1, 2,
                     {kUnits}, [] {});
  auto use = [&]() -> Task<void> {
    const Status opened = co_await budget.Open();
    CHECK(opened);
    const auto taken = co_await budget.Take(kUnits, Want(1, 1, 100));
    CHECK(taken);
    const Status held = co_await budget.Hold(kUnits, 1s);
    CHECK(held);
    const Status left = co_await budget.Leave(kUnits);
    CHECK(left);
    co_await budget.Close();
  };
  RunTask(io, use());
}

}  // namespace
}  // namespace spa::testing
