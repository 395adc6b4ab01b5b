#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "core/clock.h"
#include "core/store/audit_store.h"
#include "permissions/findings/evaluation.h"
#include "report/summary.h"

namespace spa {
namespace {

Result<std::unique_ptr<AuditStore>> OpenStore(const Invocation& invocation,
                                              AuditStore::Mode mode = AuditStore::Mode::kReadOnly) {
  const auto loaded = LoadConfigOf(invocation.flags, invocation.environment);
  if (!loaded) return Fail(loaded.error());
  if (auto opened = OpenLog(invocation.flags, loaded->config); !opened) return Fail(opened.error());
  const std::string& path = loaded->config.db_path;
  std::error_code ignored;
  if (mode == AuditStore::Mode::kReadWrite && !std::filesystem::exists(path, ignored)) {
    return Fail(ErrorCode::kUsage, fmt::format("there is no file {}", path),
                "Name the database of an audit with --db.");
  }
  return AuditStore::Open(path, mode);
}

bool AsTable(const Flags& flags) {
  return flags.output_format.empty() ? IsTerminal(stdout) : flags.output_format == "table";
}

std::string Table(const std::vector<RunInfo>& runs) {
  std::vector<std::vector<std::string>> rows = {{"RUN", "STATUS", "MODE", "STARTED", "FINISHED"}};
  for (const RunInfo& run : runs) {
    rows.push_back({run.id, run.status, run.mode, run.started_at, run.finished_at});
  }
  return RenderTable(rows);
}

nlohmann::ordered_json Json(const RunInfo& run) {
  nlohmann::ordered_json json;
  json["run_id"] = run.id;
  json["status"] = run.status;
  json["mode"] = run.mode;
  json["tenant_id"] = run.tenant_id;
  json["started_at"] = run.started_at;
  json["finished_at"] = nullptr;
  if (!run.finished_at.empty()) json["finished_at"] = run.finished_at;
  return json;
}

// Tells what was deleted.
Result<ExitCode> Tell(const Invocation& invocation, AuditStore& store,
                      const Result<std::vector<RunInfo>>& deleted) {
  if (!deleted) return Fail(deleted.error());
  if (invocation.flags.compact) {
    if (auto compacted = store.Compact(); !compacted) return Fail(compacted.error());
  }
  if (AsTable(invocation.flags)) {
    std::string text;
    for (const RunInfo& run : *deleted) {
      text += fmt::format("deleted {} ({}, {})\n", run.id, run.mode, run.status);
    }
    return Print(text.empty() ? "nothing to delete\n" : text);
  }
  nlohmann::ordered_json ids = nlohmann::ordered_json::array();
  for (const RunInfo& run : *deleted) ids.push_back(run.id);
  nlohmann::ordered_json json;
  json["deleted"] = std::move(ids);
  return Print(json.dump(2) + '\n');
}

// Of a time as UtcText writes it, in seconds since 1970; 0 where it is none.
std::int64_t SecondsOf(const std::string& utc) {
  return std::chrono::system_clock::to_time_t(
      ParseUtc(utc).value_or(std::chrono::system_clock::time_point()));
}

void AddShard(RunSummary& sum, const RunInfo& shard) {
  const auto json = nlohmann::json::parse(shard.summary_json, nullptr, false);
  sum.finished_at = std::max(sum.finished_at, shard.finished_at);
  if (!json.is_object()) return;
  const auto number = [&](const char* part, const char* name) {
    return json.value(part, nlohmann::json::object()).value(name, std::int64_t{0});
  };
  RunSummary::Api& api = sum.api;
  for (const auto& [name, total] : std::initializer_list<std::pair<const char*, std::int64_t*>>{
           {"http_requests", &api.http_requests},
           {"graph_requests", &api.graph_requests},
           {"sharepoint_requests", &api.sharepoint_requests},
           {"token_requests", &api.token_requests},
           {"batched", &api.batched},
           {"throttled", &api.throttled},
           {"retried", &api.retried},
           {"resource_units", &api.resource_units},
           {"shared", &api.shared}}) {
    *total += number("api", name);
  }
  sum.oldest_datum_seconds =
      std::max(sum.oldest_datum_seconds, json.value("oldest_datum_seconds", std::int64_t{0}) +
                                             ::time(nullptr) - SecondsOf(shard.finished_at));
}

// What a merged run came to: its own counts, and the sum of what its shards asked for.
Result<RunSummary> Summarise(AuditStore& store, const RunInfo& run,
                             const std::vector<RunInfo>& shards) {
  auto counts = store.Counts(run.number);
  if (!counts) return Fail(counts.error());
  auto gaps = store.Gaps(run.number);
  if (!gaps) return Fail(gaps.error());
  auto findings = store.CountFindings(run.number);
  if (!findings) return Fail(findings.error());
  auto methods = store.MethodCounts(run.number);
  if (!methods) return Fail(methods.error());

  RunSummary s;
  s.run_id = run.id;
  s.mode = run.mode;
  s.tenant_id = run.tenant_id;
  s.started_at = run.started_at;
  s.counts = *counts;
  s.findings = *std::move(findings);
  std::erase_if(*gaps, [](const Gap& gap) { return gap.state == CoverageState::kSkipped; });
  s.gaps = *std::move(gaps);
  s.scope_methods = *std::move(methods);
  bool whole = s.gaps.empty() && s.counts.failed == 0;
  for (const RunInfo& shard : shards) {
    whole = whole && shard.status == "complete";
    AddShard(s, shard);
  }
  s.status = whole ? "complete" : "partial";
  s.duration_seconds = static_cast<double>(SecondsOf(s.finished_at) - SecondsOf(s.started_at));
  return s;
}

}  // namespace

Result<ExitCode> CommandRunsMerge(const Invocation& invocation) {
  const auto loaded = LoadConfigOf(invocation.flags, invocation.environment);
  if (!loaded) return Fail(loaded.error());
  if (auto opened = OpenLog(invocation.flags, loaded->config); !opened) return Fail(opened.error());
  const auto rules = RulesOf(loaded->config.findings);
  if (!rules) return Fail(rules.error());
  std::vector<RunInfo> shards;
  for (const std::string& path : invocation.flags.sources) {
    auto source = AuditStore::Open(path, AuditStore::Mode::kReadOnly);
    if (!source) return Fail(source.error());
    auto run = (*source)->FindRun("");
    if (!run) return Fail(run.error());
    shards.push_back(*std::move(run));
  }
  auto store = AuditStore::Open(loaded->config.db_path, AuditStore::Mode::kReadWrite);
  if (!store) return Fail(store.error());
  const auto run = (*store)->BeginMerge(invocation.flags.sources, invocation.flags.partial);
  if (!run) return Fail(run.error());
  if (auto found = EvaluateFindings(**store, run->number, loaded->config.findings, *rules);
      !found) {
    return Fail(found.error());
  }
  auto summary = Summarise(**store, *run, shards);
  if (!summary) return Fail(summary.error());
  if (auto finished = (*store)->FinishRun(summary->status, ToJson(*summary)); !finished) {
    return Fail(finished.error());
  }
  return Print(AsTable(invocation.flags) ? ToTable(*summary) : ToJson(*summary));
}

Result<ExitCode> CommandRuns(const Invocation& invocation) {
  auto store = OpenStore(invocation);
  if (!store) return Fail(store.error());
  const auto runs = (*store)->Runs();
  if (!runs) return Fail(runs.error());
  if (AsTable(invocation.flags)) return Print(Table(*runs));
  auto list = nlohmann::ordered_json::array();
  for (const RunInfo& run : *runs) list.push_back(Json(run));
  return Print(list.dump(2) + '\n');
}

Result<ExitCode> CommandRunsShow(const Invocation& invocation) {
  auto store = OpenStore(invocation);
  if (!store) return Fail(store.error());
  const auto runs = (*store)->Runs();
  if (!runs) return Fail(runs.error());
  const std::string& wanted = invocation.flags.run;
  const RunInfo* found = nullptr;
  for (const RunInfo& run : *runs) {
    const bool newer = found == nullptr || run.number > found->number;
    if (run.id == wanted || (wanted == "last" && newer)) found = &run;
  }
  if (found == nullptr) {
    return Fail(ErrorCode::kUsage, fmt::format("the database holds no run {}", wanted),
                "see `sharepoint-audit runs` for those it holds");
  }
  if (AsTable(invocation.flags)) return Print(Table({*found}));
  const auto summary = nlohmann::ordered_json::parse(found->summary_json, nullptr, false);
  return Print((summary.is_object() ? summary : Json(*found)).dump(2) + '\n');
}

Result<ExitCode> CommandRunsDelete(const Invocation& invocation) {
  auto store = OpenStore(invocation, AuditStore::Mode::kReadWrite);
  if (!store) return Fail(store.error());
  return Tell(invocation, **store,
              (*store)->DeleteRuns(invocation.flags.words, invocation.flags.force));
}

Result<ExitCode> CommandRunsPrune(const Invocation& invocation) {
  auto store = OpenStore(invocation, AuditStore::Mode::kReadWrite);
  if (!store) return Fail(store.error());
  return Tell(invocation, **store, (*store)->PruneRuns(std::stoi(invocation.flags.keep)));
}

}  // namespace spa
