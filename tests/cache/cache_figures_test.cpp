// What the cache tells of itself: speed, contention, failures and what it drops.
#include <algorithm>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "cache/cache_report.h"
#include "core/encoding.h"
#include "tests/cache/cache_testing.h"
#include "tests/cache/mem2_store.h"
#include "tests/catch.h"

using namespace spa;
using namespace spa::testing;
using namespace std::chrono_literals;

namespace {

using Json = nlohmann::json;

CacheKey Key(int number) { return CacheKey(CacheKind::kGroupMembers, std::to_string(number)); }

// A cache with a second level that can be made to fail.
struct Two {
  Two() {
    Mem2Store::Register();
    const std::string name = NewGuid();
    place = Mem2Store::PlaceOf(name);
    CacheManager::Options options;
    options.l2 = "mem2:" + name;
    caches.emplace(options);
    REQUIRE(Await(io, [&] { return caches->Open(io.get_executor()); }));
    groups.emplace(caches->Open<Group>(CacheKind::kGroupMembers));
  }
  ~Two() {
    place->unreachable = false;
    Await(io, [&] { return caches->Close(); });
  }
  Result<Hit<Group>> Ask(int number, std::optional<ErrorCode> failing = {}) {
    const Loader<Group> load = [failing]() -> Task<Result<Group>> {
      if (failing) co_return Fail(*failing, "no");
      co_return Group(std::vector<std::string>(1, "ada"));
    };
    return Await(io, [&] { return groups->GetOrLoad(Key(number), load); });
  }
  Json Stats() {
    return StatsJson(Await(io, [&] { return ReportOn(*caches); }));
  }
  // How often that failed.
  std::uint64_t Failed(const std::string& store, const std::string& operation,
                       const std::string& type) {
    const Json stats = Stats();
    for (const Json& row : stats.at("errors")) {
      if (row.at("store") == store && row.at("operation") == operation && row.at("type") == type)
        return row.at("count");
    }
    return 0;
  }

  asio::io_context io;
  std::shared_ptr<Mem2Store::Place> place;
  std::optional<CacheManager> caches;
  std::optional<Cache<Group>> groups;
};

}  // namespace

TEST_CASE("As many keys are counted as were made, and how many of them by a digest",
          "[cache][key][S1-29]") {
  CacheManager caches({});
  const auto keygen = [&] { return ToJson(caches.Stats()).at("keygen"); };
  const Json before = keygen();

  for (int i = 0; i < 1000; ++i) (void)Key(i);
  for (int i = 0; i < 10; ++i) (void)CacheKey(CacheKind::kSite, std::string(2000, 'x'));
  (void)CacheKey::OfParts(CacheKind::kSite, {{"a", 1}});

  const Json after = keygen();
  CHECK(after.at("count").get<int>() - before.at("count").get<int>() == 1011);
  CHECK(after.at("hashed").get<int>() - before.at("hashed").get<int>() == 11);
  CHECK(after.at("p50") > 0);
  CHECK(after.at("p99") >= after.at("p50"));
}

TEST_CASE("The gain of a hit is the median load over the median hit", "[cache][S2-67]") {
  asio::io_context io;
  CacheManager caches({});
  auto groups = caches.Open<std::string>(CacheKind::kGroupMembers);
  CHECK(ToJson(caches.Stats()).at("total").at("speedup") == 0.0);
  const Loader<std::string> slow = [&io]() -> Task<Result<std::string>> {
    asio::steady_timer timer(io, 5ms);
    co_await timer.async_wait(asio::use_awaitable);
    co_return "value";
  };
  Await(io, [&]() -> Task<void> {
    for (int i = 0; i < 100; ++i) {
      const auto hit = co_await groups.GetOrLoad(Key(i % 3), slow);
      CHECK(hit);
    }
  });

  const Json total = ToJson(caches.Stats()).at("total");
  const double load = total.at("latency_ns").at("load").at("p50");
  const double hit = total.at("latency_ns").at("hit_l1").at("p50");
  CHECK(load >= 5e6);
  CHECK(total.at("latency_ns").at("load").at("count") == 3);
  CHECK(total.at("latency_ns").at("hit_l1").at("count") == 97);
  CHECK(total.at("speedup") == Approx(load / hit));
  CHECK(total.at("speedup") > 1);
}

TEST_CASE("Operations are told with their rate, for each store", "[cache][S3-107]") {
  Two two;
  for (int i = 0; i < 20; ++i) two.Ask(i % 10);
  Await(two.io, [&] { return two.groups->Erase(Key(0)); });

  const Json stats = two.Stats();
  const Json& ops = stats.at("ops");
  CHECK(ops.at("get").at("memory").at("count") == 20);
  CHECK(ops.at("get").at("loader").at("count") == 10);
  CHECK(ops.at("delete").at("memory").at("count") == 1);
  CHECK(ops.at("acquire").at("mem2").at("count") == 10);
  CHECK(ops.at("fill").at("mem2").at("count") == 10);
  CHECK(ops.at("erase").at("mem2").at("count") == 1);
  const double seconds = stats.at("uptime_seconds");
  CHECK(seconds > 0);
  for (const auto& [operation, stores] : ops.items()) {
    for (const auto& [store, told] : stores.items()) {
      INFO(operation << " " << store);
      CHECK(told.at("rate") == Approx(told.at("count").get<double>() / seconds));
    }
  }
}

TEST_CASE("Failures are counted by store, operation and type", "[cache][S3-110]") {
  Two two;
  two.Ask(1, ErrorCode::kThrottled);
  two.Ask(1, ErrorCode::kThrottled);
  two.Ask(2, ErrorCode::kNotFound);
  CHECK(two.Failed("loader", "load", "throttled") == 2);
  CHECK(two.Failed("loader", "load", "not_found") == 1);
  CHECK(two.Failed("mem2", "acquire", "unreachable") == 0);

  two.place->unreachable = true;
  two.Ask(3);
  Await(two.io, [&] { return two.groups->Erase(Key(3)); });
  CHECK(two.Failed("mem2", "acquire", "unreachable") == 1);
  CHECK(two.Failed("mem2", "erase", "unreachable") == 1);
  CHECK(two.Failed("mem2", "get", "unreachable") == 0);
}

TEST_CASE("Loads under way, joined ones and waits for locks are told under load",
          "[cache][threads][S3-109]") {
  constexpr int kThreads = 4;
  CacheManager caches({.entries = 64});
  auto groups = caches.Open<std::string>(CacheKind::kGroupMembers);
  const auto told = [&] {
    CacheReport report = ReportOf(caches.Stats(), {}, std::nullopt);
    return StatsJson(report).at("concurrency");
  };
  CHECK(told().at("in_flight") == 0);
  CHECK(told().at("joined_ratio") == 0.0);

  {  // Ten callers of one load.
    asio::io_context io;
    Gate gate(io);
    const Loader<std::string> load = [&gate]() -> Task<Result<std::string>> {
      co_await gate.Pass();
      co_return "value";
    };
    const auto caller = [&]() -> Task<void> {
      const auto hit = co_await groups.GetOrLoad(Key(1), load);
      CHECK(hit);
    };
    for (int i = 0; i < 10; ++i) asio::co_spawn(io, caller, asio::detached);
    io.poll();
    CHECK(told().at("in_flight") == 1);
    gate.Open();
    io.run();
    CHECK(told().at("in_flight") == 0);
    CHECK(told().at("joined_ratio") == Approx(0.9));
  }

  // Threads that write to the one shard there is meet at its lock sooner or later.
  std::atomic<bool> enough{false};
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  asio::thread_pool pool(kThreads);
  const auto writer = [&](int number) -> Task<void> {
    while (!enough) {
      for (int i = 0; i < 1000; ++i) co_await groups.Set(Key(number), std::string(64, 'x'));
      if (caches.Stats().total.shard_waits > 0 || std::chrono::steady_clock::now() > deadline) {
        enough = true;
      }
    }
  };
  for (int i = 0; i < kThreads; ++i) asio::co_spawn(pool, writer(i), asio::detached);
  pool.join();
  CHECK(told().at("shard_waits") > 0);
}

TEST_CASE("Observers hear which entries went to make room, and may use the cache meanwhile",
          "[cache][S1-16][S1-18]") {
  CacheManager caches({.entries = 10});
  auto groups = caches.Open<std::string>(CacheKind::kGroupMembers);
  std::set<std::string> gone;
  std::size_t told = 0;
  const auto seen = caches.Observe(Bit(CacheEventType::kEvict), [&](const CacheEvent& event) {
    ++told;
    gone.emplace(event.key);
    CHECK(event.kind == "group_members");
    CHECK(event.level == "l1");
    // No lock is held: this would wait for ever.
    CHECK_FALSE(groups.Peek(*CacheKey::Parse(event.key)));
  });

  Await([&]() -> Task<void> {
    for (int i = 0; i < 30; ++i) co_await groups.Set(Key(i), "v");
  });
  CHECK(told == 20);
  CHECK(gone.size() == 20);
  CHECK(caches.EvictSome(4) == 4);
  CHECK(told == 24);
  CHECK(caches.Stats().total.evictions == 24);
}

TEST_CASE("A value stored before there were envelopes is taken up, with one warning",
          "[cache][S1-35]") {
  Two two;
  const auto keep = [&](int number, const std::string& bytes) {
    auto& held = two.place->held[Key(number).text()];
    held.envelope = bytes;
    held.expires = std::chrono::system_clock::now() + 1h;
  };
  keep(1, R"(["ada","bob"])");
  keep(2, R"(["eve"])");
  keep(3, R"({"not":"a group"})");

  const auto first = two.Ask(1);
  REQUIRE(first);
  CHECK(first->level == CacheLevel::kL2);
  CHECK(first->value->members == std::vector<std::string>{"ada", "bob"});
  CHECK(two.Ask(2)->value->members == std::vector<std::string>{"eve"});
  CHECK(two.Ask(1)->level == CacheLevel::kL1);
  CHECK(two.Ask(3)->level == CacheLevel::kLoaded);
  // Nothing says how old it is: memory does not keep it longer than what it cannot follow.
  const auto info = Await(two.io, [&] { return two.groups->Info(Key(1)); });
  REQUIRE(info);
  CHECK(info->ttl <= 300s);
}

TEST_CASE("A bare value is not trusted where values are sealed with a key", "[cache][S1-35]") {
  Mem2Store::Register();
  const std::string name = NewGuid();
  asio::io_context io;
  CacheManager::Options options;
  options.l2 = "mem2:" + name;
  options.seal.mac_key = "sesame";
  CacheManager caches(options);
  REQUIRE(Await(io, [&] { return caches.Open(io.get_executor()); }));
  auto groups = caches.Open<Group>(CacheKind::kGroupMembers);
  auto& held = Mem2Store::PlaceOf(name)->held[Key(1).text()];
  held.envelope = R"(["mallory"])";
  held.expires = std::chrono::system_clock::now() + 1h;

  CHECK_FALSE(Await(io, [&] { return groups.Get(Key(1)); }));
  Await(io, [&] { return caches.Close(); });
}
