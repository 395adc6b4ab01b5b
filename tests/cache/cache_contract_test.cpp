// What every arrangement of levels must do, seen through Cache<T>. An arrangement joins in by a
// row.
#include "tests/cache/cache_testing.h"
#include "tests/catch.h"

using namespace spa;
using namespace spa::testing;
using namespace std::chrono_literals;

namespace {

struct Arrangement {
  std::string name;
  std::function<std::unique_ptr<CacheManager>(CacheManager::Options)> make;
};

const std::vector<Arrangement>& Arrangements() {
  static const std::vector<Arrangement> all = {
      {"memory alone",
       [](CacheManager::Options options) {
         return std::make_unique<CacheManager>(std::move(options));
       }},
  };
  return all;
}

// A cache of groups over one arrangement, a clock, and a tenant that counts what is read from it.
class Fixture {
 public:
  explicit Fixture(const Arrangement& arrangement) {
    CacheManager::Options options;
    options.clock = clock.Reader();
    options.jitter = 0;
    manager = arrangement.make(std::move(options));
    groups.emplace(manager->Open<Group>(CacheKind::kGroupMembers));
  }

  static CacheKey Key(std::string_view id) { return CacheKey(CacheKind::kGroupMembers, id); }

  Result<Hit<Group>> Ask(std::string_view id) {
    return Await(io, [&] { return groups->GetOrLoad(Key(id), [this] { return Read(); }); });
  }
  std::optional<Result<Hit<Group>>> Peek(std::string_view id) {
    return Await(io, [&] { return groups->Get(Key(id)); });
  }
  void Put(std::string_view id, std::vector<std::string> members) {
    Await(io, [&] { return groups->Set(Key(id), Group(members)); });
  }
  bool Forget(std::string_view id) {
    return Await(io, [&] { return groups->Erase(Key(id)); });
  }

  Task<Result<Group>> Read() {
    ++reads;
    if (gate) co_await gate->Pass();
    if (failure) co_return Fail(*failure);
    co_return Group(members);
  }

  ManualClock clock;
  asio::io_context io;
  std::unique_ptr<CacheManager> manager;
  std::optional<Cache<Group>> groups;
  std::vector<std::string> members = {"ada", "bob"};
  std::optional<Error> failure;
  std::optional<Gate> gate;
  int reads = 0;
};

#define EVERY_ARRANGEMENT(fixture)                               \
  const auto arrangement = GENERATE(from_range(Arrangements())); \
  INFO(arrangement.name);                                        \
  Fixture fixture(arrangement)

}  // namespace

TEST_CASE("Two lookups of one group cause exactly one read", "[cache][S4-20]") {
  EVERY_ARRANGEMENT(f);

  const auto first = f.Ask("staff");
  const auto second = f.Ask("staff");

  CHECK(f.reads == 1);
  CHECK(first->level == CacheLevel::kLoaded);
  CHECK(second->level == CacheLevel::kL1);
  CHECK(second->value->members == f.members);
}

TEST_CASE("An empty group is a value and is read once", "[cache][S4-07]") {
  EVERY_ARRANGEMENT(f);
  f.members.clear();

  f.Ask("nobody");
  const auto again = f.Ask("nobody");

  CHECK(f.reads == 1);
  REQUIRE(again);
  REQUIRE(again->value);
  CHECK(again->value->members.empty());
}

TEST_CASE("A group is read again after six hours, not earlier", "[cache][S4-13]") {
  EVERY_ARRANGEMENT(f);
  f.Ask("staff");

  f.clock.Advance(21'599s);
  CHECK(f.Ask("staff")->level == CacheLevel::kL1);
  f.clock.Advance(1s);
  CHECK(f.Ask("staff")->level == CacheLevel::kLoaded);

  CHECK(f.reads == 2);
}

TEST_CASE("Serving a value does not extend its life", "[cache][S4-08]") {
  EVERY_ARRANGEMENT(f);
  f.Ask("staff");

  for (int i = 0; i < 6; ++i) {
    f.clock.Advance(3'600s);
    f.Ask("staff");
  }

  CHECK(f.reads == 2);
}

TEST_CASE("Every answer carries its age") {
  EVERY_ARRANGEMENT(f);
  CHECK(f.Ask("staff")->age == 0s);
  f.clock.Advance(90s);
  CHECK(f.Ask("staff")->age == 90s);
}

TEST_CASE("Fifty callers of one key cause one load", "[cache][S3-62][S4-14]") {
  EVERY_ARRANGEMENT(f);
  f.gate.emplace(f.io);
  int answered = 0;
  const auto caller = [&]() -> Task<void> {
    const auto hit = co_await f.groups->GetOrLoad(f.Key("staff"), [&f] { return f.Read(); });
    answered += hit && hit->value->members == f.members;
  };

  for (int i = 0; i < 50; ++i) asio::co_spawn(f.io, caller, asio::detached);
  f.io.poll();
  f.gate->Open();
  f.io.run();

  CHECK(answered == 50);
  CHECK(f.reads == 1);
}

TEST_CASE("Different keys are loaded side by side") {
  EVERY_ARRANGEMENT(f);
  f.gate.emplace(f.io);
  const auto caller = [&](std::string id) -> Task<void> {
    co_await f.groups->GetOrLoad(f.Key(id), [&f] { return f.Read(); });
  };

  for (const char* id : {"a", "b", "c"}) asio::co_spawn(f.io, caller(id), asio::detached);
  f.io.poll();
  CHECK(f.reads == 3);
  f.gate->Open();
  f.io.run();
}

TEST_CASE("A failure stays the loader's own for every caller, remembered or not") {
  EVERY_ARRANGEMENT(f);
  f.failure.emplace(ErrorCode::kNotFound, "reading group staff", "check the id");
  f.failure->http_status = 404;
  f.failure->request_id = "r-1";

  for (int i = 0; i < 2; ++i) {
    const auto answer = f.Ask("staff");
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == ErrorCode::kNotFound);
    CHECK(answer.error().message == "reading group staff");
    CHECK(answer.error().remedy == "check the id");
    CHECK(answer.error().request_id == "r-1");
  }
  CHECK(f.reads == 1);
}

TEST_CASE("A remembered failure is tried again when its time is over, and a value replaces it") {
  EVERY_ARRANGEMENT(f);
  f.failure.emplace(ErrorCode::kNotFound, "gone");
  f.Ask("staff");

  f.clock.Advance(299s);
  CHECK_FALSE(f.Ask("staff"));
  CHECK(f.reads == 1);
  f.clock.Advance(1s);
  f.failure.reset();
  CHECK(f.Ask("staff"));
  CHECK(f.reads == 2);
}

TEST_CASE("Throttling and broken connections are tried again at once") {
  EVERY_ARRANGEMENT(f);
  f.failure.emplace(GENERATE(ErrorCode::kThrottled, ErrorCode::kUnreachable), "try later");

  CHECK_FALSE(f.Ask("staff"));
  CHECK_FALSE(f.Ask("staff"));

  CHECK(f.reads == 2);
}

TEST_CASE("Get tells nothing, a value or a failure apart, and never loads", "[cache][S3-13]") {
  EVERY_ARRANGEMENT(f);
  CHECK_FALSE(f.Peek("staff"));

  f.Ask("staff");
  REQUIRE(f.Peek("staff"));
  CHECK((*f.Peek("staff"))->value->members == f.members);

  f.failure.emplace(ErrorCode::kForbidden, "may not");
  f.Ask("secret");
  REQUIRE(f.Peek("secret"));
  CHECK((*f.Peek("secret")).error().code == ErrorCode::kForbidden);
  CHECK(f.reads == 2);
}

TEST_CASE("A value that was set is served without a load") {
  EVERY_ARRANGEMENT(f);
  f.Put("staff", {"eve"});

  CHECK(f.Ask("staff")->value->members == std::vector<std::string>{"eve"});
  CHECK(f.reads == 0);
}

TEST_CASE("An erased key is loaded again", "[cache][S3-15]") {
  EVERY_ARRANGEMENT(f);
  f.Ask("staff");

  CHECK(f.Forget("staff"));
  CHECK_FALSE(f.Forget("staff"));
  CHECK(f.Ask("staff")->level == CacheLevel::kLoaded);
  CHECK(f.reads == 2);
}

TEST_CASE("A load that an erase or a write overtook does not bring back what it read") {
  EVERY_ARRANGEMENT(f);
  const bool by_write = GENERATE(false, true);
  const std::vector<std::string> written = {"eve"};
  f.gate.emplace(f.io);
  std::vector<std::string> answer;
  const auto caller = [&]() -> Task<void> {
    const auto hit = co_await f.groups->GetOrLoad(f.Key("staff"), [&f] { return f.Read(); });
    answer = hit->value->members;
  };
  asio::co_spawn(f.io, caller, asio::detached);
  f.io.poll();

  asio::co_spawn(
      f.io,
      [&]() -> Task<void> {
        if (by_write) {
          co_await f.groups->Set(f.Key("staff"), Group(written));
        } else {
          co_await f.groups->Erase(f.Key("staff"));
        }
      },
      asio::detached);
  f.io.poll();
  f.gate->Open();
  f.io.run();

  CHECK(answer == f.members);
  const auto after = f.Peek("staff");
  CHECK(after.has_value() == by_write);
  if (after) CHECK((*after)->value->members == written);
}

TEST_CASE("Kinds do not see each other's keys") {
  EVERY_ARRANGEMENT(f);
  auto users = f.manager->Open<Group>(CacheKind::kUser);
  f.Ask("1");

  const auto other = Await(f.io, [&] { return users.Get(CacheKey(CacheKind::kUser, "1")); });

  CHECK_FALSE(other);
}
