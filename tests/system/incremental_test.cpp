// Runs that read only what changed, and runs that were killed and go on, against what is true.
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <random>

#include "tests/system/changes.h"

namespace spa::testing {
namespace {

using nlohmann::json;

std::int64_t Requests(const Tenant& tenant) {
  return static_cast<std::int64_t>(tenant.counters().http_requests);
}

// Audits, is killed after so many requests, goes on, until a run ends by itself. How often it was.
int AuditAmidKills(const Tenant& tenant, const Words& first, std::mt19937& random,
                   std::int64_t most_requests, int most_kills) {
  Words more = first;
  for (int kills = 0;; ++kills) {
    const std::int64_t stop =
        Requests(tenant) + 1 + static_cast<std::int64_t>(random() % most_requests);
    Program audit(tenant.AuditWords(more));
    const bool met = kills < most_kills && audit.RunUntil([&] { return Requests(tenant) >= stop; });
    if (met) audit.Signal(SIGKILL);
    const Ended ended = audit.Wait();
    if (!met) {
      INFO(ended.err);
      REQUIRE(ended.exit == 0);
      return kills;
    }
    // A run that was killed before it began has left nothing to go on with.
    const Ended runs = Run({"runs", "--config", tenant.config(), "--output-format", "json"});
    const auto listed = json::parse(runs.out, nullptr, false);
    const bool begun = listed.is_array() && !listed.empty() && listed.back()["status"] == "running";
    more = begun ? Words{"--no-cache", "--resume", "last"} : first;
  }
}

}  // namespace

TEST_CASE("After any change an incremental run tells the same as the truth") {
  for (const char* seed : {"11", "12", "13"}) {
    INFO("seed " << seed);
    Tenant tenant("small", kCertificate, {std::string("seed=") + seed, "personal_sites=2"});
    tenant.Summary({"--no-cache"});
    for (int round = 1; round <= 2; ++round) {
      const json done = Change(tenant, {{"seed", round}, {"count", 100}, {"kinds", Kinds()}});
      INFO(done.dump());

      const json summary = tenant.Summary({"--no-cache"});

      CHECK(summary["mode"] == "incremental");
      CheckEqual(tenant.CompareAll());
    }
  }
}

TEST_CASE("A quiet incremental run asks each library once, in batches, and reads no item") {
  const Tenant tenant("demo");
  const json full = tenant.Summary({"--no-cache"});
  CHECK(full["mode"] == "full");
  const std::string before = ReadText(tenant.Export("permissions", {"--all"}));

  const json quiet = tenant.Summary({"--no-cache"});

  CHECK(quiet["mode"] == "incremental");
  CHECK(quiet["coverage"]["percent"] == full["coverage"]["percent"]);
  CHECK(quiet["status"] == full["status"]);
  CHECK(quiet["coverage"]["read"] == full["coverage"]["read"]);
  CHECK(quiet["coverage"]["inherited"] == full["coverage"]["inherited"]);
  CHECK(quiet["api"]["graph_requests"] < full["api"]["graph_requests"].get<int>() / 2);
  CHECK(ReadText(tenant.Export("permissions", {"--all"})) == before);
}

TEST_CASE(
    "A quiet run costs one delta a library, in batches of twenty, and what sites always cost") {
  Tenant tenant("small", kCertificate, {"sites=30", "libraries_per_site=3", "items=600"});
  tenant.Summary({"--no-cache"});
  const auto before = tenant.counters();
  tenant.Summary({"--no-cache"});
  const auto after = tenant.counters();
  const auto floor = tenant.server().floor();
  const auto asked = [&](const std::string& route) -> std::uint64_t {
    const auto of = [&](const auto& counters) {
      const auto at = counters.by_route.find(route);
      return at == counters.by_route.end() ? 0 : at->second;
    };
    return of(after) - of(before);
  };
  std::uint64_t owners = 0;  // Libraries, and nothing below them.
  for (const json& object : tenant.TrueObjects()) {
    owners += object["object_type"] == "library" && !object["inherits"] ? 1 : 0;
  }
  const auto batches = after.batches - before.batches,
             parts = after.batch_parts - before.batch_parts;
  CAPTURE(floor.drives, floor.webs, owners, batches, parts);

  REQUIRE(floor.drives > 60);
  CHECK(asked("graph delta changes") == floor.drives);
  CHECK(asked("graph delta") == 0);
  CHECK(asked("graph permissions") == owners);
  CHECK(asked("graph item") == 0);
  CHECK(asked("graph drives") == asked("graph lists"));
  CHECK(after.graph - before.graph - batches == floor.site_pages);
  CHECK(batches <= parts / 20 + 6);
}

TEST_CASE("Where the links are too old the drives are read whole, each for itself") {
  Tenant tenant("small", kCertificate, {"wire.delta_token_lifetime_changes=1"});
  tenant.Summary({"--no-cache"});
  Change(tenant, {{"seed", 7}, {"count", 60}, {"kinds", Kinds()}});

  const json summary = tenant.Summary({"--no-cache"});

  CHECK(summary["mode"] == "incremental");
  CheckEqual(tenant.CompareAll());
}

TEST_CASE("Graph alone tells of changes as far as it can") {
  Tenant tenant("small", kSecret, {"custom_level_rate=0"});
  tenant.Summary({"--no-cache"});
  Change(tenant, {{"seed", 3}, {"count", 80}, {"kinds", Kinds()}});

  const json summary = tenant.Summary({"--no-cache", "--max-age", "0s"});

  CHECK(summary["mode"] == "incremental");
  CheckEqual(tenant.CompareItems());
}

TEST_CASE("A run that is killed again and again goes on each time and tells the truth") {
  std::mt19937 random(5);
  Tenant tenant("small", kCertificate, {"wire.delta_page=20"});
  CHECK(AuditAmidKills(tenant, {"--no-cache", "--full"}, random, 40, 6) > 0);
  CheckEqual(tenant.CompareAll());

  Change(tenant, {{"seed", 9}, {"count", 100}, {"kinds", Kinds()}});
  CHECK(AuditAmidKills(tenant, {"--no-cache"}, random, 25, 6) > 0);
  CheckEqual(tenant.CompareAll());
}

TEST_CASE("An interrupted run can be resumed and a finished one cannot") {
  const Tenant tenant("small", kCertificate, {"faults.latency_ms=20"});
  Program audit(tenant.AuditWords({"--no-cache"}));
  REQUIRE(audit.RunUntil([&] { return Requests(tenant) > 30; }));
  audit.Signal(SIGINT);
  REQUIRE(audit.Wait().exit == 130);

  const json summary = tenant.Summary({"--no-cache", "--resume", "last"});

  CheckEqual(tenant.CompareAll());
  const Ended again = tenant.Audit({"--resume", summary["run_id"].get<std::string>()});
  CHECK(again.exit == 2);
  CHECK(again.err.find("nothing to resume") != std::string::npos);
}

TEST_CASE("Of two that resume one run the second is told who holds it", "[S3-98]") {
  Tenant tenant("small", kCertificate, {"faults.latency_ms=20"});
  {
    Program audit(tenant.AuditWords({"--no-cache"}));
    REQUIRE(audit.RunUntil([&] { return Requests(tenant) > 30; }));
    audit.Signal(SIGKILL);
    audit.Wait();
  }
  FaultSpec slow;
  slow.latency_ms = 1000;
  tenant.server().set_faults(slow);
  const auto before = Requests(tenant);
  Program first(tenant.AuditWords({"--no-cache", "--resume", "last"}));
  REQUIRE(first.RunUntil([&] { return Requests(tenant) > before + 5; }));

  const Ended second = tenant.Audit({"--no-cache", "--resume", "last"});

  INFO(second.err);
  CHECK(second.exit == 75);
  CHECK(second.err.find("holds") != std::string::npos);
  tenant.server().set_faults(FaultSpec());
  CHECK(first.Wait().exit == 0);
  CheckEqual(tenant.CompareAll());
}

}  // namespace spa::testing
