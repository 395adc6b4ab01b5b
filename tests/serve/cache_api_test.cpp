#include "serve/cache_api.h"

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "core/log/log.h"
#include "serve/openapi.h"
#include "tests/serve/json_schema.h"
#include "tests/serve/serving.h"

namespace spa {
namespace {

using namespace testing;
using nlohmann::json;

const json& Document() {
  static const json kDocument = json::parse(kOpenApi);
  return kDocument;
}

// Holds an answer against the schema that docs/openapi.json has for it.
void CheckShape(const std::string& method, const std::string& route, const Answered& answer) {
  const json& responses = Document()["paths"][route][method]["responses"];
  INFO(method << " " << route << ": " << answer.body);
  REQUIRE(responses.contains(std::to_string(answer.status)));
  const json& content = responses[std::to_string(answer.status)]["content"];
  std::string type(FindHeader(answer.headers, "Content-Type"));
  type = type.substr(0, type.find(';'));
  REQUIRE(content.contains(type));
  if (type == "text/plain") return;
  CHECK(Complaint(Document(), content[type]["schema"], answer.json) == "");
}

Task<void> Fill(Serving& s, CacheKind kind, int count, std::vector<Tag> tags = {}) {
  auto cache = s.caches.Open<std::string>(kind);
  for (int i = 0; i < count; ++i) {
    CacheKey key(kind, std::to_string(i));
    WriteOptions options;
    options.tags = tags;
    {
      const auto got = co_await cache.Set(std::move(key), std::string("value"), std::move(options));
      CHECK(got);
    }
  }
}

std::uint64_t EntriesOf(Serving& s, std::string_view kind) {
  for (const KindStats& stats : s.caches.Stats().kinds) {
    if (stats.kind == kind) return stats.entries;
  }
  return 0;
}

TEST_CASE("The description names every route, and no other", "[cache][S2-44]") {
  std::set<std::string> served, described;
  for (const auto& route : CacheApi::Routes()) {
    std::string method(route.method);
    std::transform(method.begin(), method.end(), method.begin(), ::tolower);
    served.insert(method + " " + std::string(route.path));
  }
  for (const auto& [path, methods] : Document()["paths"].items()) {
    for (const auto& [method, operation] : methods.items()) described.insert(method + " " + path);
  }
  CHECK(served == described);
}

TEST_CASE("Everybody may ask whether the server is there", "[cache][S3-112]") {
  Serving serving;
  serving.Run([](Serving& s) -> Task<void> {
    const Answered answer = co_await s.Call("GET", "/healthz", HttpHeaders());
    CHECK(answer.status == 200);
    CheckShape("get", "/healthz", answer);
  });
}

TEST_CASE("Every other route refuses whoever shows neither key nor token", "[cache][S2-42]") {
  Serving serving;
  serving.Run([](Serving& s) -> Task<void> {
    for (const auto& route : CacheApi::Routes()) {
      if (route.path == "/healthz") continue;
      std::string path(route.path);
      if (const auto at = path.find("{name}"); at != std::string::npos) path.replace(at, 6, "site");
      const std::string method(route.method);
      const Answered none = co_await s.Call(method, path, HttpHeaders());
      CHECK(none.status == 401);
      CHECK(FindHeader(none.headers, "WWW-Authenticate").starts_with("Bearer"));
      HttpHeaders wrong = {{"X-Api-Key", kTestKey + "x"}};
      {
        const auto got = co_await s.Call(method, path, std::move(wrong));
        CHECK(got.status == 401);
      }
      CheckShape(method == "GET" ? "get" : "post", std::string(route.path), none);
    }
    {
      const auto got = co_await s.Call("GET", "/nothing", HttpHeaders());
      CHECK(got.status == 401);
    }
  });
}

TEST_CASE("What is not there is a problem, not a page", "[cache][S2-35]") {
  Serving serving;
  serving.Run([](Serving& s) -> Task<void> {
    const std::vector<std::string> paths = {"/nothing", "/cache", "/cache/stats/",
                                            "/cache/stats/a/b"};
    for (const std::string& path : paths) {
      {
        const auto got = co_await s.Get(path);
        CHECK(got.status == 404);
      }
    }
    const Answered unknown = co_await s.Get("/cache/stats/%22odd%0A");
    CHECK(unknown.status == 404);
    CHECK(FindHeader(unknown.headers, "Content-Type") == "application/problem+json");
    CHECK(unknown.json["detail"] == "\"\"odd\n\" is no cache");
    const Answered wrong = co_await s.Post("/cache/stats");
    CHECK(wrong.status == 405);
    CHECK(FindHeader(wrong.headers, "Allow") == "GET");
  });
}

TEST_CASE("Statistics, health and performance have the described shape",
          "[cache][S2-34][S2-35][S2-36][S2-37][S2-44]") {
  Serving serving;
  serving.Run([](Serving& s) -> Task<void> {
    co_await Fill(s, CacheKind::kSite, 3);
    auto sites = s.caches.Open<std::string>(CacheKind::kSite);
    const std::vector<std::string> ids = {"0", "1", "absent"};
    for (const std::string& id : ids) {
      CacheKey key(CacheKind::kSite, id);
      (void)co_await sites.Get(std::move(key));
    }
    s.steady += std::chrono::seconds(10);

    const Answered all = co_await s.Get("/cache/stats");
    CHECK(all.status == 200);
    CheckShape("get", "/cache/stats", all);
    CHECK(all.json["kinds"]["site"]["l1_hits"] == 2);
    CHECK(all.json["kinds"]["site"]["misses"] == 1);

    const Answered one = co_await s.Get("/cache/stats/site");
    CheckShape("get", "/cache/stats/{name}", one);
    CHECK(one.json["kind"] == "site");
    CHECK(one.json["sets"] == 3);
    {
      const auto got = co_await s.Get("/cache/stats/user");
      CHECK(got.json["lookups"] == 0);
    }

    const Answered health = co_await s.Get("/cache/health");
    CHECK(health.status == 200);
    CHECK(health.json["status"] == "healthy");
    CheckShape("get", "/cache/health", health);

    const Answered performance = co_await s.Get("/cache/performance-metrics");
    CheckShape("get", "/cache/performance-metrics", performance);
    CHECK(performance.json["uptime_seconds"] == 10);
    CHECK(performance.json["kinds"]["site"]["lookups_per_second"] == 0.3);

    const Answered description = co_await s.Get("/openapi.json");
    CheckShape("get", "/openapi.json", description);
  });
}

TEST_CASE("Metrics are lines that Prometheus reads", "[cache][S2-37][S3-108]") {
  Serving serving;
  serving.Run([](Serving& s) -> Task<void> {
    co_await Fill(s, CacheKind::kSite, 2);
    const Answered answer = co_await s.Get("/metrics");
    CHECK(answer.status == 200);
    CHECK(FindHeader(answer.headers, "Content-Type").starts_with("text/plain; version=0.0.4"));
    const std::regex comment(
        R"(# (HELP spa_cache_\w+ .+|TYPE spa_cache_\w+ (counter|gauge|summary)))");
    const std::regex sample(R"(spa_cache_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [0-9.eE+-]+)");
    std::istringstream lines(answer.body);
    std::set<std::string> families;
    for (std::string line; std::getline(lines, line);) {
      INFO(line);
      CHECK(std::regex_match(line, line.starts_with('#') ? comment : sample));
      if (line.starts_with("# TYPE ")) {
        CHECK(families.insert(line.substr(7, line.rfind(' ') - 7)).second);
      }
    }
    CHECK(answer.body.find("\nspa_cache_sets_total{kind=\"site\"} 2\n") != std::string::npos);
    CHECK(answer.body.find("\nspa_cache_alert{rule=\"error_spike\"} 0\n") != std::string::npos);
    CHECK(families.contains("spa_cache_hit_ratio"));
    CHECK(families.contains("spa_cache_latency_seconds"));
  });
}

TEST_CASE("An alert is told by health and metrics while it holds", "[cache][S2-69][S2-70]") {
  Serving serving;
  serving.Run([](Serving& s) -> Task<void> {
    AlertSample sample;
    s.alerts.Look(sample, AlertWatch::Time());
    sample.lookups = 1000;
    s.alerts.Look(sample, AlertWatch::Time() + std::chrono::seconds(5));

    const Answered health = co_await s.Get("/cache/health");
    CHECK(health.status == 200);
    CHECK(health.json["status"] == "degraded");
    CHECK(health.json["alerts"][0]["rule"] == "low_hit_rate");
    CheckShape("get", "/cache/health", health);
    const Answered metrics = co_await s.Get("/metrics");
    CHECK(metrics.body.find("spa_cache_alert{rule=\"low_hit_rate\"} 1") != std::string::npos);
  });
}

TEST_CASE("Cleanup drops what has expired and says how much", "[cache][S2-38]") {
  Serving serving;
  serving.Run([](Serving& s) -> Task<void> {
    co_await Fill(s, CacheKind::kItem, 4);
    co_await Fill(s, CacheKind::kGroupMembers, 2);
    {
      const auto got = co_await s.Post("/cache/cleanup");
      CHECK(got.json["removed"] == 0);
    }
    s.now += std::chrono::hours(2);  // Items live for an hour and a quarter at most.
    const Answered answer = co_await s.Post("/cache/cleanup");
    CheckShape("post", "/cache/cleanup", answer);
    CHECK(answer.json["removed"] == 4);
    CHECK(EntriesOf(s, "group_members") == 2);
  });
}

TEST_CASE("Clearing one cache leaves the others alone", "[cache][S2-39]") {
  Serving serving;
  serving.Run([](Serving& s) -> Task<void> {
    co_await Fill(s, CacheKind::kSite, 3);
    co_await Fill(s, CacheKind::kUser, 2);
    const Answered answer = co_await s.Post("/cache/clear/site");
    CheckShape("post", "/cache/clear/{name}", answer);
    CHECK(answer.json["cache"] == "site");
    CHECK(answer.json["removed"] == 3);
    CHECK(EntriesOf(s, "site") == 0);
    CHECK(EntriesOf(s, "user") == 2);
    {
      const auto got = co_await s.Post("/cache/clear/sites");
      CHECK(got.status == 404);
    }
  });
}

TEST_CASE("Clearing everything needs a confirmation and carries warnings", "[cache][S2-40]") {
  Serving serving;
  serving.Run([](Serving& s) -> Task<void> {
    co_await Fill(s, CacheKind::kSite, 3);
    const std::vector<std::string> paths = {"/cache/clear-all", "/cache/clear-all?confirm=yes",
                                            "/cache/clear-all?confirm="};
    for (const std::string& path : paths) {
      const Answered refused = co_await s.Post(path);
      CHECK(refused.status == 409);
      CheckShape("post", "/cache/clear-all", refused);
    }
    CHECK(EntriesOf(s, "site") == 3);
    const Answered done = co_await s.Post("/cache/clear-all?confirm=true");
    CheckShape("post", "/cache/clear-all", done);
    CHECK(done.json["removed"] == 3);
    CHECK(done.json["warnings"].size() == 2);
    CHECK(EntriesOf(s, "site") == 0);
  });
}

TEST_CASE("What came from one provider is dropped together") {
  Serving serving;
  serving.Run([](Serving& s) -> Task<void> {
    std::vector<Tag> tags;
    tags.emplace_back("provider", "graph.microsoft.com");
    co_await Fill(s, CacheKind::kServiceError, 3, std::move(tags));
    co_await Fill(s, CacheKind::kSite, 1);
    {
      const auto got = co_await s.Post("/cache/invalidate");
      CHECK(got.status == 400);
    }
    const Answered answer = co_await s.Post("/cache/invalidate?provider=graph.microsoft.com");
    CheckShape("post", "/cache/invalidate", answer);
    CHECK(answer.json["removed"] == 3);
    auto errors = s.caches.Open<std::string>(CacheKind::kServiceError);
    CacheKey gone(CacheKind::kServiceError, "0"), kept(CacheKind::kSite, "0");
    {
      const auto got = co_await errors.Contains(std::move(gone));
      CHECK_FALSE(got);
    }
    {
      const auto got =
          co_await s.caches.Open<std::string>(CacheKind::kSite).Contains(std::move(kept));
      CHECK(got);
    }
  });
}

TEST_CASE("Two hundred quick calls are too many for one caller", "[cache][S2-41]") {
  ServingOptions options;
  options.rate = 20;
  Serving serving(options);
  serving.Run([](Serving& s) -> Task<void> {
    int fine = 0, refused = 0;
    for (int i = 0; i < 200; ++i) {
      const Answered answer = co_await s.Get("/cache/stats");
      (answer.status == 200 ? fine : refused) += 1;
      if (answer.status == 200) continue;
      CHECK(answer.status == 429);
      CHECK(FindHeader(answer.headers, "Retry-After") == "1");
      if (refused == 1) CheckShape("get", "/cache/stats", answer);
    }
    CHECK(fine == 40);
    CHECK(refused == 160);
    // Another caller is not concerned; whoever tries keys is slowed down, too.
    {
      const auto got = co_await s.With(s.Token());
      CHECK(got.status == 200);
    }
    std::set<int> tried;
    for (int i = 0; i < 60; ++i) {
      HttpHeaders wrong = {{"X-Api-Key", "wrong"}};
      tried.insert((co_await s.Call("GET", "/cache/stats", std::move(wrong))).status);
    }
    CHECK(tried == std::set<int>{401, 429});
    s.steady += std::chrono::seconds(1);
    {
      const auto got = co_await s.Get("/cache/stats");
      CHECK(got.status == 200);
    }
  });
}

TEST_CASE("Each managing call is one line in the log, without a secret", "[cache][S2-43]") {
  const TempFile file("");
  log::Options options;
  options.stderr_level = log::Level::kError;
  options.file = file.path();
  REQUIRE(log::Open(options));
  std::string token;
  {
    Serving serving;
    serving.Run([&](Serving& s) -> Task<void> {
      co_await Fill(s, CacheKind::kSite, 3);
      co_await s.Get("/cache/stats");
      co_await s.Post("/cache/clear/site");
      HttpHeaders wrong = {{"X-Api-Key", "wrong-key"}};
      co_await s.Call("POST", "/cache/cleanup", std::move(wrong));
      token = s.Token();
      co_await s.With(token, "POST", "/cache/clear-all");
    });
  }
  log::Options quiet;
  quiet.stderr_level = log::Level::kError;
  REQUIRE(log::Open(quiet));
  std::vector<json> lines;
  std::ifstream in(file.path());
  std::string all;
  for (std::string line; std::getline(in, line); all += line) {
    const json entry = json::parse(line);
    if (entry["message"] == "cache management") lines.push_back(entry);
  }
  REQUIRE(lines.size() == 3);
  CHECK(lines[0]["caller"] == "api key");
  CHECK(lines[0]["call"] == "POST /cache/clear/site");
  CHECK(lines[0]["status"] == "200");
  CHECK(lines[0]["count"] == "3");
  CHECK(lines[1]["caller"] == "nobody known at 127.0.0.1");
  CHECK(lines[1]["status"] == "401");
  CHECK(lines[2]["caller"] == "application " + kTestApp + " subject a-service");
  CHECK(lines[2]["status"] == "409");
  for (const std::string& secret : {kTestKey, std::string("wrong-key"), token}) {
    CHECK(all.find(secret) == std::string::npos);
  }
}

}  // namespace
}  // namespace spa
