// Forecast: what an audit will cost before it runs, and how well that was told afterwards.
//
// The prices are those of the audit itself: pages of 200 sites and items, batches of 20, 2 units
// for a list of things, 1 for a delta with a token, 5 for permissions (graph.md 6.1); nothing is
// expected to be remembered in the cache. SharePoint REST has no published price. What a first look
// cannot see (scopes, groups) is assumed, and `assumptions` says so.
//
// Plain functions. Units: calls, resource units, minutes, bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/graph/unit_budget.h"
#include "core/result.h"
#include "core/tenant_figures.h"

namespace spa {

struct RunConditions {  // What the audit will be like.
  RunConditions() = default;
  bool rest = false;  // SharePoint's own interface listens.
  bool lists = true, subsites = true, groups = true;
  std::int64_t targets = 0;   // Sites named by the configuration; 0: those of the tenant.
  UnitBudget::Limits budget;  // See BudgetOf.
  bool budget_configured = false;
  double seconds_per_request = 0;  // As last seen, with the requests in flight that there were.

  // `per_minute` 0: nothing is configured, and the smallest class of tenants is taken.
  void SetBudget(std::int64_t per_minute);
};

struct PartCost {  // One part of a run.
  PartCost() = default;
  std::string part;  // sites, webs, applications, items, permissions, groups
  std::int64_t graph_requests = 0, sharepoint_requests = 0, resource_units = 0;
};

struct RunCost {
  RunCost() = default;
  std::vector<PartCost> parts;
  std::int64_t graph_requests = 0, sharepoint_requests = 0, resource_units = 0;
  double minutes = 0;
  std::int64_t database_bytes = 0;  // Of the file when the run has ended.
};

RunCost PriceFullRun(const TenantFigures& figures, const RunConditions& conditions);
// `figures` of a run; where nothing else is known, on a quiet night.
RunCost PriceIncrementalRun(const TenantFigures& figures, const RunConditions& conditions);
// How long the budget and the pace of the services make it, whichever is longer.
double MinutesFor(std::int64_t units, std::int64_t requests, const RunConditions& conditions);
// Of a database that holds what `figures` say.
std::int64_t DatabaseBytesFor(const TenantFigures& figures);

struct Plan {
  Plan() = default;
  std::string tenant_id, made_at;
  std::string basis;      // "run" or "look"
  std::string run_id;     // basis "run": which
  std::string next_mode;  // full or incremental: what an audit without further options would be
  TenantFigures figures;
  RunConditions conditions;
  RunCost full, incremental;
  std::vector<std::string> assumptions;
  // basis "look": what it asked.
  std::int64_t look_graph_requests = 0, look_sharepoint_requests = 0, look_resource_units = 0;
};

std::string ToJson(const Plan& plan);   // One object, with its newline.
std::string ToTable(const Plan& plan);  // For people.

struct ScoreRow {
  ScoreRow() = default;
  std::string figure;  // "graph_requests", "items: graph_requests", …
  double forecast = 0, actual = 0;
  // How far the forecast was off, in percent of what came; 100 where nothing came.
  double percent() const;
};

struct Score {
  Score() = default;
  std::string made_at, basis, run_id, mode;
  std::vector<ScoreRow> figures;   // Of the run as a whole, as it counted them.
  std::vector<ScoreRow> parts;     // Graph requests by part, reckoned from what the run found.
  std::vector<ScoreRow> findings;  // What there was to ask for.
};

// `document`: a plan as ToJson made it. `summary_json`: the run that followed it. `found`: its
// figures. kStorage where one of them cannot be read.
Result<Score> ScoreOf(std::string_view document, std::string_view summary_json,
                      const TenantFigures& found);

std::string ToJson(const Score& score);
std::string ToTable(const Score& score);

}  // namespace spa
