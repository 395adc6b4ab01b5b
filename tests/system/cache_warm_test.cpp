// `cache warm` against a simulated tenant, with the real program.
#include "tests/system/tenant.h"

namespace spa::testing {
namespace {

using nlohmann::json;

constexpr char kMembers[] = "directory transitiveMembers";

std::uint64_t Asked(const Tenant& tenant, const std::string& route) {
  const auto counters = tenant.counters();
  const auto at = counters.by_route.find(route);
  return at == counters.by_route.end() ? 0 : at->second;
}

struct Warming {
  explicit Warming(Words set = {}) : tenant("demo", kCertificate, std::move(set)) {}

  std::string Level(const std::string& name) const { return "disk:" + tenant.File(name); }
  Ended Warm(const std::string& level, const Words& more = {}) const {
    Words words = {"cache",           "warm", "--config",  tenant.config(),
                   "--from-last-run", "--l2", Level(level)};
    words.insert(words.end(), more.begin(), more.end());
    return Run(words);
  }
  json Warmed(const std::string& level, Words more = {}) const {
    more.push_back("--json");
    const Ended ended = Warm(level, more);
    INFO(ended.err);
    REQUIRE(ended.exit == 0);
    return json::parse(ended.out);
  }
  json Audit(const std::string& level, const std::string& database) const {
    return tenant.Summary({"--cache-l2", Level(level), "--db", tenant.File(database)});
  }

  Tenant tenant;
};

const json& Row(const json& answer, const std::string& kind) {
  for (const json& row : answer.at("kinds")) {
    if (row.at("kind") == kind) return row;
  }
  FAIL("no row of " << kind);
  return answer;
}

}  // namespace

TEST_CASE("After warming from the last run an audit finds its groups and sites in the cache",
          "[system][cache][S2-77]") {
  const Warming w({"hidden_groups=0", "deleted_groups=0"});
  const json first = w.tenant.Summary({"--cache-l2", w.Level("first.cache")});

  const json warmed = w.Warmed("warm.cache");
  CHECK(warmed["run_id"] == first["run_id"]);
  CHECK(warmed["groups"] == first["cache"]["by_kind"]["group_members"]["misses"]);
  CHECK(Row(warmed, "group_members")["loaded"] == warmed["groups"]);
  CHECK(Row(warmed, "group_members")["known"] == 0);
  CHECK(Row(warmed, "site_groups")["loaded"] > 0);

  const std::uint64_t members = Asked(w.tenant, kMembers);
  const json next = w.Audit("warm.cache", "next.db");
  const json& kinds = next["cache"]["by_kind"];
  CHECK(kinds["group_members"]["hit_rate"] >= 0.95);
  CHECK(kinds["group_members"]["misses"] == 0);
  CHECK(kinds["site_groups"]["misses"] == 0);
  CHECK(kinds["drive"]["hits"] > 2 * kinds["drive"]["misses"].get<int>());
  CHECK(Asked(w.tenant, kMembers) == members);
  CheckEqual(w.tenant.CompareAll({"--db", w.tenant.File("next.db")}));

  const json again = w.Warmed("warm.cache");  // What is there is not asked for.
  CHECK(Row(again, "group_members")["loaded"] == 0);
  CHECK(Row(again, "group_members")["known"] == warmed["groups"]);
}

TEST_CASE("Warming takes the groups that are used most, and tells what it could not read",
          "[system][cache][S2-77]") {
  const Warming w;
  w.tenant.Summary({"--cache-l2", w.Level("first.cache")});

  const json few = w.Warmed("few.cache", {"--top", "2"});
  CHECK(few["groups"] == 2);
  const json all = w.Warmed("all.cache");
  REQUIRE(all["failed"].size() > 0);  // Hidden and deleted groups, closed sites.
  for (const json& one : all["failed"]) {
    CHECK(one["what"] != "");
    CHECK(one["reason"] != "");
  }
}

TEST_CASE("Warming without a run, a second level or a source is refused", "[system][cache]") {
  const Warming w;
  CHECK(w.Warm("c.cache").exit != 0);  // Nothing was audited yet.
  w.tenant.Summary({"--cache-l2", "none"});
  CHECK(Run({"cache", "warm", "--config", w.tenant.config(), "--from-last-run", "--l2", "none"})
            .exit == 2);
  CHECK(Run({"cache", "warm", "--config", w.tenant.config()}).exit == 2);
  CHECK(w.Warm("c.cache", {"--cache-mode", "read"}).exit == 2);
  CHECK(w.Warm("c.cache", {"--top", "many"}).exit == 2);
}

}  // namespace spa::testing
