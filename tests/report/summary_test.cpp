#include "report/summary.h"

#include <nlohmann/json.hpp>

#include "tests/catch.h"

using namespace spa;

namespace {

RunSummary Example() {
  RunSummary summary;
  summary.run_id = "20261121T024034Z-abcdef";
  summary.status = "partial";
  summary.mode = "full";
  summary.tenant_id = "tenant";
  summary.duration_seconds = 1.23456;
  summary.counts.sites = 1;
  summary.counts.files = 1234567;
  summary.counts.discovered = 100'000;
  summary.counts.read = 50'000;
  summary.counts.inherited = 49'999;
  summary.counts.failed = 1;
  summary.cache.enabled = true;
  summary.cache.by_kind["group"].hits = 3;
  summary.scope_methods = {{"delta_hierarchy", 2}};
  Gap gap;
  gap.url = "https://t/s/\x1B[31mred";
  gap.state = CoverageState::kDenied;
  gap.reason = "=403";
  summary.gaps = {gap};
  return summary;
}

}  // namespace

TEST_CASE("The summary as JSON has the contract's keys in the contract's order") {
  const auto text = ToJson(Example());
  const auto json = nlohmann::ordered_json::parse(text);

  CHECK(text.ends_with("}\n"));
  const auto keys = [](const nlohmann::ordered_json& object) {
    std::string all;
    for (const auto& [key, value] : object.items()) all += key + " ";
    return all;
  };
  CHECK(keys(json) ==
        "run_id status mode tenant_id started_at finished_at duration_seconds objects scopes "
        "grants findings api cache coverage scope_methods oldest_datum_seconds peak_rss_bytes "
        "cpu_seconds ");
  CHECK(keys(json["objects"]) == "sites libraries folders files lists list_items ");
  CHECK(keys(json["scopes"]) == "unique acls ");
  CHECK(keys(json["grants"]) == "total links external anonymous ");
  CHECK(keys(json["findings"]) == "critical high medium low info accepted not_evaluated ");
  CHECK(keys(json["api"]) ==
        "http_requests graph_requests sharepoint_requests token_requests batched throttled retried "
        "resource_units peak_in_flight shared ");
  CHECK(keys(json["cache"]) ==
        "enabled l1_hits l2_hits misses coalesced hit_rate repeat_hit_rate by_kind stale mode "
        "verified mismatch would_hit l2 ");
  CHECK(keys(json["cache"]["by_kind"]["group"]) == "hits misses hit_rate ");
  CHECK(keys(json["coverage"]) == "discovered read inherited skipped failed percent gaps ");
  CHECK(keys(json["coverage"]["gaps"][0]) == "object_url state reason ");
  CHECK(json["duration_seconds"] == 1.235);
  CHECK(json["scope_methods"]["delta_hierarchy"] == 2);
}

TEST_CASE("Coverage is never rounded up to what it did not reach") {
  CHECK(nlohmann::json::parse(ToJson(Example()))["coverage"]["percent"] == 99.99);
  StoreCounts counts;
  CHECK(CoveragePercent(counts) == 0);  // Nothing was looked at.
}

TEST_CASE("The table groups digits and lets no escape sequence through") {
  const auto table = ToTable(Example());

  CHECK(table.find("1,234,567 files") != std::string::npos);
  CHECK(table.find('\x1B') == std::string::npos);
  CHECK(table.find("denied: https://t/s/\\x1b[31mred") != std::string::npos);
  CHECK(table.find("delta_hierarchy: 2 libraries") != std::string::npos);
}

TEST_CASE("The table lists some gaps and says how many more there are") {
  RunSummary summary = Example();
  summary.gaps.resize(12);

  CHECK(ToTable(summary).find("and 2 more") != std::string::npos);
}

TEST_CASE("The summary as CSV is one row per number") {
  const auto csv = ToCsv(Example());

  CHECK(csv.starts_with("key,value\r\nrun_id,20261121T024034Z-abcdef\r\nstatus,partial\r\n"));
  CHECK(csv.find("objects.files,1234567\r\n") != std::string::npos);
  CHECK(csv.find("coverage.gaps,1\r\n") != std::string::npos);
}
