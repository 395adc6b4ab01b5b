#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/first_look.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "core/clock.h"
#include "core/store/run_mode.h"
#include "report/forecast.h"

namespace spa {
namespace {

template <class T>
Result<ExitCode> Show(const Flags& flags, const T& told) {
  const bool table =
      flags.output_format.empty() ? IsTerminal(stdout) : flags.output_format == "table";
  return Print(table ? ToTable(told) : ToJson(told));
}

// The run a forecast goes by: the one named, or the last that finished. Nothing where there is none
// and none was named.
Result<std::optional<RunInfo>> BasisOf(AuditStore& store, const Flags& flags,
                                       const std::string& tenant_id) {
  const bool last = flags.from_run.empty() || flags.from_run == "last";
  auto runs = store.Runs();
  if (!runs) return Fail(runs.error());
  for (auto run = runs->rbegin(); run != runs->rend(); ++run) {
    const bool finished = run->status == "complete" || run->status == "partial";
    const bool wanted = last ? finished && run->tenant_id == tenant_id : run->id == flags.from_run;
    if (!wanted) continue;
    if (!finished) {
      return Fail(ErrorCode::kUsage, fmt::format("run {} is {}", run->id, run->status),
                  "Name a run that is complete or partial, or give --look.");
    }
    return std::optional(*run);
  }
  if (flags.from_run.empty()) return std::optional<RunInfo>();
  return Fail(ErrorCode::kUsage,
              last ? "the database holds no finished run of this tenant"
                   : fmt::format("the database holds no run {}", flags.from_run),
              "See `sharepoint-audit runs`, or give --look.");
}

// What a request took in that run, all its waits included.
double PaceOf(const RunInfo& run) {
  const auto summary = nlohmann::json::parse(run.summary_json, nullptr, false);
  if (!summary.is_object() || !summary.contains("api")) return 0;
  const double requests = summary["api"].value("http_requests", 0.0);
  return requests > 0 ? summary.value("duration_seconds", 0.0) / requests : 0;
}

// Whether SharePoint's own interface answered that run.
bool HadRest(const RunInfo& run) {
  const auto summary = nlohmann::json::parse(run.summary_json, nullptr, false);
  return summary.is_object() && summary.contains("api") &&
         summary["api"].value("sharepoint_requests", 0) > 0;
}

RunConditions ConditionsOf(const Config& config) {
  RunConditions conditions;
  conditions.lists = config.discovery.include_lists;
  conditions.subsites = config.discovery.include_subsites;
  conditions.groups = config.permissions.expand_groups;
  conditions.targets = static_cast<std::int64_t>(config.target_sites.size());
  conditions.SetBudget(config.concurrency.resource_units_per_minute);
  return conditions;
}

Result<ExitCode> ShowScore(AuditStore& store, const Flags& flags, const std::string& tenant_id) {
  const auto forecasts = store.Forecasts(tenant_id);
  if (!forecasts) return Fail(forecasts.error());
  for (const Forecast& forecast : *forecasts) {
    if (forecast.run_id.empty()) continue;
    const auto run = store.FindRun(forecast.run_id);
    if (!run) return Fail(run.error());
    const auto found = store.Figures(run->number);
    if (!found) return Fail(found.error());
    const auto score = ScoreOf(forecast.document, run->summary_json, *found);
    if (!score) return Fail(score.error());
    return Show(flags, *score);
  }
  return Fail(
      ErrorCode::kUsage,
      forecasts->empty() ? "no forecast was made yet"
                         : "no audit has finished since the last forecast",
      forecasts->empty() ? "Run `sharepoint-audit plan`, then an audit." : "Run an audit first.");
}

Result<ExitCode> MakePlan(const Flags& flags, LoadedConfig loaded,
                          const EnvironmentVariables& environment) {
  if (auto ready = PrepareForAudit(loaded, environment); !ready) return Fail(ready.error());
  const Config& config = loaded.config;
  const std::string& tenant_id = config.auth.tenant_id;
  auto store = AuditStore::Open(config.db_path, AuditStore::Mode::kReadWrite);
  if (!store) return Fail(store.error());

  Plan plan;
  plan.tenant_id = tenant_id;
  plan.conditions = ConditionsOf(config);
  std::optional<RunInfo> basis;
  if (!flags.look) {
    auto found = BasisOf(**store, flags, tenant_id);
    if (!found) return Fail(found.error());
    basis = *std::move(found);
  }
  if (basis) {
    auto figures = (*store)->Figures(basis->number);
    if (!figures) return Fail(figures.error());
    plan.basis = "run";
    plan.run_id = basis->id;
    plan.figures = *figures;
    plan.conditions.rest = HadRest(*basis);
    plan.conditions.seconds_per_request = PaceOf(*basis);
    plan.assumptions.emplace_back(
        basis->mode == "incremental"
            ? "An incremental run finds as many changes as that one did."
            : "An incremental run finds no changes: that one was full and tells of none.");
    plan.assumptions.emplace_back("Nothing is remembered in the cache.");
  } else {
    const auto patience = ParseDuration(flags.patience);
    if (!patience) {
      return Fail(ErrorCode::kUsage,
                  fmt::format("--patience \"{}\" is no duration", flags.patience),
                  "give a whole number with s, m, h or d, like 15m");
    }
    auto look = LookAtTenant(config, *patience, flags.quiet);
    if (!look) return Fail(look.error());
    if (look->interrupted) return ExitCode::kInterrupted;
    plan.basis = "look";
    plan.figures = look->figures;
    plan.conditions.rest = look->rest;
    plan.conditions.seconds_per_request = look->seconds_per_request;
    plan.assumptions = std::move(look->assumptions);
    plan.look_graph_requests = look->api.graph_requests;
    plan.look_sharepoint_requests = look->api.sharepoint_requests;
    plan.look_resource_units = look->api.resource_units;
  }
  const auto now = std::chrono::system_clock::now();
  plan.made_at = UtcText(now);
  const RunRequest request(tenant_id, flags.full          ? RunMode::kFull
                                      : flags.incremental ? RunMode::kIncremental
                                                          : RunMode::kAuto);
  auto db = sqlite::Database::Open(config.db_path, sqlite::Database::Mode::kReadOnly);
  if (!db) return Fail(db.error());
  plan.next_mode = WillBeIncremental(**db, request, now) ? "incremental" : "full";
  if (auto read = (*db)->Check("looking at the runs there are"); !read) return Fail(read.error());
  plan.full = PriceFullRun(plan.figures, plan.conditions);
  plan.incremental = PriceIncrementalRun(plan.figures, plan.conditions);
  if (auto stored = (*store)->PutForecast(tenant_id, ToJson(plan)); !stored) {
    return Fail(stored.error());
  }
  return Show(flags, plan);
}

}  // namespace

Result<ExitCode> CommandPlan(const Invocation& invocation) {
  auto loaded = LoadConfigOf(invocation.flags, invocation.environment);
  if (!loaded) return Fail(loaded.error());
  if (auto opened = OpenLog(invocation.flags, loaded->config); !opened) return Fail(opened.error());
  if (!invocation.flags.score)
    return MakePlan(invocation.flags, *std::move(loaded), invocation.environment);
  const auto store = AuditStore::Open(loaded->config.db_path, AuditStore::Mode::kReadOnly);
  if (!store) return Fail(store.error());
  return ShowScore(**store, invocation.flags, loaded->config.auth.tenant_id);
}

}  // namespace spa
