// What only shows with a second level: several processes, a store that fails, and time passing.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/cache/cache_configs.h"
#include "tests/cache/cache_testing.h"
#include "tests/catch.h"

using namespace spa;
using namespace spa::testing;
using namespace std::chrono_literals;

namespace {

struct Tenant {
  Task<Result<Group>> Read() {
    ++reads;
    if (gate) co_await gate->Pass();
    if (failure) co_return Fail(*failure);
    co_return Group(members);
  }
  Loader<Group> Reader() {
    return [this] { return Read(); };
  }
  std::vector<std::string> members = {"ada"};
  std::optional<Error> failure;
  Gate* gate = nullptr;
  int reads = 0;
};

// Two processes, as far as the store can tell, that share one place and one clock.
struct Pair {
  explicit Pair(CacheManager::Options options = {}) {
    Mem2Store::Register();
    const std::string name = NewGuid();
    place = Mem2Store::PlaceOf(name);
    options.l2 = "mem2:" + name;
    options.clock = options.store.clock = clock.Reader();
    options.jitter = 0;
    for (auto& process : processes) {
      process = std::make_unique<CacheManager>(options);
      REQUIRE(Await(io, [&] { return process->Open(io.get_executor()); }));
    }
  }
  ~Pair() {
    place->unreachable = false;
    for (auto& process : processes) Await(io, [&] { return process->Close(); });
  }
  static CacheKey Key(std::string_view id) { return CacheKey(CacheKind::kGroupMembers, id); }
  Cache<Group> Groups(int process) {
    return processes[process]->Open<Group>(CacheKind::kGroupMembers);
  }
  Result<Hit<Group>> Ask(int process, std::string_view id = "staff") {
    auto groups = Groups(process);
    return Await(io, [&] { return groups.GetOrLoad(Key(id), tenant.Reader()); });
  }
  KindStats Stats(int process) { return processes[process]->Stats().total; }
  void Settle(int process) {
    Await(io, [&] { return processes[process]->Settle(); });
  }

  ManualClock clock;
  asio::io_context io;
  Tenant tenant;
  std::shared_ptr<Mem2Store::Place> place;
  std::array<std::unique_ptr<CacheManager>, 2> processes;
};

}  // namespace

TEST_CASE("A store that is plugged in from outside serves as the second level",
          "[cache][S3-34][S0-07]") {
  Pair pair;
  pair.Ask(0);
  const auto there = pair.Ask(1);

  CHECK(there->level == CacheLevel::kL2);
  CHECK(there->value->members == pair.tenant.members);
  CHECK(pair.tenant.reads == 1);
  CHECK(pair.Ask(1)->level == CacheLevel::kL1);
  CHECK(pair.Stats(1).l2_hits == 1);
  const auto schemes = StoreSchemes();
  CHECK(std::count(schemes.begin(), schemes.end(), "mem2") == 1);
}

TEST_CASE("A copy in memory ends with the original", "[cache][S4-08][S4-05]") {
  CacheManager::Options options;
  options.refresh_at = 1;
  Pair pair(options);
  pair.Ask(0);
  pair.clock.Advance(21'595s);
  const auto copied = pair.Ask(1);
  CHECK(copied->age == 21'595s);
  CHECK_FALSE(copied->stale);
  pair.clock.Advance(5s);
  CHECK(pair.Ask(1)->stale);
}

TEST_CASE("Two processes load once between them", "[cache][S3-71][S3-43]") {
  Pair pair;
  Gate gate(pair.io);
  pair.tenant.gate = &gate;
  std::vector<Cache<Group>> groups = {pair.Groups(0), pair.Groups(1)};
  int answered = 0;
  const auto caller = [&](int process) -> Task<void> {
    const auto hit = co_await groups[process].GetOrLoad(pair.Key("staff"), pair.tenant.Reader());
    answered += hit && hit->value->members == pair.tenant.members;
  };
  for (int i = 0; i < 20; ++i) asio::co_spawn(pair.io, caller(i % 2), asio::detached);
  CHECK(
      RunUntil(pair.io, [&] { return pair.Stats(1).lease_waits + pair.Stats(0).lease_waits > 0; }));
  gate.Open();
  CHECK(RunUntil(pair.io, [&] { return answered == 20; }));
  CHECK(pair.tenant.reads == 1);
}

TEST_CASE("What one process writes or erases, the other's memory follows", "[cache][S3-39]") {
  Pair pair;
  pair.Ask(0);
  pair.Ask(1);
  auto groups = pair.Groups(0);
  Await(pair.io, [&] { return groups.Set(pair.Key("staff"), Group({"eve"})); });
  CHECK(pair.Ask(1)->value->members == std::vector<std::string>{"eve"});
  Await(pair.io, [&] { return groups.Erase(pair.Key("staff")); });
  CHECK(pair.Ask(1)->level == CacheLevel::kLoaded);
}

TEST_CASE("Where nobody tells of changes, memory asks again after five minutes", "[cache][S4-03]") {
  Pair pair;
  pair.place->tells = false;
  pair.Ask(0);
  pair.Ask(1);
  auto groups = pair.Groups(0);
  Await(pair.io, [&] { return groups.Set(pair.Key("staff"), Group({"eve"})); });
  pair.clock.Advance(299s);
  CHECK(pair.Ask(1)->value->members == pair.tenant.members);
  pair.clock.Advance(1s);
  CHECK(pair.Ask(1)->value->members == std::vector<std::string>{"eve"});
  CHECK(pair.tenant.reads == 1);
}

TEST_CASE("A load that another process's erase overtook is not stored", "[cache][S3-69]") {
  Pair pair;
  Gate gate(pair.io);
  pair.tenant.gate = &gate;
  auto groups = pair.Groups(0), others = pair.Groups(1);
  bool answered = false;
  const auto caller = [&]() -> Task<void> {
    co_await groups.GetOrLoad(pair.Key("staff"), pair.tenant.Reader());
    answered = true;
  };
  asio::co_spawn(pair.io, caller, asio::detached);
  CHECK(RunUntil(pair.io, [&] { return pair.tenant.reads == 1; }));
  Await(pair.io, [&] { return others.Erase(pair.Key("staff")); });
  gate.Open();
  CHECK(RunUntil(pair.io, [&] { return answered; }));

  CHECK(pair.place->held.empty());
  CHECK(pair.Stats(0).fenced_off == 1);
  CHECK_FALSE(Await(pair.io, [&] { return groups.Contains(pair.Key("staff")); }));
}

TEST_CASE("A stale value is served while it is loaded anew", "[cache][S4-13]") {
  Pair pair;
  pair.Ask(0);
  pair.tenant.members = {"bob"};
  pair.clock.Advance(21'600s);

  const auto stale = pair.Ask(0);
  CHECK(stale->stale);
  CHECK(stale->value->members == std::vector<std::string>{"ada"});
  pair.Settle(0);
  CHECK(pair.tenant.reads == 2);
  const auto fresh = pair.Ask(0);
  CHECK_FALSE(fresh->stale);
  CHECK(fresh->value->members == std::vector<std::string>{"bob"});
  CHECK(pair.Stats(0).stale == 1);
  CHECK(pair.Stats(0).refreshes == 1);
}

TEST_CASE("Near its end a value is refreshed once, however many ask", "[cache]") {
  Pair pair;
  pair.Ask(0);
  pair.clock.Advance(20'800s);
  for (int i = 0; i < 10; ++i) CHECK_FALSE(pair.Ask(0)->stale);
  pair.Settle(0);
  CHECK(pair.tenant.reads == 2);
  CHECK(pair.Ask(0)->age == 0s);
}

TEST_CASE("An old value stands in where loading fails, and nobody tries again for 30 s",
          "[cache]") {
  Pair pair;
  pair.Ask(0);
  pair.tenant.failure.emplace(ErrorCode::kUnreachable, "away");
  pair.clock.Advance(21'600s + 1'800s);

  CHECK(pair.Ask(0)->stale);
  CHECK(pair.tenant.reads == 2);
  pair.clock.Advance(29s);
  CHECK(pair.Ask(0)->stale);
  CHECK(pair.tenant.reads == 2);
  pair.clock.Advance(1s);
  CHECK(pair.Ask(0)->stale);
  CHECK(pair.tenant.reads == 3);
  pair.clock.Advance(24h);
  CHECK_FALSE(pair.Ask(0));
}

TEST_CASE("A store out of reach is a miss, and what was written meanwhile arrives later",
          "[cache][S1-03][S1-48][S3-13]") {
  Pair pair;
  pair.place->unreachable = true;
  CHECK(pair.Ask(0)->level == CacheLevel::kLoaded);
  CHECK(pair.Ask(0)->level == CacheLevel::kL1);
  auto groups = pair.Groups(0);
  Await(pair.io, [&] { return groups.Set(pair.Key("other"), Group({"eve"})); });
  CHECK(pair.Stats(0).l2_errors > 0);
  CHECK(pair.processes[0]->Stats().l2.waiting == 2);
  CHECK_FALSE(pair.processes[0]->Stats().l2.reachable);

  pair.place->unreachable = false;
  CHECK(RunUntil(pair.io, [&] { return pair.place->held.size() == 2; }));
  CHECK(pair.processes[0]->Stats().l2.replayed == 2);
  CHECK(pair.Ask(1)->level == CacheLevel::kL2);
}

TEST_CASE("A slow store does not hold up what memory has and only wants confirmed", "[cache]") {
  Pair pair;
  pair.place->tells = false;
  pair.Ask(0);
  pair.clock.Advance(301s);

  pair.place->mute = true;
  CHECK(pair.Ask(0)->level == CacheLevel::kL1);
  auto groups = pair.Groups(0);
  const auto got = Await(pair.io, [&] { return groups.Get(pair.Key("staff")); });
  CHECK((got && *got && (*got)->level == CacheLevel::kL1));
  CHECK(pair.tenant.reads == 1);

  // It is still unconfirmed: what another wrote meanwhile shows as soon as the store answers.
  auto others = pair.Groups(1);
  Await(pair.io, [&] { return others.Set(pair.Key("staff"), Group({"eve"})); });
  pair.place->mute = false;
  CHECK(pair.Ask(0)->value->members == std::vector<std::string>{"eve"});
  CHECK(pair.tenant.reads == 1);
}

TEST_CASE("Who waited in vain for another process loads for itself and stores nothing",
          "[cache][S3-69]") {
  CacheManager::Options options;
  options.load_timeout = 0s;
  Pair pair(options);
  auto& lease = pair.place->leases[pair.Key("staff").text()];
  lease.fence = 1;
  lease.ends = std::chrono::steady_clock::now() + 1h;
  CHECK(pair.Ask(0)->level == CacheLevel::kLoaded);
  CHECK(pair.place->held.empty());
  CHECK(pair.Stats(0).local_loads == 1);
  CHECK(pair.Ask(0)->level == CacheLevel::kL1);
  // It follows what others write.
  auto others = pair.Groups(1);
  Await(pair.io, [&] { return others.Set(pair.Key("staff"), Group({"eve"})); });
  CHECK(pair.Ask(0)->value->members == std::vector<std::string>{"eve"});
}

TEST_CASE("A corrupt or foreign entry is a miss and is replaced", "[cache][S3-117]") {
  Pair pair;
  pair.Ask(0);
  const std::string key = pair.Key("staff").text();
  pair.place->held[key].envelope =
      GENERATE(std::string("foreign"), std::string(), std::string(500, 'x'));
  CHECK(pair.Ask(1)->level == CacheLevel::kLoaded);
  CHECK(pair.tenant.reads == 2);
  CHECK(pair.Stats(1).decode_errors > 0);
  CHECK(pair.place->held[key].envelope.size() > 10);
}

TEST_CASE("Failures, secret keys and kinds that stay in memory never reach the store",
          "[cache][S2-64][S1-24]") {
  Pair pair;
  pair.tenant.failure.emplace(ErrorCode::kNotFound, "gone");
  CHECK_FALSE(pair.Ask(0));
  auto tokens = pair.processes[0]->Open<std::string>(CacheKind::kAccessToken);
  Await(pair.io, [&] {
    return tokens.Set(CacheKey::OfSecret(CacheKind::kAccessToken, "client"), std::string("token"));
  });
  auto jtis = pair.processes[0]->Open<std::string>(CacheKind::kRevokedJti);
  Await(pair.io, [&] {
    return jtis.Set(CacheKey::OfSecret(CacheKind::kRevokedJti, "jti"), std::string("token"));
  });
  CHECK(pair.place->held.empty());
  const auto there =
      Await(pair.io, [&] { return jtis.Get(CacheKey::OfSecret(CacheKind::kRevokedJti, "jti")); });
  CHECK(there);
}

TEST_CASE("Counting in two processes loses nothing", "[cache][S3-19][S3-72]") {
  Pair pair;
  std::vector<Cache<Group>> groups = {pair.Groups(0), pair.Groups(1)};
  int ended = 0;
  const auto counter = [&](int process) -> Task<void> {
    for (int i = 0; i < 20; ++i) {
      co_await groups[process].Update(pair.Key("count"), [](const Group* old) -> Result<Group> {
        Group next = old ? *old : Group({"0"});
        next.members[0] = std::to_string(std::stoi(next.members[0]) + 1);
        return next;
      });
    }
    ++ended;
  };
  for (int i = 0; i < 16; ++i) asio::co_spawn(pair.io, counter(i % 2), asio::detached);
  CHECK(RunUntil(pair.io, [&] { return ended == 16; }));
  const auto count = Await(pair.io, [&] { return groups[0].Get(pair.Key("count")); });
  CHECK((*count)->value->members[0] == "320");
}

TEST_CASE("Erasing a tag in one process is seen by the other", "[cache][S3-29][S3-74]") {
  Pair pair;
  auto mine = pair.Groups(0), theirs = pair.Groups(1);
  WriteOptions tagged;
  tagged.tags = {Tag("site", "hr")};
  Await(pair.io, [&] { return mine.Set(pair.Key("a"), Group({"a"}), tagged); });
  pair.clock.Advance(1s);
  Await(pair.io, [&] { return pair.processes[1]->Erase(Tag("site", "hr")); });
  CHECK_FALSE(Await(pair.io, [&] { return theirs.Get(pair.Key("a")); }));
  // Its memory learns of the stamp within 5 s.
  CHECK(RunUntil(pair.io,
                 [&] { return !Await(pair.io, [&] { return mine.Contains(pair.Key("a")); }); }));
}

TEST_CASE("Mode observe looks up, never serves, and tells what it would have done",
          "[cache][S1-59]") {
  CacheManager::Options options;
  options.mode = CacheMode::kObserve;
  Pair pair(options);
  for (int i = 0; i < 3; ++i) CHECK(pair.Ask(0)->level == CacheLevel::kLoaded);
  CHECK(pair.tenant.reads == 3);
  CHECK(pair.Stats(0).would_hit == 2);
  CHECK(pair.Stats(0).would_mismatch == 0);
  pair.tenant.members = {"eve"};
  pair.Ask(0);
  CHECK(pair.Stats(0).would_mismatch == 1);
}

TEST_CASE("Mode read serves from the store and writes nothing to it", "[cache]") {
  Pair writer;
  writer.Ask(0);
  CacheManager::Options options;
  options.mode = CacheMode::kRead;
  Pair reader(options);
  reader.Ask(0);
  reader.Ask(0, "other");
  CHECK(reader.place->held.empty());
  CHECK(reader.place->puts == 0);
  CHECK(reader.Ask(0)->level == CacheLevel::kL1);
}

TEST_CASE("A share of hits is loaded again and compared", "[cache][S3-116]") {
  CacheManager::Options options;
  options.verify_share = 1;
  Pair pair(options);
  pair.Ask(0);
  pair.Ask(0);
  pair.Settle(0);
  CHECK(pair.Stats(0).verify_checked == 1);
  CHECK(pair.Stats(0).verify_mismatch == 0);
  pair.tenant.members = {"eve"};
  pair.Ask(0);
  pair.Settle(0);
  CHECK(pair.Stats(0).verify_mismatch == 1);
}

TEST_CASE("Counters of several processes add up in the store", "[cache][S0-17]") {
  std::shared_ptr<Mem2Store::Place> place;
  {
    Pair pair;
    pair.Ask(0);
    pair.Ask(1);
    pair.Ask(1);
    place = pair.place;
  }
  CHECK(place->counters["group_members.loads"] == 1);
  CHECK(place->counters["group_members.l1_hits"] == 1);
  CHECK(place->counters["group_members.l2_hits"] == 1);
  const auto told = StoredToJson(place->counters);
  CHECK(told["kinds"]["group_members"]["lookups"] == 3);
}

TEST_CASE("Observers hear what the cache does, and one that throws harms nobody",
          "[cache][S0-23][S3-10]") {
  Pair pair;
  std::vector<std::string> lines;
  {
    const auto seen = pair.processes[0]->Observe(
        kCacheLookups, [&](const CacheEvent& event) { lines.push_back(Render(event)); });
    const auto bad = pair.processes[0]->Observe(
        kAllCacheEvents, [](const CacheEvent&) { throw std::runtime_error("bad observer"); });
    pair.Ask(0);
    CHECK(pair.Ask(0));
  }
  pair.Ask(0);
  CHECK(lines == std::vector<std::string>{"cache.get kind=group_members result=miss level=loaded",
                                          "cache.get kind=group_members result=hit level=l1"});
  CHECK(pair.processes[0]->Stats().observer_errors > 0);
}

TEST_CASE("Every kind's statistics have the same fields", "[cache][S0-01][S1-53]") {
  Pair pair;
  pair.Ask(0);
  (void)pair.processes[0]->Open<int>(CacheKind::kHealth);
  const auto json = ToJson(pair.processes[0]->Stats());
  REQUIRE(json["kinds"].size() == 2);
  const auto fields = [](const nlohmann::json& of) {
    std::vector<std::string> names;
    for (const auto& [name, value] : of.items()) names.push_back(name);
    return names;
  };
  CHECK(fields(json["kinds"]["group_members"]) == fields(json["kinds"]["health"]));
  CHECK(fields(json["total"]) == fields(json["kinds"]["health"]));
}

TEST_CASE("A load that takes too long is cancelled, and the next call loads anew",
          "[cache][S2-52]") {
  CacheManager::Options options;
  options.load_cap = 1s;
  Pair pair(options);
  Gate gate(pair.io);
  pair.tenant.gate = &gate;
  const auto late = pair.Ask(0);
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::kUnreachable);
  gate.Open();
  CHECK(pair.Ask(0));
  CHECK(pair.tenant.reads == 2);
}

TEST_CASE("Large values stay out of the level they would crowd", "[cache][S1-61]") {
  Pair pair;
  auto groups = pair.Groups(0);
  const auto set = [&](std::size_t bytes) {
    Await(pair.io, [&] {
      return groups.Set(pair.Key(std::to_string(bytes)), Group({std::string(bytes, 'x')}));
    });
    return pair.place->held.contains(pair.Key(std::to_string(bytes)).text());
  };
  CHECK(set(1'000));
  CHECK(pair.Stats(0).entries == 1);
  CHECK(set(2 << 20));
  CHECK(pair.Stats(0).entries == 1);
  CHECK_FALSE(set(9 << 20));
}

TEST_CASE("A second level that cannot be opened leaves memory alone", "[cache][S1-48]") {
  asio::io_context io;
  CacheManager::Options options;
  options.l2 = "nosuch:thing";
  CacheManager caches(options);
  const auto opened = Await(io, [&] { return caches.Open(io.get_executor()); });
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == ErrorCode::kUsage);
  Tenant tenant;
  auto groups = caches.Open<Group>(CacheKind::kGroupMembers);
  for (int i = 0; i < 2; ++i) {
    CHECK(Await(io, [&] { return groups.GetOrLoad(Pair::Key("a"), tenant.Reader()); }));
  }
  CHECK(tenant.reads == 1);
  Await(io, [&] { return caches.Close(); });
}
