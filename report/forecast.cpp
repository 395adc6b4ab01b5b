#include "report/forecast.h"

#include <algorithm>
#include <cmath>

namespace spa {
namespace {

constexpr std::int64_t kSmallestClass =
    1250;  // units a minute, up to 1,000 licences (graph.md 6.1)
constexpr double kBatch = 20;
constexpr int kUnitsOfList = 2, kUnitsOfDelta = 1, kUnitsOfPermissions = 5;

// Of an audit's database, as measured (docs/performance.md "Forecasts").
constexpr std::int64_t kBytesPerItem = 230, kBytesPerScope = 1500, kBytesPerList = 600,
                       kBytesPerGroup = 5'000;

std::int64_t Batches(std::int64_t reads) {
  return static_cast<std::int64_t>(std::ceil(static_cast<double>(reads) / kBatch));
}

PartCost Part(std::string name, std::int64_t graph, std::int64_t sharepoint, std::int64_t units) {
  PartCost part;
  part.part = std::move(name);
  part.graph_requests = graph;
  part.sharepoint_requests = sharepoint;
  part.resource_units = units;
  return part;
}

// What every run asks anew, whatever changed: sites, webs, groups.
void PriceFixed(RunCost& cost, const TenantFigures& f, const RunConditions& c) {
  const std::int64_t listings = 1 + (c.lists ? 1 : 0) + (c.subsites ? 1 : 0);
  const std::int64_t pages = std::max<std::int64_t>(1, (f.sites + 199) / 200);
  cost.parts.push_back(c.targets > 0 ? Part("sites", c.targets, 0, c.targets)
                                     : Part("sites", pages, 0, kUnitsOfList * pages));
  // Of each web: does it own a scope, which lists do, and its assignments; of each collection its
  // groups, its administrators and its sharing settings.
  const std::int64_t rest =
      c.rest ? 2 * f.open_webs + f.owning_webs + 3 * f.collections + f.owning_lists : 0;
  cost.parts.push_back(
      Part("webs", Batches(listings * f.webs), rest, kUnitsOfList * listings * f.webs));
  // Applications with a grant of their own: one listing a collection, and each grant for itself.
  const std::int64_t apps = f.collections + f.app_grants;
  cost.parts.push_back(Part("applications", Batches(apps), 0, kUnitsOfPermissions * apps));
  cost.parts.push_back(Part("groups", c.groups ? Batches(f.groups) + Batches(f.people) : 0, 0, 0));
}

RunCost Summed(RunCost cost, const RunConditions& conditions) {
  for (const PartCost& part : cost.parts) {
    cost.graph_requests += part.graph_requests;
    cost.sharepoint_requests += part.sharepoint_requests;
    cost.resource_units += part.resource_units;
  }
  cost.minutes =
      MinutesFor(cost.resource_units, cost.graph_requests + cost.sharepoint_requests, conditions);
  return cost;
}

}  // namespace

void RunConditions::SetBudget(std::int64_t per_minute) {
  budget_configured = per_minute > 0;
  budget = UnitBudget::LimitsOf(budget_configured ? per_minute : kSmallestClass);
}

RunCost PriceFullRun(const TenantFigures& f, const RunConditions& c) {
  RunCost cost;
  PriceFixed(cost, f, c);
  cost.parts.push_back(Part("items", f.delta_pages, c.rest ? f.flag_pages + f.list_pages : 0,
                            kUnitsOfList * f.delta_pages));
  const std::int64_t reads = f.owning_libraries + f.library_reads;
  cost.parts.push_back(Part("permissions", Batches(reads), c.rest ? f.list_batches : 0,
                            kUnitsOfPermissions * reads));
  cost.database_bytes = f.database_bytes > 0 ? f.database_bytes : DatabaseBytesFor(f);
  return Summed(std::move(cost), c);
}

RunCost PriceIncrementalRun(const TenantFigures& f, const RunConditions& c) {
  RunCost cost;
  PriceFixed(cost, f, c);
  const std::int64_t asked = f.libraries - f.whole_libraries;
  cost.parts.push_back(Part("items", Batches(asked) + f.whole_pages, c.rest ? f.list_pages : 0,
                            kUnitsOfDelta * asked + kUnitsOfList * f.whole_pages));
  // Delta keeps silent about a library's own permissions (graph.md 4.7).
  const std::int64_t reads = f.owning_libraries + f.changed_reads;
  cost.parts.push_back(Part("permissions", Batches(reads), c.rest ? f.list_batches : 0,
                            kUnitsOfPermissions * reads));
  cost.database_bytes = f.database_bytes > 0 ? f.database_bytes : DatabaseBytesFor(f);
  return Summed(std::move(cost), c);
}

double MinutesFor(std::int64_t units, std::int64_t requests, const RunConditions& conditions) {
  const double pace = static_cast<double>(requests) * conditions.seconds_per_request / 60;
  const UnitBudget::Limits& limits = conditions.budget;
  if (units <= 0 || limits.per_minute <= 0) return pace;
  // Days that are used up whole; then minutes, the first of which goes at once.
  const std::int64_t days = limits.per_day > 0 ? (units - 1) / limits.per_day : 0;
  const std::int64_t rest = units - days * limits.per_day - limits.per_minute;
  const double waits =
      static_cast<double>(std::max<std::int64_t>(rest, 0)) / static_cast<double>(limits.per_minute);
  return std::max(pace, static_cast<double>(days) * 24 * 60 + waits);
}

std::int64_t DatabaseBytesFor(const TenantFigures& f) {
  return kBytesPerItem * (f.library_items + f.list_items) +
         kBytesPerList * (f.libraries + f.lists) +
         kBytesPerScope * (f.owning_libraries + f.library_reads + f.list_reads) +
         kBytesPerGroup * f.groups;
}

double ScoreRow::percent() const {
  if (actual == 0) return forecast == 0 ? 0 : 100;
  return (forecast - actual) / actual * 100;
}

}  // namespace spa
