// What an audit is expected to cost, and how that is told afterwards.
#include "report/forecast.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tests/catch.h"

using namespace spa;
using nlohmann::json;

namespace {

// The tenant of the published comparison: 1,000 sites, 5,000 libraries, 1,000,000 items, 20,000
// scopes, 1,500 groups.
TenantFigures Reference() {
  TenantFigures f;
  f.sites = f.webs = f.open_webs = f.collections = f.owning_webs = 1000;
  f.libraries = 5000;
  f.library_items = 1'100'000;
  f.delta_pages = 10'000;
  f.library_reads = 20'000;
  f.groups = 1500;
  return f;
}

RunConditions GraphAlone() {
  RunConditions c;
  c.SetBudget(0);
  return c;
}

const PartCost& PartOf(const RunCost& cost, const std::string& name) {
  for (const PartCost& part : cost.parts) {
    if (part.part == name) return part;
  }
  FAIL("no part " << name);
  return cost.parts.front();
}

}  // namespace

TEST_CASE("A full run costs pages, batches and units by the price list") {
  const RunCost cost = PriceFullRun(Reference(), GraphAlone());

  CHECK(PartOf(cost, "sites").graph_requests == 5);
  CHECK(PartOf(cost, "webs").graph_requests == 150);
  CHECK(PartOf(cost, "items").graph_requests == 10'000);
  CHECK(PartOf(cost, "permissions").graph_requests == 1000);
  CHECK(PartOf(cost, "groups").graph_requests == 75);
  CHECK(PartOf(cost, "applications").graph_requests == 50);
  CHECK(cost.graph_requests == 11'280);
  CHECK(cost.sharepoint_requests == 0);
  CHECK(cost.resource_units == 2 * 5 + 2 * 3000 + 2 * 10'000 + 5 * 20'000 + 5 * 1000);
  CHECK(cost.minutes == Approx((131'010.0 - 1250) / 1250));
}

TEST_CASE("A quiet incremental run costs one delta with a token per library") {
  TenantFigures figures = Reference();

  const RunCost quiet = PriceIncrementalRun(figures, GraphAlone());
  CHECK(PartOf(quiet, "items").graph_requests == 250);
  CHECK(PartOf(quiet, "items").resource_units == 5000);
  CHECK(PartOf(quiet, "permissions").graph_requests == 0);
  figures.owning_libraries = 40;  // Of which delta does not tell.
  CHECK(PartOf(PriceIncrementalRun(figures, GraphAlone()), "permissions").graph_requests == 2);

  figures.changed_reads = 100;
  figures.whole_libraries = 10;
  figures.whole_pages = 40;
  const RunCost busy = PriceIncrementalRun(figures, GraphAlone());
  CHECK(PartOf(busy, "items").graph_requests == 250 + 40);
  CHECK(PartOf(busy, "items").resource_units == 4990 + 80);
  CHECK(PartOf(busy, "permissions").resource_units == 5 * (40 + 100));
}

TEST_CASE("What SharePoint is asked counts where it listens and has no price") {
  TenantFigures figures = Reference();
  figures.lists = 300;
  figures.list_pages = 310;
  figures.owning_lists = 20;
  figures.list_reads = 170;
  figures.list_batches = 70;
  RunConditions conditions = GraphAlone();
  const RunCost without = PriceFullRun(figures, conditions);
  conditions.rest = true;

  const RunCost with = PriceFullRun(figures, conditions);

  CHECK(without.sharepoint_requests == 0);
  CHECK(with.sharepoint_requests == 6 * 1000 + 310 + 20 + 70);
  CHECK(with.resource_units == without.resource_units);
}

TEST_CASE("Sites that are named, and what the configuration leaves out, change the price") {
  RunConditions conditions = GraphAlone();
  conditions.targets = 3;
  conditions.lists = conditions.subsites = conditions.groups = false;
  TenantFigures figures = Reference();
  figures.sites = figures.webs = 3;

  const RunCost cost = PriceFullRun(figures, conditions);

  CHECK(PartOf(cost, "sites").graph_requests == 3);
  CHECK(PartOf(cost, "sites").resource_units == 3);
  CHECK(PartOf(cost, "webs").graph_requests == 1);
  CHECK(PartOf(cost, "groups").graph_requests == 0);
}

TEST_CASE("Time follows from the minute's budget, the day's, or the pace of the services") {
  RunConditions conditions = GraphAlone();
  CHECK(conditions.budget.per_minute == 1250);
  CHECK(conditions.budget.per_day == 1'200'000);
  CHECK_FALSE(conditions.budget_configured);

  CHECK(MinutesFor(0, 0, conditions) == 0);
  CHECK(MinutesFor(1250, 10, conditions) == 0);  // All at once.
  CHECK(MinutesFor(12'500, 10, conditions) == Approx(9));
  CHECK(MinutesFor(1'200'000 + 2500, 10, conditions) == Approx(24 * 60 + 1));
  CHECK(MinutesFor(3'600'001, 10, conditions) == Approx(3 * 24 * 60));
  conditions.seconds_per_request = 0.5;
  CHECK(MinutesFor(1250, 1200, conditions) == Approx(10));
  conditions.SetBudget(6250);
  CHECK(conditions.budget_configured);
  CHECK(conditions.budget.per_day == 6'000'000);
}

TEST_CASE("A forecast is compared with the run that followed, figure by figure and part by part") {
  Plan plan;
  plan.basis = "look";
  plan.made_at = "2026-11-21T00:00:00Z";
  plan.figures = Reference();
  plan.conditions = GraphAlone();
  plan.full = PriceFullRun(plan.figures, plan.conditions);
  plan.incremental = PriceIncrementalRun(plan.figures, plan.conditions);
  TenantFigures found = Reference();
  found.library_reads = 40'000;
  const json summary = {
      {"run_id", "R"},
      {"mode", "full"},
      {"duration_seconds", 6000},
      {"api",
       {{"graph_requests", 12'230}, {"sharepoint_requests", 0}, {"resource_units", 226'010}}}};

  const auto score = ScoreOf(ToJson(plan), summary.dump(), found);

  REQUIRE(score.has_value());
  CHECK(score->run_id == "R");
  REQUIRE(score->figures.size() == 5);
  CHECK(score->figures[0].figure == "graph_requests");
  CHECK(score->figures[0].percent() == Approx((11'280.0 - 12'230) / 12'230 * 100));
  CHECK(score->figures[1].percent() == 0);
  CHECK(score->figures[3].actual == 100);  // minutes
  for (const ScoreRow& part : score->parts) {
    CHECK(part.percent() == (part.figure == "permissions" ? Approx(-50) : Approx(0)));
  }
  CHECK(ToTable(*score).find("permissions") != std::string::npos);
  CHECK(json::parse(ToJson(*score))["figures"][0]["forecast"] == 11'280);
  CHECK_FALSE(ScoreOf("{}", summary.dump(), found).has_value());
  CHECK_FALSE(ScoreOf(ToJson(plan), "", found).has_value());
}
