// Forecasts and scores as JSON and for people.
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "core/log/terminal_text.h"
#include "report/forecast.h"

namespace spa {
namespace {

using Json = nlohmann::ordered_json;

double Rounded(double value) { return std::round(value * 100) / 100; }

Json CostJson(const RunCost& cost) {
  Json parts = Json::array();
  for (const PartCost& part : cost.parts) {
    parts.push_back({{"part", part.part},
                     {"graph_requests", part.graph_requests},
                     {"sharepoint_requests", part.sharepoint_requests},
                     {"resource_units", part.resource_units}});
  }
  return {
      {"graph_requests", cost.graph_requests}, {"sharepoint_requests", cost.sharepoint_requests},
      {"resource_units", cost.resource_units}, {"minutes", Rounded(cost.minutes)},
      {"database_bytes", cost.database_bytes}, {"parts", std::move(parts)}};
}

// What there is to ask for, by the names of the run summary where it has one.
struct Finding {
  const char* name;
  std::int64_t (*of)(const TenantFigures&);
};
constexpr Finding kFindings[] = {
    {"sites", [](const TenantFigures& f) { return f.sites; }},
    {"webs", [](const TenantFigures& f) { return f.webs; }},
    {"libraries", [](const TenantFigures& f) { return f.libraries; }},
    {"items", [](const TenantFigures& f) { return f.library_items; }},
    {"lists", [](const TenantFigures& f) { return f.lists; }},
    {"list_items", [](const TenantFigures& f) { return f.list_items; }},
    {"scopes",
     [](const TenantFigures& f) { return f.owning_libraries + f.library_reads + f.list_reads; }},
    {"groups", [](const TenantFigures& f) { return f.groups; }},
};

std::string Minutes(double minutes) {
  if (minutes < 1) return "under a minute";
  if (minutes < 120) return fmt::format("{:.0f} min", minutes);
  if (minutes < 48 * 60) return fmt::format("{:.1f} h", minutes / 60);
  return fmt::format("{:.1f} days", minutes / 60 / 24);
}

std::string Bytes(std::int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1000 && unit + 1 < std::size(kUnits); ++unit) value /= 1000;
  return fmt::format("{:.{}f} {}", value, unit == 0 || value >= 100 ? 0 : 1, kUnits[unit]);
}

std::string CostLine(std::string_view name, const RunCost& cost) {
  return fmt::format("{:<14}{:>14}{:>14}{:>14}{:>17}{:>12}\n", name, cost.graph_requests,
                     cost.sharepoint_requests, cost.resource_units, Minutes(cost.minutes),
                     Bytes(cost.database_bytes));
}

Json RowsJson(const std::vector<ScoreRow>& rows) {
  Json list = Json::array();
  for (const ScoreRow& row : rows) {
    list.push_back({{"figure", row.figure},
                    {"forecast", Rounded(row.forecast)},
                    {"actual", Rounded(row.actual)},
                    {"percent", Rounded(row.percent())}});
  }
  return list;
}

std::string RowsTable(std::string_view title, const std::vector<ScoreRow>& rows) {
  std::string text =
      fmt::format("\n{:<24}{:>14}{:>14}{:>10}\n", title, "FORECAST", "ACTUAL", "OFF");
  for (const ScoreRow& row : rows) {
    text += fmt::format("{:<24}{:>14.{}f}{:>14.{}f}{:>+9.1f}%\n", row.figure, row.forecast,
                        row.figure == "minutes" ? 1 : 0, row.actual,
                        row.figure == "minutes" ? 1 : 0, row.percent());
  }
  return text;
}

ScoreRow Row(std::string figure, double forecast, double actual) {
  ScoreRow row;
  row.figure = std::move(figure);
  row.forecast = forecast;
  row.actual = actual;
  return row;
}

}  // namespace

std::string ToJson(const Plan& plan) {
  Json json;
  json["tenant_id"] = plan.tenant_id;
  json["made_at"] = plan.made_at;
  json["basis"] = plan.basis;
  json["run_id"] = nullptr;
  if (!plan.run_id.empty()) json["run_id"] = plan.run_id;
  json["next_mode"] = plan.next_mode;
  const RunConditions& c = plan.conditions;
  json["budget"] = {{"units_per_minute", c.budget.per_minute},
                    {"units_per_day", c.budget.per_day},
                    {"configured", c.budget_configured}};
  json["conditions"] = {
      {"sharepoint_rest", c.rest}, {"lists", c.lists},
      {"subsites", c.subsites},    {"expand_groups", c.groups},
      {"target_sites", c.targets}, {"seconds_per_request", c.seconds_per_request}};
  Json findings;
  for (const Finding& finding : kFindings) findings[finding.name] = finding.of(plan.figures);
  json["quantities"] = std::move(findings);
  json["full"] = CostJson(plan.full);
  json["incremental"] = CostJson(plan.incremental);
  json["assumptions"] = plan.assumptions;
  json["look"] = nullptr;
  if (plan.basis == "look") {
    json["look"] = {{"graph_requests", plan.look_graph_requests},
                    {"sharepoint_requests", plan.look_sharepoint_requests},
                    {"resource_units", plan.look_resource_units}};
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::string ToTable(const Plan& plan) {
  std::string text =
      plan.basis == "run"
          ? fmt::format("Forecast from run {}\n", EscapeForTerminal(plan.run_id))
          : fmt::format("Forecast from a first look ({} Graph and {} SharePoint requests)\n",
                        plan.look_graph_requests, plan.look_sharepoint_requests);
  for (const Finding& finding : kFindings) {
    text += fmt::format("  {:<12}{:>12}\n", finding.name, finding.of(plan.figures));
  }
  text += fmt::format("\n{:<14}{:>14}{:>14}{:>14}{:>17}{:>12}\n", "RUN", "GRAPH CALLS",
                      "REST CALLS", "UNITS", "TIME", "DATABASE");
  text += CostLine("full", plan.full) + CostLine("incremental", plan.incremental);
  text +=
      fmt::format("\nThe next audit will be {}. Budget: {} units a minute, {} a day{}.\n",
                  plan.next_mode, plan.conditions.budget.per_minute, plan.conditions.budget.per_day,
                  plan.conditions.budget_configured ? "" : " (the smallest class)");
  for (const std::string& assumption : plan.assumptions) text += "- " + assumption + '\n';
  return text;
}

Result<Score> ScoreOf(std::string_view document, std::string_view summary_json,
                      const TenantFigures& found) {
  const Json plan = Json::parse(document, nullptr, false);
  const Json summary = Json::parse(summary_json, nullptr, false);
  const std::string mode = summary.is_object() ? summary.value("mode", "") : "";
  if (!plan.is_object() || !plan.contains(mode) || !summary.contains("api")) {
    return Fail(ErrorCode::kStorage, "the forecast, or the summary of the run, cannot be read");
  }
  Score score;
  score.made_at = plan.value("made_at", "");
  score.basis = plan.value("basis", "");
  score.run_id = summary.value("run_id", "");
  score.mode = mode;
  const Json& cost = plan[mode];
  const Json& api = summary["api"];
  for (const char* figure : {"graph_requests", "sharepoint_requests", "resource_units"}) {
    score.figures.push_back(Row(figure, cost.value(figure, 0.0), api.value(figure, 0.0)));
  }
  score.figures.push_back(
      Row("minutes", cost.value("minutes", 0.0), summary.value("duration_seconds", 0.0) / 60));

  RunConditions conditions;
  const Json known = plan.value("conditions", Json::object());
  conditions.rest = known.value("sharepoint_rest", false);
  conditions.lists = known.value("lists", true);
  conditions.subsites = known.value("subsites", true);
  conditions.groups = known.value("expand_groups", true);
  conditions.targets = known.value("target_sites", std::int64_t{0});
  const RunCost reckoned =
      mode == "full" ? PriceFullRun(found, conditions) : PriceIncrementalRun(found, conditions);
  std::map<std::string, double> told;
  for (const Json& part : cost.value("parts", Json::array())) {
    told[part.value("part", "")] = part.value("graph_requests", 0.0);
  }
  for (const PartCost& part : reckoned.parts) {
    score.parts.push_back(
        Row(part.part, told[part.part], static_cast<double>(part.graph_requests)));
  }
  score.figures.push_back(Row("database_bytes", cost.value("database_bytes", 0.0),
                              static_cast<double>(found.database_bytes)));
  const Json quantities = plan.value("quantities", Json::object());
  for (const Finding& finding : kFindings) {
    score.findings.push_back(Row(finding.name, quantities.value(finding.name, 0.0),
                                 static_cast<double>(finding.of(found))));
  }
  return score;
}

std::string ToJson(const Score& score) {
  const Json json = {{"made_at", score.made_at},
                     {"basis", score.basis},
                     {"run_id", score.run_id},
                     {"mode", score.mode},
                     {"figures", RowsJson(score.figures)},
                     {"parts", RowsJson(score.parts)},
                     {"quantities", RowsJson(score.findings)}};
  return json.dump(2) + '\n';
}

std::string ToTable(const Score& score) {
  return fmt::format("Forecast of {} (from a {}) against the {} run {}\n", score.made_at,
                     score.basis, score.mode, EscapeForTerminal(score.run_id)) +
         RowsTable("FIGURE", score.figures) + RowsTable("GRAPH CALLS OF", score.parts) +
         RowsTable("QUANTITY", score.findings);
}

}  // namespace spa
