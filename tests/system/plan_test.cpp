// Forecasts against what the audits then did.
#include <fmt/format.h>

#include <cmath>

#include "tests/system/tenant.h"

namespace spa::testing {
namespace {

using nlohmann::json;

// How far a forecast may be off, in percent of what came.
constexpr double kFromLook = 25, kFromRun = 5;

// Forecasts count on nothing that an earlier run remembered.
void ForgetBetweenRuns(const Tenant& tenant) { tenant.Configure({{"cache", {{"l2", "none"}}}}); }

json Plan(const Tenant& tenant, const Words& more = {}) {
  Words words = {"plan", "--config", tenant.config(), "--output-format", "json"};
  words.insert(words.end(), more.begin(), more.end());
  const Ended ended = Run(words);
  INFO("stderr: " << ended.err);
  REQUIRE(ended.exit == 0);
  return json::parse(ended.out);
}

double Off(const json& cost, const json& summary, const char* figure) {
  const double forecast = cost.at(figure), actual = summary.at("api").at(figure);
  return std::abs(forecast - actual) / actual * 100;
}

json RowOf(const json& rows, const std::string& figure) {
  for (const json& row : rows) {
    if (row.at("figure") == figure) return row;
  }
  FAIL("no row " << figure);
  return {};
}

}  // namespace

TEST_CASE("A first look forecasts a full run and the run after it, and is scored") {
  const Tenant tenant("medium", kCertificate, {"items=40000"});
  ForgetBetweenRuns(tenant);
  const auto none = Run({"plan", "--score", "--config", tenant.config()});
  CHECK(none.exit != 0);

  const json plan = Plan(tenant);
  CHECK(plan["basis"] == "look");
  CHECK(plan["next_mode"] == "full");
  CHECK(plan["budget"]["units_per_minute"] == 1250);
  CHECK(plan["look"]["graph_requests"] < plan["full"]["graph_requests"].get<int>() / 3);
  CHECK(Run({"plan", "--score", "--config", tenant.config()}).exit == 2);  // No audit yet.

  const json full = tenant.Summary();
  INFO(plan.dump(1) << full["api"].dump(1));
  CHECK(Off(plan["full"], full, "graph_requests") < kFromLook);
  CHECK(Off(plan["full"], full, "sharepoint_requests") < kFromLook);
  CHECK(Off(plan["full"], full, "resource_units") < kFromLook);
  CHECK(plan["quantities"]["libraries"] == full["objects"]["libraries"]);
  CHECK(plan["quantities"]["items"] ==
        full["objects"]["files"].get<int>() + full["objects"]["folders"].get<int>());

  const json score = Plan(tenant, {"--score"});
  CHECK(score["mode"] == "full");
  CHECK(score["basis"] == "look");
  CHECK(score["run_id"] == full["run_id"]);
  const json row = RowOf(score["figures"], "graph_requests");
  CHECK(row["forecast"] == plan["full"]["graph_requests"]);
  CHECK(row["actual"] == full["api"]["graph_requests"]);
  CHECK(std::abs(row["percent"].get<double>()) < kFromLook);
  CHECK(std::abs(RowOf(score["figures"], "database_bytes")["percent"].get<double>()) < 50);
  CHECK(RowOf(score["parts"], "items")["percent"] == 0);

  const json quiet = tenant.Summary();
  CHECK(quiet["mode"] == "incremental");
  CHECK(Off(plan["incremental"], quiet, "graph_requests") < kFromLook);
  CHECK(Off(plan["incremental"], quiet, "resource_units") < kFromLook);
}

TEST_CASE("What a finished run knows forecasts the next ones without a call") {
  for (const std::string credential : {kCertificate, kSecret}) {
    INFO(credential);
    const Tenant tenant("medium", credential, {"items=40000"});
    ForgetBetweenRuns(tenant);
    tenant.Summary();
    const auto asked = tenant.counters().http_requests;

    const json plan = Plan(tenant, {"--from-run", "last"});

    CHECK(tenant.counters().http_requests == asked);
    CHECK(plan["basis"] == "run");
    CHECK(plan["next_mode"] == "incremental");
    const json quiet = tenant.Summary();
    const json full = tenant.Summary({"--full"});
    INFO(plan.dump(1) << quiet["api"].dump(1) << full["api"].dump(1));
    CHECK(Off(plan["incremental"], quiet, "graph_requests") < kFromRun);
    CHECK(Off(plan["incremental"], quiet, "resource_units") < kFromRun);
    CHECK(Off(plan["full"], full, "graph_requests") < kFromRun);
    CHECK(Off(plan["full"], full, "resource_units") < kFromRun);
    if (credential == kCertificate) {
      // Half of the simulated sites have a group that poses as a link group, which costs a question
      // that no forecast counts.
      CHECK(Off(plan["full"], full, "sharepoint_requests") < 2.5 * kFromRun);
      CHECK(Off(plan["incremental"], quiet, "sharepoint_requests") < 2.5 * kFromRun);
    }
    // The first audit after the forecast is what it is compared with.
    const json score = Plan(tenant, {"--score"});
    CHECK(score["mode"] == "incremental");
    CHECK(score["run_id"] == quiet["run_id"]);
  }
}

TEST_CASE("A dry run tells what an audit would do and reads no item") {
  const Tenant tenant("small");
  tenant.Summary();
  const Ended dry =
      Run({"audit", "--dry-run", "--full", "--config", tenant.config(), "--output-format", "json"});

  REQUIRE(dry.exit == 0);
  const json plan = json::parse(dry.out);
  CHECK(plan["basis"] == "look");
  CHECK(plan["next_mode"] == "full");
  const Ended runs = Run({"runs", "--config", tenant.config(), "--output-format", "json"});
  CHECK(json::parse(runs.out).size() == 1);
  CHECK(tenant.Audit({"--dry-run", "--resume", "last"}).exit == 2);
}

}  // namespace spa::testing
