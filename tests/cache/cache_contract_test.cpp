// What every arrangement of levels must do, seen through Cache<T>. An arrangement joins in by a
// row.
#include "tests/cache/cache_configs.h"
#include "tests/cache/cache_testing.h"
#include "tests/catch.h"

using namespace spa;
using namespace spa::testing;
using namespace std::chrono_literals;

namespace {

// A cache of groups over one arrangement, a clock, and a tenant that counts what is read from it.
class Fixture {
 public:
  explicit Fixture(const CacheArrangement& arrangement) : place(arrangement.make()) {
    CacheManager::Options options;
    options.clock = options.store.clock = clock.Reader();
    options.jitter = 0;
    options.refresh_at = 1;
    options.l2 = place.url;
    two_levels = !IsNoStore(options.l2);
    manager = std::make_unique<CacheManager>(std::move(options));
    groups.emplace(manager->Open<Group>(CacheKind::kGroupMembers));
    if (two_levels) REQUIRE(Await(io, [&] { return manager->Open(io.get_executor()); }));
  }
  ~Fixture() {
    Await(io, [&] { return manager->Close(); });
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

  // All reads, those behind the back of whoever asked included.
  int ReadsInAll() {
    Await(io, [&] { return manager->Settle(); });
    return reads;
  }

  ManualClock clock;
  asio::io_context io;
  CachePlace place;
  bool two_levels = false;
  std::unique_ptr<CacheManager> manager;
  std::optional<Cache<Group>> groups;
  std::vector<std::string> members = {"ada", "bob"};
  std::optional<Error> failure;
  std::optional<Gate> gate;
  int reads = 0;
};

#define EVERY_ARRANGEMENT(fixture)                                    \
  const auto arrangement = GENERATE(from_range(CacheArrangements())); \
  INFO(arrangement.name);                                             \
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
  CHECK_FALSE(f.Ask("staff")->stale);
  CHECK(f.reads == 1);
  f.clock.Advance(1s);
  const auto later = f.Ask("staff");
  CHECK((later->stale || later->level == CacheLevel::kLoaded));

  CHECK(f.ReadsInAll() == 2);
}

TEST_CASE("Serving a value does not extend its life", "[cache][S4-08]") {
  EVERY_ARRANGEMENT(f);
  f.Ask("staff");

  for (int i = 0; i < 6; ++i) {
    f.clock.Advance(3'600s);
    f.Ask("staff");
  }

  CHECK(f.ReadsInAll() == 2);
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
  CHECK(RunUntil(f.io, [&] { return f.reads == 1; }));
  f.gate->Open();
  CHECK(RunUntil(f.io, [&] { return answered == 50; }));

  CHECK(answered == 50);
  CHECK(f.reads == 1);
}

TEST_CASE("Different keys are loaded side by side") {
  EVERY_ARRANGEMENT(f);
  f.gate.emplace(f.io);
  int answered = 0;
  const auto caller = [&](std::string id) -> Task<void> {
    co_await f.groups->GetOrLoad(f.Key(id), [&f] { return f.Read(); });
    ++answered;
  };

  for (const char* id : {"a", "b", "c"}) asio::co_spawn(f.io, caller(id), asio::detached);
  CHECK(RunUntil(f.io, [&] { return f.reads == 3; }));
  f.gate->Open();
  CHECK(RunUntil(f.io, [&] { return answered == 3; }));
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
  CHECK(RunUntil(f.io, [&] { return f.reads == 1; }));

  if (by_write) {
    f.Put("staff", written);
  } else {
    f.Forget("staff");
  }
  f.gate->Open();
  CHECK(RunUntil(f.io, [&] { return !answer.empty(); }));

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

TEST_CASE("Set keeps its condition", "[cache][S3-23][S3-24]") {
  EVERY_ARRANGEMENT(f);
  WriteOptions absent, present;
  absent.when = PutWhen::kAbsent;
  present.when = PutWhen::kPresent;
  const auto set = [&](const char* member, WriteOptions options) {
    return Await(f.io, [&] { return f.groups->Set(f.Key("staff"), Group({member}), options); });
  };

  CHECK_FALSE(set("a", present));
  CHECK_FALSE(f.Peek("staff"));
  CHECK(set("b", absent));
  CHECK_FALSE(set("c", absent));
  CHECK((*f.Peek("staff"))->value->members == std::vector<std::string>{"b"});
  CHECK(set("d", present));
  CHECK((*f.Peek("staff"))->value->members == std::vector<std::string>{"d"});
}

TEST_CASE("What is set for a time goes when it is over, and at once when it is past",
          "[cache][ttl][S0-04][S3-14]") {
  EVERY_ARRANGEMENT(f);
  WriteOptions options;
  options.expires_at = f.clock.now() + 90s;
  const auto set = [&] {
    return Await(f.io, [&] { return f.groups->Set(f.Key("staff"), Group({"a"}), options); });
  };
  CHECK(set());
  const auto info = Await(f.io, [&] { return f.groups->Info(f.Key("staff")); });
  REQUIRE(info);
  CHECK(info->ttl == 90s);
  f.clock.Advance(90s);
  CHECK_FALSE(f.Peek("staff"));

  options.expires_at = f.clock.now() - 1s;
  CHECK(set());
  CHECK_FALSE(f.Peek("staff"));
}

TEST_CASE("Contains tells what is there and distorts no statistics", "[cache][S3-17]") {
  EVERY_ARRANGEMENT(f);
  const auto has = [&](const char* id) {
    return Await(f.io, [&] { return f.groups->Contains(f.Key(id)); });
  };
  f.Put("staff", {});
  CHECK(has("staff"));
  CHECK_FALSE(has("nobody"));
  CHECK(f.manager->Stats().total.lookups == 0);
}

TEST_CASE("Sixty-four tasks that count lose nothing", "[cache][S3-19][S3-38][S3-63]") {
  EVERY_ARRANGEMENT(f);
  const int times = f.two_levels ? 5 : 100;
  int ended = 0;
  const auto counter = [&]() -> Task<void> {
    for (int i = 0; i < times; ++i) {
      co_await f.groups->Update(f.Key("count"), [](const Group* old) -> Result<Group> {
        Group next = old ? *old : Group({"0"});
        next.members[0] = std::to_string(std::stoi(next.members[0]) + 1);
        return next;
      });
    }
    ++ended;
  };
  for (int i = 0; i < 64; ++i) asio::co_spawn(f.io, counter, asio::detached);
  CHECK(RunUntil(f.io, [&] { return ended == 64; }));
  CHECK((*f.Peek("count"))->value->members[0] == std::to_string(64 * times));
}

TEST_CASE("Many keys are set, got and erased at once", "[cache][S3-20][S3-21][S3-22]") {
  EVERY_ARRANGEMENT(f);
  std::vector<std::pair<CacheKey, Group>> values;
  std::vector<CacheKey> keys;
  for (const char* id : {"a", "b", "c"}) {
    values.emplace_back(f.Key(id), Group({id}));
    keys.push_back(f.Key(id));
  }
  CHECK(Await(f.io, [&] { return f.groups->SetMany(values); }) == std::vector<bool>(3, true));
  keys.push_back(f.Key("missing"));
  const auto got = Await(f.io, [&] { return f.groups->GetMany(keys); });
  REQUIRE(got.size() == 4);
  CHECK(got[1]->value->members == std::vector<std::string>{"b"});
  CHECK_FALSE(got[3]);
  CHECK(Await(f.io, [&] { return f.groups->EraseMany(keys); }) == 3);
  CHECK_FALSE(f.Peek("a"));
}

TEST_CASE("Keys are found and erased by pattern", "[cache][S1-07][S3-30][S3-31]") {
  EVERY_ARRANGEMENT(f);
  for (const char* id : {"1a", "1b", "2a"}) f.Put(id, {id});
  const Selector ones = Glob("sharepoint_audit:group_members:2:1*");
  CHECK(Await(f.io, [&] { return f.manager->Keys(ones); }).size() == 2);
  CHECK(Await(f.io, [&] { return f.manager->Erase(ones); }) == 2);
  CHECK_FALSE(f.Peek("1a"));
  CHECK(f.Peek("2a"));
}

TEST_CASE("Erasing a tag makes all that carries it gone, and later writes stay",
          "[cache][S3-26][S3-27][S3-28][S3-29]") {
  EVERY_ARRANGEMENT(f);
  WriteOptions tagged;
  tagged.tags = {Tag("site", "hr")};
  const auto set = [&](const char* id) {
    Await(f.io, [&] { return f.groups->Set(f.Key(id), Group({id}), tagged); });
  };
  const Selector hr = Tag("site", "hr");
  set("a");
  set("b");
  f.Put("c", {"c"});
  CHECK(Await(f.io, [&] { return f.manager->Keys(hr); }).size() == 2);
  Await(f.io, [&] { return f.manager->Erase(hr); });
  CHECK_FALSE(f.Peek("a"));
  CHECK_FALSE(f.Peek("b"));
  CHECK(f.Peek("c"));
  CHECK(Await(f.io, [&] { return f.manager->Keys(hr); }).empty());
  set("a");
  CHECK(f.Peek("a"));

  const Selector c = Glob(f.Key("c").text());
  CHECK(Await(f.io, [&] { return f.manager->AddTag(c, Tag("site", "it")); }) == 1);
  CHECK(Await(f.io, [&] { return f.manager->Keys(Tag("site", "it")); }).size() == 1);
  CHECK(Await(f.io, [&] { return f.manager->Untag(c, Tag("site", "it")); }) == 1);
  CHECK(Await(f.io, [&] { return f.manager->Keys(Tag("site", "it")); }).empty());
}

TEST_CASE("Clear forgets one kind or all", "[cache][S3-16]") {
  EVERY_ARRANGEMENT(f);
  auto users = f.manager->Open<Group>(CacheKind::kUser);
  const CacheKey ada(CacheKind::kUser, "ada");
  f.Put("staff", {"a"});
  Await(f.io, [&] { return users.Set(ada, Group({"ada"})); });
  CHECK(Await(f.io, [&] { return f.manager->Clear(CacheKind::kGroupMembers); }) == 1);
  CHECK_FALSE(f.Peek("staff"));
  CHECK(Await(f.io, [&] { return users.Contains(ada); }));
  CHECK(Await(f.io, [&] { return f.manager->Clear(); }) == 1);
  CHECK_FALSE(Await(f.io, [&] { return users.Contains(ada); }));
}

TEST_CASE("Info tells an entry's times, state and tags", "[cache][S3-32]") {
  EVERY_ARRANGEMENT(f);
  WriteOptions tagged;
  tagged.tags = {Tag("site", "hr")};
  Await(f.io, [&] { return f.groups->Set(f.Key("staff"), Group({"a"}), tagged); });
  f.clock.Advance(60s);
  f.Ask("staff");
  const auto info = Await(f.io, [&] { return f.groups->Info(f.Key("staff")); });
  REQUIRE(info);
  CHECK(info->age == 60s);
  CHECK(info->ttl == 21'540s);
  CHECK(info->state == EntryState::kFresh);
  CHECK(info->hits == 1);
  CHECK(info->tags == tagged.tags);
  CHECK((info->fence > 0) == f.two_levels);
  CHECK_FALSE(Await(f.io, [&] { return f.groups->Info(f.Key("nobody")); }));
}

TEST_CASE("What a swept cache held is gone without anybody asking", "[cache][S2-04][S2-65]") {
  EVERY_ARRANGEMENT(f);
  WriteOptions brief;
  brief.ttl = 1s;
  for (int i = 0; i < 1'000; ++i) {
    Await(f.io, [&] { return f.groups->Set(f.Key(std::to_string(i)), Group(), brief); });
  }
  f.clock.Advance(1s);
  CHECK(Await(f.io, [&] { return f.manager->Cleanup(); }) >= 1'000);
  CHECK(f.manager->Stats().total.entries == 0);
}
