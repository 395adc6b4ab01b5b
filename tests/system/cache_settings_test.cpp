// The settings of the cache: what they are where nobody says otherwise, that each can be changed,
// and what is there only when it is asked for.
#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/support/redis_fixture.h"
#include "tests/system/program.h"

namespace spa::testing {
namespace {

using Json = nlohmann::json;

struct Row {
  const char* kind;
  int fresh, entries;
};

Json Told(Words words) {
  const Ended ended = Run(words);
  INFO(ended.err);
  REQUIRE(ended.exit == 0);
  const Json json = Json::parse(ended.out, nullptr, false);
  REQUIRE_FALSE(json.is_discarded());
  return json;
}

Json Policies(Words more = {}) {
  Words words = {"cache", "policy", "--json"};
  words.insert(words.end(), more.begin(), more.end());
  Json rows;
  for (const Json& row : Told(words)) rows[row.at("kind").get<std::string>()] = row;
  return rows;
}

}  // namespace

TEST_CASE("Every default of the cache is shown",
          "[cache][S1-10][S1-11][S2-49][S2-51][S2-56][S2-57][S2-58][S2-59][S2-60][S4-03]") {
  const Json cache = Told({"config", "show", "--defaults"}).at("cache");
  CHECK(cache.at("default_ttl") == 3600);
  CHECK(cache.at("local_cache_size") == 10000);
  CHECK(cache.at("ttl") == 300);
  CHECK(cache.at("compression_threshold") == 1000);
  CHECK(cache.at("redis").at("url").is_null());
  CHECK(cache.at("l2").get<std::string>().starts_with("disk:"));

  const Json policies = Policies();
  for (const Row& row : {Row{"token_validation", 300, 5000}, Row{"graph_error", 300, 2000},
                         Row{"health", 180, 100}, Row{"unnamed", 3600, 1000}}) {
    INFO(row.kind);
    CHECK(policies.at(row.kind).at("fresh") == row.fresh);
    CHECK(policies.at(row.kind).at("entries") == row.entries);
  }
}

TEST_CASE("Every default of a kind can be changed by the configuration, and the change is shown",
          "[cache][S2-02][S2-60]") {
  const Folder folder;
  const Json before = Policies();
  Json kinds;
  for (const auto& [kind, row] : before.items()) kinds[kind] = {{"ttl", 77}, {"max_entries", 33}};
  const Json config = {{"cache", {{"caches", kinds}}}};
  WriteText(folder.File("config.json"), config.dump());

  const Json after = Policies({"--config", folder.File("config.json")});

  REQUIRE(after.size() == before.size());
  for (const auto& [kind, row] : after.items()) {
    INFO(kind);
    CHECK(before.at(kind).at("fresh") != 77);
    CHECK(row.at("fresh") == 77);
    CHECK(row.at("entries") == 33);
  }
  const Json unnamed = Policies({"--cache-default-ttl", "55"}).at("unnamed");
  CHECK(unnamed.at("fresh") == 55);
}

TEST_CASE("The URL of Redis is a setting, by flag, environment and file", "[cache][S1-10][S3-66]") {
  const Folder folder;
  const std::string url = "redis://redis:6379";
  const Json config = {{"cache", {{"redis", {{"url", url}}}}}};
  WriteText(folder.File("config.json"), config.dump());
  Surroundings around;
  around.environment = {"SHAREPOINT_AUDIT_CACHE__REDIS__URL=" + url};
  const auto shown = [](const Ended& ended) {
    return Json::parse(ended.out).at("cache").at("redis").at("url");
  };

  CHECK(shown(Run({"config", "show", "--redis-url", url})) == url);
  CHECK(shown(Run({"config", "show"}, around)) == url);
  CHECK(shown(Run({"config", "show", "--config", folder.File("config.json")})) == url);
}

TEST_CASE("Security and metrics are there when they are asked for and only then",
          "[cache][redis][S1-15][S1-37]") {
  RedisServer plain;
  CHECK(Run({"cache", "set", "k", "v", "--l2", plain.url()}).exit == 0);

  RedisSetup setup;
  setup.password = true;
  setup.tls = true;
  RedisServer guarded(setup);
  const StoreSecurity security = guarded.security();
  const Folder folder;
  const Json config = {{"cache",
                        {{"redis",
                          {{"security",
                            {{"redis_auth", security.password.Reveal()},
                             {"tls_ca_path", security.ca_file},
                             {"tls_cert_path", security.cert_file},
                             {"tls_key_path", security.key_file}}}}}}}};
  WriteText(folder.File("config.json"), config.dump());
  const Words with = {"--l2", guarded.url(), "--config", folder.File("config.json")};
  const auto secured = [&](Words words) {
    words.insert(words.begin(), "cache");
    words.insert(words.end(), with.begin(), with.end());
    return Run(words);
  };
  CHECK(secured({"set", "k", "v"}).exit == 0);
  CHECK(secured({"get", "k"}).out == "v\n");
  CHECK(Run({"cache", "ping", "--l2", guarded.url()}).exit != 0);

  const Ended metrics = secured({"metrics"});
  CHECK(metrics.exit == 0);
  CHECK(metrics.out.find("spa_cache_l2_hits_total{kind=\"unnamed\"} 1\n") != std::string::npos);
}

TEST_CASE("cache health says whether Redis is available", "[cache][redis][S1-54]") {
  RedisServer server;
  const auto health = [&] {
    return Json::parse(Run({"cache", "health", "--json", "--l2", server.url()}).out);
  };
  CHECK(health().at("redis").at("available") == true);
  server.Stop();
  CHECK(health().at("redis").at("available") == false);
  CHECK(Run({"cache", "health", "--l2", server.url()}).exit == 5);
  server.Restart();
  CHECK(health().at("redis").at("available") == true);
}

}  // namespace spa::testing
