// How an audit uses the cache: options from the configuration, reads that share one exchange,
// failures that are not asked for again, tokens, and how hosts are doing.
#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "cli/cache_options.h"
#include "cli/cached_tokens.h"
#include "cli/host_health.h"
#include "cli/shared_reads.h"
#include "core/async/task_group.h"
#include "core/config/config_keys.h"
#include "core/config/config_loader.h"
#include "core/graph/batch_queue.h"
#include "core/graph/graph_client.h"
#include "simulator/simulate.h"
#include "tests/cache/cache_testing.h"
#include "tests/catch.h"

namespace spa {
namespace {

using testing::ManualClock;

constexpr char kBase[] = "https://graph.microsoft.com/v1.0";

HttpEnding Answered(const HttpResponse& response, std::string_view url) {
  HttpEnding ending;
  ending.url = url;
  ending.response = &response;
  ending.took = std::chrono::milliseconds(5);
  return ending;
}

HttpResponse Response(int status) {
  HttpResponse response;
  response.status = status;
  return response;
}

Error Failure(int status, ErrorCode code) {
  Error error(code, "reading something: HTTP " + std::to_string(status), "do this");
  error.http_status = status;
  return error;
}

std::filesystem::path NewFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "spa-cli-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  return name;
}

// The client of an audit against a simulated tenant in this process.
struct Client {
  explicit Client(bool cached = true) {
    SimulateOptions simulate;
    simulate.preset = "small";
    simulate.write_config = (folder / "config.json").string();
    auto started = StartSimulation(simulate);
    REQUIRE(started);
    server = *std::move(started);
    ConfigSources sources;
    REQUIRE(ReadConfigFile(simulate.write_config, sources));
    auto loaded = LoadConfig(sources);
    REQUIRE(loaded);
    config = loaded->config;
    http.emplace(io, concurrency, HttpClient::Options{});
    http->set_listener([this](const HttpEnding& ending) { hosts.Heard(ending); });
    auto source = MakeTokenSource(config.auth, *http);
    REQUIRE(source);
    tokens.emplace(*std::move(source), caches, "tenant/client");
    service.emplace(io, concurrency, *http, *tokens,
                    Audiences(config.graph.base_url, config.tenant_url), std::chrono::seconds(60));
    if (cached) service->set_memory(&reads);
    graph.emplace(*service, config.graph.base_url);
  }
  ~Client() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  std::uint64_t requests() const { return server->counters().graph; }

  std::filesystem::path folder = NewFolder();
  std::unique_ptr<SimulatorServer> server;
  Config config;
  asio::io_context io{1};
  ConcurrencyManager concurrency{io, {}};
  CacheManager caches{CacheManager::Options{}};
  HostHealth hosts;
  SharedReads reads{caches, hosts, "tenant"};
  std::optional<HttpClient> http;
  std::optional<CachedTokens> tokens;
  std::optional<ServiceClient> service;
  std::optional<GraphClient> graph;
};

Result<std::string> Whole(std::string_view body) { return std::string(body); }

class CountingTokens final : public TokenSource {
 public:
  Task<Result<AccessToken>> Get(std::string resource) override {
    ++asked;
    AccessToken token;
    token.value = Secret(fmt::format("{}-{}", resource, asked));
    token.expires_at = std::chrono::system_clock::now() + lives;
    token.renew_at = token.expires_at - std::min(std::chrono::seconds(300), lives / 10);
    co_return token;
  }
  void Reject(const std::string&, const Secret&) override { ++rejected; }
  CredentialKind kind() const override { return CredentialKind::kSecret; }
  long requests() const override { return asked; }

  int asked = 0, rejected = 0;
  std::chrono::seconds lives{3600};
};

}  // namespace

TEST_CASE("Every key of the cache changes what the cache is made with",
          "[cache][S1-47][S2-02][S1-12]") {
  Config config;
  config.cache.mode = "observe";
  config.cache.local_cache_size = 7;
  config.cache.max_memory = 3;
  config.cache.ttl = 11;
  config.cache.default_ttl = 13;
  config.cache.verify_percent = 5;
  config.cache.name_space = "blue";
  config.cache.mac_key = Secret("sesame");
  config.cache.compression_threshold = 17;
  config.cache.compression_level = 9;
  config.cache.l2 = "redis";
  config.cache.redis_url = "redis://cache.example";
  config.cache.l2_fallback = "disk:/tmp/x.db";
  config.cache.redis_security.acl_username = "auditor";
  config.cache.redis_security.acl_password = Secret("hush");
  config.cache.redis_security.use_tls = true;
  config.cache.caches["user"].ttl = 19;
  config.cache.caches["user"].max_entries = 23;
  config.cache.caches["user"].max_bytes = 29;
  config.cache.caches["item"].enabled = false;

  const CacheManager::Options options = CacheOptionsOf(config);

  CHECK(options.enabled);
  CHECK(options.mode == CacheMode::kObserve);
  CHECK(options.entries == 7);
  CHECK(options.bytes == std::size_t{3} << 20);
  CHECK(options.l1_ttl == std::chrono::seconds(11));
  CHECK(options.overrides.at(CacheKind::kUnnamed).ttl == std::chrono::seconds(13));
  CHECK(options.verify_share == 0.05);
  CHECK(options.store.name_space == "blue");
  CHECK(options.seal.mac_key == "sesame");
  CHECK(options.seal.compress_from == 17);
  CHECK(options.seal.compression_level == 9);
  CHECK(options.l2 == "redis://cache.example");
  CHECK(options.l2_fallback == "disk:/tmp/x.db");
  CHECK(options.security.user == "auditor");
  CHECK(options.security.password.Reveal() == "hush");
  CHECK(options.security.tls);
  CHECK(options.overrides.at(CacheKind::kUser).ttl == std::chrono::seconds(19));
  CHECK(options.overrides.at(CacheKind::kUser).entries == std::size_t{23});
  CHECK(options.overrides.at(CacheKind::kUser).bytes == std::size_t{29});
  CHECK(options.overrides.at(CacheKind::kItem).enabled == false);
}

TEST_CASE("The cache is off by either key, and never compresses where the threshold is 0",
          "[cache]") {
  Config config;
  config.cache.compression_threshold = 0;
  CHECK(CacheOptionsOf(config).enabled);
  CHECK(CacheOptionsOf(config).seal.compress_from > std::size_t{1} << 40);
  config.cache.mode = "off";
  CHECK_FALSE(CacheOptionsOf(config).enabled);
  config.cache.mode = "read";
  config.cache.enabled = false;
  CHECK_FALSE(CacheOptionsOf(config).enabled);
}

TEST_CASE("A relative path of the disk store is one file whoever opens it", "[cache]") {
  Config config;

  CHECK(SecondLevelOf(config) ==
        "disk:" + (std::filesystem::current_path() / ".sharepoint-audit/cache.db").string());
}

TEST_CASE("The configuration knows the kinds that the cache knows", "[cache]") {
  const ConfigKey* key = FindConfigKey("cache.caches");
  REQUIRE(key != nullptr);
  std::vector<std::string_view> names;
  for (const CachePolicy& policy : kCachePolicies) names.push_back(policy.name);
  CHECK(std::vector<std::string_view>(key->one_of.begin(), key->one_of.end()) == names);
}

TEST_CASE("What is older than was asked for is not served, not even as a stand-in", "[cache]") {
  ManualClock clock;
  CacheManager::Options options;
  options.clock = clock.Reader();
  options.not_before = clock.now() + std::chrono::minutes(10);
  CacheManager caches(options);
  const auto cache = caches.Open<std::string>(CacheKind::kSite);
  const CacheKey key(CacheKind::kSite, "s");
  Loader<std::string> broken = []() -> Task<Result<std::string>> {
    co_return Fail(ErrorCode::kUnreachable, "nobody there");
  };
  Loader<std::string> works = []() -> Task<Result<std::string>> { co_return std::string("new"); };

  testing::Await([&]() -> Task<void> {
    auto with = cache;
    co_await with.Set(key, "old");
    clock.Advance(std::chrono::minutes(20));
    const auto failed = co_await with.GetOrLoad(key, broken);
    CHECK_FALSE(failed);
    const auto loaded = co_await with.GetOrLoad(key, works);
    CHECK(*loaded->value == "new");
    const auto again = co_await with.GetOrLoad(key, broken);
    CHECK(*again->value == "new");
  });
}

TEST_CASE("Without refreshing behind, what is past its time is loaded, or stands in marked stale",
          "[cache]") {
  asio::io_context io;
  ManualClock clock;
  CacheManager::Options options;
  options.clock = clock.Reader();
  options.refresh_behind = false;
  CacheManager caches(options);
  auto cache = caches.Open<std::string>(CacheKind::kSite);
  const CacheKey key(CacheKind::kSite, "s");
  int loads = 0;
  Loader<std::string> load = [&loads]() -> Task<Result<std::string>> {
    if (++loads == 3) co_return Fail(ErrorCode::kUnreachable, "nobody there");
    co_return fmt::format("load {}", loads);
  };

  testing::Await(io, [&]() -> Task<void> {
    co_await caches.Open(io.get_executor());
    co_await cache.GetOrLoad(key, load);
    clock.Advance(std::chrono::minutes(62));  // Within stale_while_revalidate.
    const auto fresh = co_await cache.GetOrLoad(key, load);
    CHECK(*fresh->value == "load 2");
    CHECK_FALSE(fresh->stale);
    clock.Advance(std::chrono::minutes(62));
    const auto stale = co_await cache.GetOrLoad(key, load);
    CHECK(*stale->value == "load 2");
    CHECK(stale->stale);
    co_await caches.Close();
  });
}

TEST_CASE("Ten identical GETs at once are one call, and all get its answer",
          "[cache][S2-17][S2-19][S2-18]") {
  Client client;
  const int readers = 10;
  std::vector<std::string> answers;

  auto read = [](Client& c, std::vector<std::string>& into) -> Task<void> {
    GraphRead one("/sites/root?$select=id", "reading the root site");
    auto body = co_await c.graph->Get(std::move(one), &Whole);
    REQUIRE(body);
    into.push_back(*body);
  };
  testing::Await(client.io, [&]() -> Task<void> {
    co_await RunGroup(client.io.get_executor(), 0, [&](TaskGroup& group) -> Task<void> {
      for (int i = 0; i < readers; ++i) group.Start(read(client, answers));
      co_return;
    });
  });

  CHECK(client.requests() == 1);
  CHECK(client.reads.started() == 1);
  CHECK(client.reads.joined() == 9);
  REQUIRE(answers.size() == 10);
  for (const std::string& answer : answers) CHECK(answer == answers[0]);
  CHECK(client.tokens->requests() == 1);
}

TEST_CASE("Without a memory ten identical GETs are ten calls", "[cache][S4-22]") {
  Client client(false);
  auto read = [](Client& c) -> Task<void> {
    GraphRead one("/sites/root?$select=id", "reading the root site");
    co_await c.graph->Get(std::move(one), &Whole);
  };
  testing::Await(client.io, [&]() -> Task<void> {
    co_await RunGroup(client.io.get_executor(), 0, [&](TaskGroup& group) -> Task<void> {
      for (int i = 0; i < 10; ++i) group.Start(read(client));
      co_return;
    });
  });

  CHECK(client.requests() == 10);
}

TEST_CASE("Fifty items of a drive that is gone are one call and fifty identical diagnoses",
          "[cache][S2-09][S2-27][S2-29]") {
  Client client;
  std::set<std::string> diagnoses;
  int failed = 0;

  testing::Await(client.io, [&]() -> Task<void> {
    GraphRead drive("/drives/b!nothing-here/root/delta", "reading the drive");
    auto gone = co_await client.graph->Get(std::move(drive), &Whole);
    REQUIRE_FALSE(gone);
    CHECK(gone.error().code == ErrorCode::kNotFound);
    diagnoses.insert(gone.error().message + gone.error().remedy);
    for (int i = 0; i < 50; ++i) {
      GraphRead item(fmt::format("/drives/b!nothing-here/items/{}/permissions", i), "an item");
      auto read = co_await client.graph->Get(std::move(item), &Whole);
      if (read) continue;
      ++failed;
      diagnoses.insert(read.error().message + read.error().remedy);
    }
  });

  CHECK(client.requests() == 1);
  CHECK(failed == 50);
  CHECK(diagnoses.size() == 1);
}

TEST_CASE("An item that is gone says nothing about its neighbours", "[cache][S2-09]") {
  asio::io_context io;
  CacheManager caches{CacheManager::Options{}};
  HostHealth hosts;
  SharedReads reads(caches, hosts, "tenant");
  const std::string drive = std::string(kBase) + "/drives/d1";

  testing::Await(io, [&]() -> Task<void> {
    co_await reads.NoteFailure(drive + "/items/1/permissions", Failure(404, ErrorCode::kNotFound));
    co_await reads.NoteFailure(drive + "/root/delta", Failure(403, ErrorCode::kForbidden));
  });

  CHECK(reads.KnownFailure(drive + "/items/1/permissions"));
  CHECK(reads.KnownFailure(drive + "/root/delta"));
  CHECK_FALSE(reads.KnownFailure(drive + "/items/2/permissions"));
  CHECK_FALSE(reads.KnownFailure(drive));
}

TEST_CASE("What must be tried again is not remembered as failed", "[cache][S2-11]") {
  asio::io_context io;
  CacheManager caches{CacheManager::Options{}};
  HostHealth hosts;
  SharedReads reads(caches, hosts, "tenant");
  const std::string url = std::string(kBase) + "/groups/g1/owners";
  const auto [status, code] = GENERATE(table<int, ErrorCode>({{401, ErrorCode::kForbidden},
                                                              {429, ErrorCode::kThrottled},
                                                              {503, ErrorCode::kUnreachable},
                                                              {410, ErrorCode::kGone},
                                                              {0, ErrorCode::kUnreachable}}));

  testing::Await(io,
                 [&]() -> Task<void> { co_await reads.NoteFailure(url, Failure(status, code)); });

  CHECK_FALSE(reads.KnownFailure(url));
}

TEST_CASE("The same failure on two hosts, or for two tenants, is two entries", "[cache][S2-10]") {
  asio::io_context io;
  CacheManager caches{CacheManager::Options{}};
  HostHealth hosts;
  SharedReads ours(caches, hosts, "one"), theirs(caches, hosts, "two");

  testing::Await(io, [&]() -> Task<void> {
    co_await ours.NoteFailure("https://a.example/v1.0/sites/x", Failure(404, ErrorCode::kNotFound));
  });

  CHECK(ours.KnownFailure("https://a.example/v1.0/sites/x/lists"));
  CHECK_FALSE(ours.KnownFailure("https://b.example/v1.0/sites/x"));
  CHECK_FALSE(theirs.KnownFailure("https://a.example/v1.0/sites/x"));
}

TEST_CASE("Failures of a host are forgotten when it turns ill or well", "[cache][S2-73]") {
  asio::io_context io;
  ManualClock clock;
  CacheManager::Options options;
  options.clock = clock.Reader();
  CacheManager caches(options);
  HostHealth hosts(clock.Reader());
  SharedReads reads(caches, hosts, "tenant");
  const std::string url = std::string(kBase) + "/drives/d1/root/delta";
  const HttpResponse bad = Response(500);
  auto next_read = [&]() -> Task<void> {
    ReadMemory::Exchange nothing = []() -> Task<ReadMemory::Answer> {
      co_return std::make_shared<const HttpResponse>();
    };
    co_await reads.Share("something else", std::move(nothing));
  };

  testing::Await(io, [&]() -> Task<void> {
    co_await reads.NoteFailure(url, Failure(404, ErrorCode::kNotFound));
  });
  REQUIRE(reads.KnownFailure(url));
  clock.Advance(std::chrono::seconds(1));
  for (int i = 0; i < 5; ++i) hosts.Heard(Answered(bad, kBase));
  testing::Await(io, next_read);

  CHECK_FALSE(reads.KnownFailure(url));
}

TEST_CASE("What names an object, and what asks for the object itself", "[cache][S2-10]") {
  struct Row {
    const char *url, *object;
    bool itself;
  };
  const Row row = GENERATE(
      Row{"https://g/v1.0/drives/D/root/delta?token=1", "https://g/v1.0/drives/D", true},
      Row{"https://g/v1.0/drives/D/items/1/permissions", "https://g/v1.0/drives/D", false},
      Row{"https://g/v1.0/groups/G/transitiveMembers?$top=9", "https://g/v1.0/groups/G", true},
      Row{"https://g/v1.0/sites/S/lists?$select=id", "https://g/v1.0/sites/S", true},
      Row{"https://g/v1.0/sites/getAllSites", "https://g/v1.0/sites/getAllSites", true},
      Row{"https://t/sites/hr/_api/web/sitegroups?$expand=Users", "https://t/sites/hr/_api/web",
          true},
      Row{"https://t/sites/hr/_api/web/lists(guid'1')/items", "https://t/sites/hr/_api/web", false},
      Row{"https://g/v1.0/$batch", "", false});

  CHECK(ObjectOf(row.url) == row.object);
  CHECK(AsksForObject(row.url, ObjectOf(row.url)) == row.itself);
}

TEST_CASE("A token is asked for once per resource, whoever asks", "[cache][S0-09][S2-33][S2-48]") {
  asio::io_context io;
  CacheManager caches{CacheManager::Options{}};
  auto source = std::make_unique<CountingTokens>();
  CountingTokens& counted = *source;
  CachedTokens tokens(std::move(source), caches, "tenant/client");
  std::vector<std::string> values;

  auto get = [](CachedTokens& from, std::vector<std::string>& into) -> Task<void> {
    auto token = co_await from.Get("https://graph.microsoft.com");
    into.push_back(token->value.Reveal());
  };
  testing::Await(io, [&]() -> Task<void> {
    co_await RunGroup(io.get_executor(), 0, [&](TaskGroup& group) -> Task<void> {
      for (int i = 0; i < 10; ++i) group.Start(get(tokens, values));
      co_return;
    });
    for (int i = 0; i < 90; ++i) co_await get(tokens, values);
    co_await tokens.Get("https://contoso.sharepoint.com");
  });

  CHECK(counted.asked == 2);
  CHECK(values == std::vector<std::string>(100, "https://graph.microsoft.com-1"));
}

TEST_CASE("A token that was refused is not handed out again", "[cache]") {
  asio::io_context io;
  CacheManager caches{CacheManager::Options{}};
  auto source = std::make_unique<CountingTokens>();
  CountingTokens& counted = *source;
  CachedTokens tokens(std::move(source), caches, "tenant/client");

  testing::Await(io, [&]() -> Task<void> {
    const Secret first = (co_await tokens.Get("r"))->value;
    tokens.Reject("r", first);
    const Secret second = (co_await tokens.Get("r"))->value;
    CHECK_FALSE(second == first);
    tokens.Reject("r", first);  // It has been replaced already.
    const Secret third = (co_await tokens.Get("r"))->value;
    CHECK(third == second);
  });

  CHECK(counted.asked == 2);
  CHECK(counted.rejected == 2);
}

TEST_CASE("A token within five minutes of its end is left to its source", "[cache][S0-10]") {
  asio::io_context io;
  CacheManager caches{CacheManager::Options{}};
  auto source = std::make_unique<CountingTokens>();
  CountingTokens& counted = *source;
  counted.lives = std::chrono::seconds(0);
  CachedTokens tokens(std::move(source), caches, "tenant/client");

  testing::Await(io, [&]() -> Task<void> {
    co_await tokens.Get("r");
    co_await tokens.Get("r");
  });

  CHECK(counted.asked == 2);
}

TEST_CASE("How a host is doing is learnt from its answers", "[cache][S2-13][S2-15][S2-31][S2-32]") {
  ManualClock clock;
  HostHealth hosts(clock.Reader());
  const HttpResponse good = Response(200), missing = Response(404), busy = Response(429);

  hosts.Heard(Answered(good, "https://b.example/x"));
  hosts.Heard(Answered(missing, "https://b.example/y"));
  CHECK(hosts.TakeTurned().empty());
  for (int i = 0; i < 5; ++i) hosts.Heard(Answered(busy, "https://a.example/x"));
  const auto list = hosts.Hosts();

  REQUIRE(list.size() == 2);
  CHECK(list[0].name == "a.example");
  CHECK(list[0].health.state == GateState::kOpen);
  CHECK(list[0].health.last_error == "HTTP 429");
  CHECK(list[1].name == "b.example");
  CHECK(list[1].health.state == GateState::kClosed);
  CHECK(list[1].health.calls == 2);
  CHECK(list[1].health.p50 == std::chrono::milliseconds(5));
  CHECK(hosts.TakeTurned() == std::vector<std::string>{"a.example"});
  clock.Advance(std::chrono::minutes(2));
  hosts.Heard(Answered(good, "https://a.example/x"));
  CHECK(hosts.Hosts()[0].health.state == GateState::kClosed);
  CHECK(hosts.TakeTurned() == std::vector<std::string>{"a.example"});
}

}  // namespace spa
