// Shards of one tenant on one Redis: one budget, one pause, one expansion of each group.
#include <fmt/format.h>

#include <regex>

#include "core/encoding.h"
#include "tests/support/redis_fixture.h"
#include "tests/system/shards.h"

namespace spa::testing {
namespace {

using nlohmann::json;
using SteadyClock = std::chrono::steady_clock;

// Sites that share groups, all of which can be read: one that cannot is asked for by each process.
const Words kTenant = {"sites=24",  "personal_sites=2", "subsite_rate=0.3",
                       "items=500", "hidden_groups=0",  "deleted_groups=0"};

std::uint64_t Asked(const Tenant& tenant, const std::string& route) {
  const auto counters = tenant.counters();
  const auto at = counters.by_route.find(route);
  return at == counters.by_route.end() ? 0 : at->second;
}
std::uint64_t GroupsAsked(const Tenant& tenant) {
  return Asked(tenant, "directory transitiveMembers") + Asked(tenant, "directory owners");
}

// The common budget of SharePoint's units, as Redis has it: what was taken in the last minute.
class Ledger {
 public:
  Ledger(const Tenant& tenant, const RedisServer& redis) : redis_(redis) {
    const json config = json::parse(ReadText(tenant.config()));
    const std::string url = config["graph"]["base_url"];
    std::smatch host;
    REQUIRE(std::regex_search(url, host, std::regex("//([^/]+)/")));
    const std::string who =
        fmt::format("{}@{}/{}", config["auth"]["tenant_id"].get<std::string>(), host[1].str(),
                    config["auth"]["client_id"].get<std::string>());
    key_ = "{sharepoint_audit:budget:" + UrlEncode(who) + ":sharepoint}:minute";
  }

  std::uint64_t units() const {
    const std::string text = redis_.Ask({"GET", key_}).text;
    std::uint64_t sum = 0;
    const std::regex slot("(\\d+):(\\d+)");
    for (std::sregex_iterator at(text.begin(), text.end(), slot), end; at != end; ++at) {
      if (std::stoll((*at)[1].str()) > Now() - kSlots) sum += std::stoull((*at)[2].str());
    }
    return sum;
  }
  // As if others had taken so many units, whose minute ends after so many seconds.
  void Preload(std::uint64_t units, std::int64_t seconds) const {
    redis_.Ask({"SET", key_, fmt::format("{}:{}", Now() - kSlots + seconds, units), "PX", "66000"});
  }

 private:
  static constexpr std::int64_t kSlots = 65;  // seconds
  std::int64_t Now() const { return std::stoll(redis_.Ask({"TIME"}).items.at(0).text); }

  const RedisServer& redis_;
  std::string key_;
};

Words Sharing(const RedisServer& redis, std::uint64_t limit) {
  return {"--cache-l2", redis.url(), "--resource-units-per-minute", std::to_string(limit)};
}

void CheckShardsTogether(int count) {
  const RedisServer redis;
  Tenant tenant("small", kCertificate, kTenant);
  tenant.Summary({"--db", tenant.File("whole.db")});
  const std::string expected = Exported(tenant, "whole.db");
  const auto alone = tenant.counters();
  const std::uint64_t groups = GroupsAsked(tenant);
  REQUIRE(groups > 3);
  // Somewhat more than half of the tenant may go at once, in a minute of the service's that lasts 3
  // s; then others' units, which fill the rest of the budget, fall out of the common minute.
  const std::uint64_t units = alone.resource_units;
  FaultSpec faults;
  faults.units_per_minute = static_cast<int>(units * 6 / 10);
  faults.minute_ms = 3000;
  tenant.server().set_faults(faults);
  const Ledger ledger(tenant, redis);
  ledger.Preload(units, 8);
  const std::uint64_t limit = units + units * 6 / 10;

  AuditShards(tenant, count, Sharing(redis, limit));

  const auto counters = tenant.counters();
  CAPTURE(units, counters.resource_units - units, ledger.units());
  CHECK(counters.throttled == 0);
  CHECK(counters.unavailable == 0);
  CHECK(counters.requests_while_throttled == 0);
  CHECK(ledger.units() >= counters.resource_units - units);  // No unit was spent past it.
  CHECK(ledger.units() <= limit);
  CHECK(GroupsAsked(tenant) == 2 * groups);

  const Ended merged = Run(MergeWords(tenant, UpTo(count), count, "merged.db"));
  INFO(merged.err);
  REQUIRE(merged.exit == 0);
  const bool same = Exported(tenant, "merged.db") == expected;
  CHECK(same);
  CheckEqual(tenant.CompareAll({"--db", tenant.File("merged.db")}));
}

TEST_CASE("Two processes on one Redis keep one budget and expand each group once") {
  CheckShardsTogether(2);
}

TEST_CASE("Four processes on one Redis keep one budget and expand each group once") {
  CheckShardsTogether(4);
}

TEST_CASE("What one shard is told to wait the others wait, too") {
  const RedisServer redis;
  const Tenant tenant(
      "small", kCertificate,
      {"sites=8", "items=150", "faults.rate_429=0.03", "faults.rate_503=0.02",
       "faults.retry_after=decimal", "faults.retry_after_seconds=0.4", "faults.latency_ms=20"});
  // One call at a time: what was on its way cannot be taken back.
  tenant.Configure({{"concurrency", {{"max_api_calls", 1}}}});

  AuditShards(tenant, 2, {"--cache-l2", redis.url()});

  const auto counters = tenant.counters();
  const auto told = counters.throttled + counters.unavailable;
  CAPTURE(told, counters.requests_while_throttled);
  CHECK(told > 3);
  CHECK(counters.early_retries == 0);
  // One that was on its way, and one that left before the word was there. Alone the other would
  // send twenty in that time.
  CHECK(counters.requests_while_throttled <= 3 * told);
}

TEST_CASE("While Redis is silent shards stand still, and go on when it is back") {
  RedisServer redis;
  Tenant tenant("small", kCertificate, {"sites=24", "items=500", "faults.latency_ms=30"});
  tenant.Configure({{"concurrency", {{"max_api_calls", 2}}}});
  const auto shards = StartShards(tenant, 2, Sharing(redis, 100'000));
  const auto asked = [&] { return tenant.counters().http_requests; };
  REQUIRE(shards[0]->RunUntil([&] { return asked() > 60; }));

  redis.Pause();
  // What was taken before may still go; then nothing for a second, in which a hundred could.
  auto last = asked();
  auto since = SteadyClock::now();
  const bool still = shards[0]->RunUntil([&] {
    if (const auto now = asked(); now != last) {
      last = now;
      since = SteadyClock::now();
    }
    return SteadyClock::now() - since > std::chrono::seconds(1);
  });
  CHECK(still);
  redis.Resume();

  for (const json& summary : AwaitShards(shards)) CHECK(summary["objects"]["sites"] > 0);
  CHECK(asked() > last);
  REQUIRE(Run(MergeWords(tenant, UpTo(2), 2, "merged.db")).exit == 0);
  CheckEqual(tenant.CompareAll({"--db", tenant.File("merged.db")}));
}

}  // namespace
}  // namespace spa::testing
