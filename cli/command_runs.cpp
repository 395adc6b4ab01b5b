#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "core/store/audit_store.h"

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

}  // namespace

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
