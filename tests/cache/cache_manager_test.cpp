#include "cache/cache_manager.h"

#include "cache/seen_keys.h"
#include "tests/cache/cache_testing.h"
#include "tests/catch.h"

using namespace spa;
using namespace spa::testing;
using namespace std::chrono_literals;

namespace {

CacheKey GroupKey(int number) { return CacheKey(CacheKind::kGroupMembers, std::to_string(number)); }

struct Tenant {
  Task<Result<std::string>> Read() {
    ++reads;
    if (failing) co_return Fail(ErrorCode::kThrottled, "later");
    co_return "value";
  }
  Loader<std::string> Reader() {
    return [this] { return Read(); };
  }
  int reads = 0;
  bool failing = false;
};

void AskAll(Cache<std::string> cache, Tenant& tenant, const std::vector<int>& numbers) {
  Await([&]() -> Task<void> {
    for (const int number : numbers) {
      const auto answer = co_await cache.GetOrLoad(GroupKey(number), tenant.Reader());
      CHECK(answer.has_value() == !tenant.failing);
    }
  });
}

}  // namespace

TEST_CASE("By default a kind holds 10,000 entries and all kinds 64 MiB", "[cache][S4-03]") {
  const CacheManager::Options options;
  CHECK(options.enabled);
  CHECK(options.entries == 10'000);
  CHECK(options.bytes == 64 << 20);
}

TEST_CASE("Statistics start at zero and count hits, misses and loads", "[cache][S0-05][S4-04]") {
  CacheManager caches({});
  auto groups = caches.Open<std::string>(CacheKind::kGroupMembers);
  CHECK(caches.Stats().total.lookups == 0);
  CHECK(caches.Stats().total.hit_rate() == 0.0);
  Tenant tenant;

  AskAll(groups, tenant, {1, 2, 1, 1});

  const CacheStats stats = caches.Stats();
  CHECK(stats.enabled);
  REQUIRE(stats.kinds.size() == 1);
  const KindStats& kind = stats.kinds[0];
  CHECK(kind.kind == "group_members");
  CHECK(kind.lookups == 4);
  CHECK(kind.l1_hits == 2);
  CHECK(kind.l2_hits == 0);
  CHECK(kind.coalesced == 0);
  CHECK(kind.misses == 2);
  CHECK(kind.loads == 2);
  CHECK(kind.load_errors == 0);
  CHECK(kind.entries == 2);
  CHECK(kind.hit_rate() == Approx(0.5));
  CHECK(kind.repeat_lookups == 2);
  CHECK(kind.repeat_hits == 2);
  CHECK(kind.repeat_hit_rate() == Approx(1.0));
}

TEST_CASE("A repeated lookup that misses lowers the repeat hit rate, a first one does not") {
  ManualClock clock;
  CacheManager caches({.clock = clock.Reader()});
  Tenant tenant;
  auto groups = caches.Open<std::string>(CacheKind::kGroupMembers);

  AskAll(groups, tenant, {1, 2, 3, 4});
  CHECK(caches.Stats().total.repeat_lookups == 0);
  AskAll(groups, tenant, {1, 2});
  clock.Advance(24h);
  AskAll(groups, tenant, {3, 4});

  CHECK(caches.Stats().total.repeat_hit_rate() == Approx(0.5));
}

TEST_CASE("Repeated group expansions hit in more than nine of ten", "[cache][S4-26]") {
  CacheManager caches({});
  auto groups = caches.Open<std::string>(CacheKind::kGroupMembers);
  Tenant tenant;
  std::vector<int> sites;
  for (int site = 0; site < 200; ++site) {
    for (int shared = 0; shared < 10; ++shared) sites.push_back(shared * shared + site % 7);
    sites.push_back(1'000 + site);
  }

  AskAll(groups, tenant, sites);

  CHECK(caches.Stats().total.repeat_hit_rate() > 0.99);
  CHECK(caches.Stats().total.hit_rate() > 0.85);
}

TEST_CASE("Callers that join a load count as coalesced, and the parts add up to the lookups",
          "[cache][S2-19]") {
  asio::io_context io;
  CacheManager caches({});
  auto groups = caches.Open<std::string>(CacheKind::kGroupMembers);
  Gate gate(io);
  const auto load = [&]() -> Task<Result<std::string>> {
    co_await gate.Pass();
    co_return "value";
  };
  const auto caller = [&]() -> Task<void> { co_await groups.GetOrLoad(GroupKey(1), load); };

  for (int i = 0; i < 20; ++i) asio::co_spawn(io, caller, asio::detached);
  io.poll();
  gate.Open();
  io.run();

  const KindStats total = caches.Stats().total;
  CHECK(total.misses == 1);
  CHECK(total.coalesced == 19);
  CHECK(total.loads == 1);
  CHECK(total.lookups == total.l1_hits + total.l2_hits + total.coalesced + total.misses);
  CHECK(total.hits() + total.misses == total.lookups);
  CHECK(total.repeat_lookups == 19);
  CHECK(total.repeat_hits == 19);
}

TEST_CASE("Failed loads are counted") {
  CacheManager caches({});
  Tenant tenant;
  tenant.failing = true;

  AskAll(caches.Open<std::string>(CacheKind::kGroupMembers), tenant, {1, 1});

  CHECK(caches.Stats().total.loads == 2);
  CHECK(caches.Stats().total.load_errors == 2);
}

TEST_CASE("The total is the sum of the kinds", "[cache][S0-25]") {
  CacheManager caches({});
  auto groups = caches.Open<std::string>(CacheKind::kGroupMembers);
  auto sites = caches.Open<std::string>(CacheKind::kSite);
  Tenant tenant;
  AskAll(groups, tenant, {1, 1});
  Await([&]() -> Task<void> {
    co_await sites.GetOrLoad(CacheKey(CacheKind::kSite, "x"), tenant.Reader());
  });

  const CacheStats stats = caches.Stats();

  REQUIRE(stats.kinds.size() == 2);
  CHECK(stats.kinds[0].kind == "site");
  CHECK(stats.total.lookups == stats.kinds[0].lookups + stats.kinds[1].lookups);
  CHECK(stats.total.bytes == stats.kinds[0].bytes + stats.kinds[1].bytes);
  CHECK(stats.total.loads == 2);
}

TEST_CASE("The oldest datum served is told") {
  ManualClock clock;
  CacheManager caches({.clock = clock.Reader()});
  auto groups = caches.Open<std::string>(CacheKind::kGroupMembers);
  Tenant tenant;
  AskAll(groups, tenant, {1});
  clock.Advance(500s);
  AskAll(groups, tenant, {1, 2, 2});

  CHECK(caches.Stats().total.oldest_hit == 500s);
}

TEST_CASE("Entries that went to make room are counted as evictions of their kind",
          "[cache][S0-05][S1-14]") {
  CacheManager caches({.entries = 10});
  auto groups = caches.Open<std::string>(CacheKind::kGroupMembers);
  Tenant tenant;
  std::vector<int> many(30);
  for (int i = 0; i < 30; ++i) many[i] = i;

  AskAll(groups, tenant, many);

  CHECK(caches.Stats().total.entries == 10);
  CHECK(caches.Stats().total.evictions == 20);
}

TEST_CASE("Turned off, every lookup loads, also side by side, and no lookup is counted",
          "[cache][S4-22]") {
  asio::io_context io;
  CacheManager caches({.enabled = false});
  auto groups = caches.Open<std::string>(CacheKind::kGroupMembers);
  Gate gate(io);
  int reads = 0;
  const auto load = [&]() -> Task<Result<std::string>> {
    ++reads;
    co_await gate.Pass();
    co_return "value";
  };
  const auto caller = [&]() -> Task<void> {
    const auto hit = co_await groups.GetOrLoad(GroupKey(1), load);
    CHECK(hit->level == CacheLevel::kLoaded);
    CHECK(*hit->value == "value");
  };

  for (int i = 0; i < 5; ++i) asio::co_spawn(io, caller, asio::detached);
  io.poll();
  CHECK(reads == 5);
  gate.Open();
  io.run();
  Await(io, [&]() -> Task<void> {
    co_await groups.Set(GroupKey(1), "other");
    CHECK_FALSE(co_await groups.Get(GroupKey(1)));
    CHECK_FALSE(co_await groups.Erase(GroupKey(1)));
  });

  const CacheStats stats = caches.Stats();
  CHECK_FALSE(stats.enabled);
  CHECK(stats.total.lookups == 0);
  CHECK(stats.total.misses == 0);
  CHECK(stats.total.loads == 5);
  CHECK(stats.total.entries == 0);
}

TEST_CASE("A kind opened twice is one cache, opened with another type it is a bug",
          "[cache][S3-02]") {
  CacheManager caches({});
  Tenant tenant;
  AskAll(caches.Open<std::string>(CacheKind::kGroupMembers), tenant, {1});
  AskAll(caches.Open<std::string>(CacheKind::kGroupMembers), tenant, {1});

  CHECK(tenant.reads == 1);
  CHECK_THROWS_AS(caches.Open<int>(CacheKind::kGroupMembers), std::logic_error);
}

TEST_CASE("Seen keys are told from new ones, and the memory for it is bounded") {
  SeenKeys seen;
  const auto print = [](std::uint64_t i) {
    return Fingerprint{.low = i * 0x9e3779b97f4a7c15, .high = 0};
  };
  std::uint64_t again = 0;
  for (std::uint64_t i = 1; i <= 1'000; ++i) again += seen.Add(print(i));
  CHECK(again == 0);
  for (std::uint64_t i = 1; i <= 1'000; ++i) again += seen.Add(print(i));
  CHECK(again == 1'000);

  for (std::uint64_t i = 1'001; i <= SeenKeys::kLimit + 10; ++i) seen.Add(print(i));
  CHECK(seen.Add(print(SeenKeys::kLimit)));
  CHECK_FALSE(seen.Add(print(SeenKeys::kLimit + 5)));
}
