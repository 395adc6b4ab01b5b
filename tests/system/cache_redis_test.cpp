// Audits that share what they learnt through a real Redis.
#include <fmt/format.h>

#include "tests/support/redis_fixture.h"
#include "tests/system/tenant.h"

namespace spa::testing {
namespace {

using nlohmann::json;

std::string Exported(const Tenant& tenant, const std::string& database) {
  return ReadText(tenant.Export("permissions", {"--db", tenant.File(database), "--all"})) +
         ReadText(tenant.Export("objects", {"--db", tenant.File(database)}));
}

std::size_t Count(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

Words Into(const Tenant& tenant, const std::string& database, const std::string& l2) {
  return {"--db", tenant.File(database), "--cache-l2", l2, "--compression-threshold", "0"};
}

// What `redis-cli --scan --pattern PATTERN` shows.
std::vector<std::string> Scanned(const RedisServer& redis, const std::string& pattern) {
  std::vector<std::string> keys;
  std::string cursor = "0";
  do {
    const Resp page = redis.Ask({"SCAN", cursor, "MATCH", pattern, "COUNT", "1000"});
    REQUIRE(page.items.size() == 2);
    cursor = page.items[0].text;
    for (const Resp& key : page.items[1].items) keys.push_back(key.text);
  } while (cursor != "0");
  return keys;
}

}  // namespace

TEST_CASE("Redis shows what an audit stored, and no secret among keys and values",
          "[cache][redis][S4-25][S4-30][S4-06][S4-13]") {
  RedisServer redis;
  const Tenant tenant("small", kSecret, {"hidden_groups=0", "deleted_groups=0"});
  const json config = json::parse(ReadText(tenant.config()));
  const std::string secret = config["auth"]["client_secret"];

  tenant.Summary(Into(tenant, "first.db", redis.url()));

  const auto keys = Scanned(redis, "sharepoint_audit:*");
  REQUIRE_FALSE(keys.empty());
  const std::string members = fmt::format("sharepoint_audit:group_members:2:{}@",
                                          config["auth"]["tenant_id"].get<std::string>());
  std::size_t groups = 0;
  for (const std::string& key : Scanned(redis, "*")) {
    INFO(key);
    CHECK(key.find(secret) == std::string::npos);
    CHECK(key.find("access_token") == std::string::npos);
    CHECK(key.find("graph_error") == std::string::npos);
    CHECK(key.find("eyJ") == std::string::npos);
  }
  for (const std::string& key : keys) {
    INFO(key);
    const std::string value = redis.Ask({"GET", key}).text;
    CHECK(value.find(secret) == std::string::npos);
    CHECK(value.find("eyJ") == std::string::npos);
    if (!key.starts_with(members)) continue;
    ++groups;
    CHECK(value.find('[') != std::string::npos);  // JSON.
    // Six hours at most a tenth shorter, and a day for when loading fails.
    const std::int64_t ttl = redis.Ask({"TTL", key}).integer;
    CHECK(ttl <= (6 + 24) * 3600);
    CHECK(ttl > 5 * 3600);
  }
  CHECK(groups > 0);
}

TEST_CASE("Cold, warm disk and warm Redis export the same bytes", "[cache][redis][S4-15]") {
  RedisServer redis;
  const Tenant tenant("small", kCertificate, {"hidden_groups=0", "deleted_groups=0"});
  const std::string disk = "disk:" + tenant.File("cache.db");
  tenant.Summary({"--db", tenant.File("plain.db"), "--no-cache"});
  const std::string plain = Exported(tenant, "plain.db");

  for (const std::string& l2 : {disk, redis.url()}) {
    INFO(l2);
    tenant.Summary(Into(tenant, "cold.db", l2));
    const json warm = tenant.Summary(Into(tenant, "warm.db", l2));
    CHECK(warm["cache"]["l2_hits"] > 0);
    CHECK(warm["cache"]["by_kind"]["group_members"]["misses"] == 0);
    CHECK(Exported(tenant, "cold.db") == plain);
    CHECK(Exported(tenant, "warm.db") == plain);
    for (const char* database : {"cold.db", "warm.db"}) {
      for (const char* suffix : {"", "-wal", "-shm"})
        std::filesystem::remove(tenant.File(std::string(database) + suffix));
    }
  }
}

TEST_CASE("Redis that dies and comes back while an audit runs changes nothing",
          "[cache][redis][S1-03][S1-09]") {
  RedisServer redis;
  const Tenant tenant("demo", kCertificate, {"faults.latency_ms=20"});
  tenant.Summary({"--db", tenant.File("plain.db"), "--cache-l2", "none"});
  const std::uint64_t all = tenant.counters().http_requests;
  const auto asked = [&](double share) {
    return [&tenant, all, share] {
      return tenant.counters().http_requests >=
             all + static_cast<std::uint64_t>(share * static_cast<double>(all));
    };
  };

  Program program(tenant.AuditWords(Into(tenant, "shaken.db", redis.url())));
  REQUIRE(program.RunUntil(asked(0.3)));
  redis.Kill();
  REQUIRE(program.RunUntil(asked(0.6)));
  redis.Restart();
  const Ended ended = program.Wait();

  INFO(ended.err);
  CHECK(ended.exit == 0);
  const json summary = ParseSummary(ended);
  CHECK(summary["cache"]["l2"]["degraded_seconds"] > 0);
  CHECK(Count(ended.err, "\"level\":\"warn\"") <= 3);
  CHECK(Exported(tenant, "shaken.db") == Exported(tenant, "plain.db"));
}

}  // namespace spa::testing
