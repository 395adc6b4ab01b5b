// Redis servers that come and go, and several of them: a ring, a cluster.
#include <array>

#include "cache/redis/connection.h"
#include "cache/redis/scripts.h"
#include "cache/redis/security.h"
#include "core/async/task_group.h"
#include "tests/cache/redis_testing.h"

namespace spa::testing {
namespace {

// The state of each node's gate.
Task<std::vector<GateState>> Gates(Store& store) {
  auto info = co_await store.Info();
  REQUIRE(info);
  std::vector<GateState> gates;
  for (const StoreNode& node : info->nodes) gates.push_back(node.health.state);
  co_return gates;
}

TEST_CASE("A server that is stopped is a miss at once, and is found again when it is back",
          "[cache][redis][S1-03][S1-09][S3-65][S3-84]") {
  RedisServer server;
  asio::io_context io;
  const auto store = MakeStoreAt(io, server.url());
  int everything = 0;
  store->Watch([&](const StoreChange& change) { everything += change.everything ? 1 : 0; });
  RunOver(io, {store.get()}, [&]() -> Task<void> {
    {
      auto got = co_await store->Open();
      REQUIRE(got);
    }
    co_await PutOne(*store, MakePut(TestKey("k"), "x"));
    server.Kill();
    co_await Eventually([&] { return !store->watching(); });
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < 10'000; ++i) {
      std::vector<std::string> keys{TestKey("k")};
      auto found = co_await store->Get(std::move(keys));
      REQUIRE_FALSE(found);
      REQUIRE(found.error().code == ErrorCode::kUnreachable);
    }
    CHECK(std::chrono::steady_clock::now() - began < 5s);
    server.Restart();
    co_await Eventually([&] { return store->watching(); }, 60s);
    {
      auto got = co_await GetOne(*store, TestKey("k"));
      CHECK_FALSE(got);
    }  // The server forgot it.
    {
      auto got = co_await PutOne(*store, MakePut(TestKey("k"), "y"));
      CHECK(got);
    }
    {
      auto got = co_await GetOne(*store, TestKey("k"));
      CHECK(got == "y");
    }
    CHECK(everything >= 1);
    auto info = co_await store->Info();
    CHECK(info->nodes.at(0).reconnects == 1);
    CHECK(info->nodes.at(0).errors >= 10'000);
    CHECK(info->nodes.at(0).health.state == GateState::kClosed);
  });
}

TEST_CASE("A server that falls silent costs its timeout and then nothing",
          "[cache][redis][S3-68][S3-84]") {
  RedisServer server;
  asio::io_context io;
  const auto store = MakeStoreAt(io, server.url(), {}, 100ms);
  RunOver(io, {store.get()}, [&]() -> Task<void> {
    {
      auto got = co_await store->Open();
      REQUIRE(got);
    }
    server.Pause();
    int asked = 0;
    for (; asked < 100; ++asked) {
      const auto answer = co_await GetOne(*store, TestKey("k"));
      REQUIRE(answer);
      if (answer->find("within") == std::string::npos) break;  // No longer waited for.
    }
    CHECK(asked <= 6);
    server.Resume();
    co_await Eventually([&] { return store->watching(); }, 60s);
  });
}

TEST_CASE("A ring deals the keys out, and goes on without one of its servers",
          "[cache][redis][ring][S0-15][S0-16][S0-17]") {
  std::array<RedisServer, 3> servers;
  asio::io_context io;
  const auto store = MakeStoreAt(
      io, "redis+ring://" + servers[0].host() + "," + servers[1].host() + "," + servers[2].host());
  RunOver(io, {store.get()}, [&]() -> Task<void> {
    {
      auto got = co_await store->Open();
      REQUIRE(got);
    }
    std::vector<std::string> keys;
    for (int i = 0; i < 3'000; ++i) keys.push_back(TestKey(std::to_string(i)));
    std::vector<StorePut> puts;
    for (const std::string& key : keys) puts.push_back(MakePut(key, "x"));
    {
      auto got = co_await store->Put(std::move(puts));
      REQUIRE(got);
    }
    for (const RedisServer& server : servers) {
      std::int64_t values = 0;
      std::string cursor = "0";
      do {
        const Resp page =
            server.Ask({"SCAN", cursor, "MATCH", "sharepoint_audit:*", "COUNT", "5000"});
        cursor = page.items.at(0).text;
        values += static_cast<std::int64_t>(page.items.at(1).items.size());
      } while (cursor != "0");
      CHECK(values > 800);
    }
    auto info = co_await store->Info();
    CHECK(info->entries == 3'000);
    std::uint64_t operations = 0;
    for (const StoreNode& node : info->nodes) operations += node.operations;
    CHECK(operations >= 3'000);

    servers[1].Kill();
    co_await Eventually([&] { return !store->watching(); });
    auto found = co_await store->Get(keys);
    REQUIRE(found);
    const auto there = std::count_if(found->begin(), found->end(), [](auto& e) { return !!e; });
    CHECK(there > 1'600);
    CHECK(there < 2'400);
    auto gates = co_await Gates(*store);
    while (gates.at(1) == GateState::kClosed) {
      co_await Eventually([] { return true; });
      asio::steady_timer timer(io, 20ms);
      co_await timer.async_wait(asio::use_awaitable);
      gates = co_await Gates(*store);
    }
    CHECK(gates.at(0) == GateState::kClosed);
    CHECK(gates.at(2) == GateState::kClosed);
    auto page = co_await store->Scan(Glob("*"), "1:0");
    CHECK_FALSE(page);  // Not half the truth.
  });
}

TEST_CASE("A cluster is found from one of its servers, and a dead master costs its slots alone",
          "[cache][redis][S3-77]") {
  RedisCluster cluster;
  asio::io_context io;
  const auto store = MakeStoreAt(io, cluster.url());
  RunOver(io, {store.get()}, [&]() -> Task<void> {
    const Status opened = co_await store->Open();
    if (!opened) FAIL(opened.error().message);
    CHECK(store->watching());
    std::vector<std::string> keys;
    std::vector<StorePut> puts;
    for (int i = 0; i < 300; ++i) keys.push_back(TestKey(std::to_string(i)));
    for (const std::string& key : keys) puts.push_back(MakePut(key, "x"));
    {
      auto got = co_await store->Put(std::move(puts));
      REQUIRE(got);
    }
    auto found = co_await store->Get(keys);
    CHECK(std::count_if(found->begin(), found->end(), [](auto& e) { return !!e; }) == 300);
    auto held = co_await store->Acquire(TestKey("new"), 60s);
    REQUIRE(held);
    StorePut filling = MakePut(TestKey("new"), "y");
    {
      auto got = co_await store->Fill(*held->lease, std::move(filling));
      CHECK(got.value());
    }
    {
      auto got = co_await store->Info();
      CHECK(got.value().entries == 301);
    }

    cluster[2].Kill();
    co_await Eventually([&] { return !store->watching(); });
    found = co_await store->Get(keys);
    REQUIRE(found);
    const auto there = std::count_if(found->begin(), found->end(), [](auto& e) { return !!e; });
    CHECK(there > 120);
    CHECK(there < 280);
  });
}

TEST_CASE("Slots that moved to another server are followed there", "[cache][redis][S3-77]") {
  RedisCluster cluster;
  asio::io_context io;
  const auto store = MakeStoreAt(io, cluster.url());
  RunOver(io, {store.get()}, [&]() -> Task<void> {
    {
      auto got = co_await store->Open();
      REQUIRE(got);
    }
    const std::string key = TestKey("wanders");
    const std::string slot = std::to_string(cluster[0].Ask({"CLUSTER", "KEYSLOT", key}).integer);
    for (std::size_t to = 0; to < 3; ++to) {
      const std::string id = cluster[to].Ask({"CLUSTER", "MYID"}).text;
      for (std::size_t i = 0; i < 3; ++i) cluster[i].Ask({"CLUSTER", "SETSLOT", slot, "NODE", id});
      cluster[to].Ask({"CLUSTER", "BUMPEPOCH"});
      {
        auto got = co_await PutOne(*store, MakePut(key, std::to_string(to)));
        CHECK(got);
      }
      {
        auto got = co_await GetOne(*store, key);
        CHECK(got == std::to_string(to));
      }
    }
  });
}

// Hidden: figures depend on who else uses the machine. redis_tests "[bench]" shows them.
TEST_CASE("How fast one connection is", "[.][bench]") {
  RedisServer server;
  asio::io_context io;
  const auto store = MakeStoreAt(io, server.url());
  RunOver(io, {store.get()}, [&]() -> Task<void> {
    {
      auto got = co_await store->Open();
      REQUIRE(got);
    }
    co_await PutOne(*store, MakePut(TestKey("k"), std::string(200, 'x')));
    using Clock = std::chrono::steady_clock;
    std::vector<double> micros;
    for (int i = 0; i < 20'000; ++i) {
      std::vector<std::string> keys{TestKey("k")};
      const auto began = Clock::now();
      {
        auto got = co_await store->Get(std::move(keys));
        REQUIRE(got);
      }
      micros.push_back(std::chrono::duration<double, std::micro>(Clock::now() - began).count());
    }
    std::sort(micros.begin(), micros.end());
    WARN("one at a time: p50 " << micros[micros.size() / 2] << " us, p99 "
                               << micros[micros.size() * 99 / 100] << " us");
    for (const int callers : {64, 256, 1024}) {
      constexpr int kEach = 400;
      auto caller = [&]() -> Task<void> {
        for (int i = 0; i < kEach; ++i) {
          std::vector<std::string> keys{TestKey("k")};
          auto found = co_await store->Get(std::move(keys));
          REQUIRE(found);
          REQUIRE(found->front());
        }
      };
      std::function<Task<void>(TaskGroup&)> all = [&](TaskGroup& group) -> Task<void> {
        for (int i = 0; i < callers; ++i) group.Start(caller());
        co_return;
      };
      const auto began = Clock::now();
      co_await RunGroup(io.get_executor(), 0, std::move(all));
      const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
      WARN(callers << " callers, single gets: " << callers * kEach / seconds << " ops/s");
    }
    std::vector<std::string> hundred(100, TestKey("k"));
    const auto began = Clock::now();
    for (int i = 0; i < 2'000; ++i) {
      auto got = co_await store->Get(hundred);
      REQUIRE(got);
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
    WARN("gets of 100 keys: " << 200'000 / seconds << " ops/s");
  });
}

TEST_CASE("A connection that is not there says why", "[cache][redis][S1-03]") {
  asio::io_context io;
  const auto options = [](const RedisServer& server) {
    RedisOptions made;
    made.endpoint = *ParseRedisUrl(server.url(), {});
    made.host = made.endpoint.hosts.at(0);
    return made;
  };
  const auto ping = [](RedisConnection& connection) -> Task<std::string> {
    RedisBatch batch;
    batch.Add({"PING"});
    auto answer = co_await connection.Call(std::move(batch));
    co_return answer ? "it answered" : answer.error().message;
  };
  RedisServer server;
  RedisSetup old;
  old.more = {"--rename-command", "HELLO", ""};  // As before Redis 6.
  RedisServer ancient(old);
  const auto body = [&]() -> Task<void> {
    RedisConnection connection(io.get_executor(), options(server));
    std::string told = co_await ping(connection);
    CHECK_THAT(told, Catch::Contains("is not connected yet"));
    Status opened = co_await connection.Open();
    CHECK(opened);
    told = co_await ping(connection);
    CHECK(told == "it answered");
    co_await connection.Close();
    told = co_await ping(connection);
    CHECK_THAT(told, Catch::Contains("is closed"));

    RedisConnection foreign(io.get_executor(), options(ancient));
    opened = co_await foreign.Open();
    co_await foreign.Close();
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == ErrorCode::kUnsupported);
    CHECK_THAT(opened.error().message, Catch::Contains("does not speak RESP3"));
  };
  RunTask(io, body());
}

TEST_CASE("What is unsafe about a Redis is found", "[cache][redis][S1-36][S1-38][S1-39]") {
  asio::io_context io;
  const auto inspect = [&io](std::string url, StoreSecurity security) {
    auto report = RunTask(io, InspectRedis(io.get_executor(), std::move(url), std::move(security)));
    REQUIRE(report);
    return *report;
  };
  const auto codes = [](const RedisSecurityReport& report) {
    std::vector<std::string> found;
    for (const SecurityFinding& finding : report.findings) found.push_back(finding.code);
    return found;
  };
  using Codes = std::vector<std::string>;

  RedisServer open;
  RedisSecurityReport report = inspect(open.url(), {});
  CHECK(codes(report) ==
        Codes{"plaintext_loopback", "no_password", "acl_too_wide", "acl_too_wide", "acl_too_wide"});
  CHECK(report.HasErrors());
  CHECK(report.nodes.at(0).acl_user == "default");

  RedisSetup setup;
  setup.tls = true;
  setup.acl = kRedisAcl;
  RedisServer safe(setup);
  report = inspect(safe.url(), safe.security());
  CHECK(codes(report).empty());
  CHECK_FALSE(report.HasErrors());
  CHECK(report.recommendations.empty());
  CHECK(report.acl == kRedisAcl);
  CHECK(report.nodes.at(0).acl_user == kRedisUser);
  CHECK(report.nodes.at(0).tls_version == "TLSv1.3");
  CHECK_FALSE(report.nodes.at(0).tls_cipher.empty());
  CHECK(report.nodes.at(0).peer_expires.value() > std::chrono::system_clock::now());

  const auto later = [] { return std::chrono::system_clock::now() + std::chrono::hours(24 * 80); };
  auto soon = RunTask(io, InspectRedis(io.get_executor(), safe.url(), safe.security(), later));
  CHECK(codes(soon.value()) == Codes{"certificate_expires_soon"});
  const auto after = [] { return std::chrono::system_clock::now() + std::chrono::hours(24 * 365); };
  auto over = RunTask(io, InspectRedis(io.get_executor(), safe.url(), safe.security(), after));
  CHECK(codes(over.value()) == Codes{"certificate_expired"});
  CHECK(NameOf(over->findings.at(0).severity) == "error");

  setup = RedisSetup();
  setup.password = true;
  RedisServer shared(setup);
  report = inspect(shared.url(), shared.security());
  CHECK(codes(report).at(1) == "default_user");

  std::filesystem::permissions(TestCertificates().client_key, std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  report = inspect(safe.url(), safe.security());
  std::filesystem::permissions(TestCertificates().client_key, std::filesystem::perms::others_read,
                               std::filesystem::perm_options::remove);
  CHECK(codes(report) == Codes{"readable_key"});

  StoreSecurity wrong = safe.security();
  wrong.password = Secret("not-this-one");
  report = inspect(safe.url(), wrong);
  CHECK(codes(report) == Codes{"refused"});
  CHECK_THAT(report.findings.at(0).text, !Catch::Contains("not-this-one"));

  report = inspect("redis://198.51.100.1:1", {});  // Nobody lives there (RFC 5737).
  CHECK(codes(report) == Codes{"plaintext", "no_password", "unreachable"});
  CHECK(report.HasErrors());
}

}  // namespace
}  // namespace spa::testing
