#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "core/clock.h"
#include "core/sqlite.h"
#include "core/store/audit_store.h"
#include "permissions/findings/evaluation.h"
#include "report/summary.h"

namespace spa {
namespace {

struct OpenedStore {
  std::string path;
  std::unique_ptr<AuditStore> store;
};
Result<OpenedStore> OpenStore(const Invocation& invocation,
                              AuditStore::Mode mode = AuditStore::Mode::kReadOnly) {
  const auto config = OpenConfig(invocation.flags, invocation.environment);
  if (!config) return Fail(config.error());
  const std::string& path = config->db_path;
  std::error_code ignored;
  if (mode == AuditStore::Mode::kReadWrite && !std::filesystem::exists(path, ignored)) {
    return Fail(ErrorCode::kUsage, fmt::format("there is no file {}", path),
                "Name the database of an audit with --db.");
  }
  auto store = AuditStore::Open(path, mode);
  if (!store) return Fail(store.error());
  return OpenedStore{path, *std::move(store)};
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

// How large the database is, and how much of it is free: the next runs fill that first.
struct Room {
  std::int64_t bytes = 0, free = 0;
};
Result<Room> RoomOf(const std::string& path) {
  auto db = sqlite::Database::Open(path, sqlite::Database::Mode::kReadOnly);
  if (!db) return Fail(db.error());
  const std::int64_t page = (*db)->Number("PRAGMA page_size");
  Room room;
  room.bytes = page * (*db)->Number("PRAGMA page_count");
  room.free = page * (*db)->Number("PRAGMA freelist_count");
  if (auto read = (*db)->Check("measuring " + path); !read) return Fail(read.error());
  return room;
}

// Tells what was deleted, and what room that made.
Result<ExitCode> Tell(const Invocation& invocation, OpenedStore& opened,
                      const Result<std::vector<RunInfo>>& deleted) {
  if (!deleted) return Fail(deleted.error());
  if (invocation.flags.compact) {
    if (auto compacted = opened.store->Compact(); !compacted) return Fail(compacted.error());
  }
  const auto room = RoomOf(opened.path);
  if (!room) return Fail(room.error());
  if (AsTable(invocation.flags)) {
    std::string text;
    for (const RunInfo& run : *deleted) {
      text += fmt::format("deleted {} ({}, {})\n", run.id, run.mode, run.status);
    }
    if (text.empty()) text = "nothing to delete\n";
    text += fmt::format("{} has {} bytes, {} of them free for the next runs{}\n", opened.path,
                        FormatCount(room->bytes), FormatCount(room->free),
                        invocation.flags.compact ? "" : "; --compact gives them back to the disk");
    return Print(text);
  }
  nlohmann::ordered_json ids = nlohmann::ordered_json::array();
  for (const RunInfo& run : *deleted) ids.push_back(run.id);
  nlohmann::ordered_json json;
  json["deleted"] = std::move(ids);
  json["database_bytes"] = room->bytes;
  json["free_bytes"] = room->free;
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
  const auto config = OpenConfig(invocation.flags, invocation.environment);
  if (!config) return Fail(config.error());
  const auto rules = RulesOf(config->findings);
  if (!rules) return Fail(rules.error());
  std::vector<RunInfo> shards;
  for (const std::string& path : invocation.flags.sources) {
    auto source = AuditStore::Open(path, AuditStore::Mode::kReadOnly);
    if (!source) return Fail(source.error());
    auto run = (*source)->FindRun("");
    if (!run) return Fail(run.error());
    shards.push_back(*std::move(run));
  }
  auto store = AuditStore::Open(config->db_path, AuditStore::Mode::kReadWrite);
  if (!store) return Fail(store.error());
  const auto run = (*store)->BeginMerge(invocation.flags.sources, invocation.flags.partial);
  if (!run) return Fail(run.error());
  if (auto found = EvaluateFindings(**store, run->number, config->findings, *rules); !found) {
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
  const auto opened = OpenStore(invocation);
  if (!opened) return Fail(opened.error());
  const auto runs = opened->store->Runs();
  if (!runs) return Fail(runs.error());
  if (AsTable(invocation.flags)) return Print(Table(*runs));
  auto list = nlohmann::ordered_json::array();
  for (const RunInfo& run : *runs) list.push_back(Json(run));
  return Print(list.dump(2) + '\n');
}

Result<ExitCode> CommandRunsShow(const Invocation& invocation) {
  const auto opened = OpenStore(invocation);
  if (!opened) return Fail(opened.error());
  const auto runs = opened->store->Runs();
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
  auto opened = OpenStore(invocation, AuditStore::Mode::kReadWrite);
  if (!opened) return Fail(opened.error());
  return Tell(invocation, *opened,
              opened->store->DeleteRuns(invocation.flags.words, invocation.flags.force));
}

Result<ExitCode> CommandRunsPrune(const Invocation& invocation) {
  const Flags& flags = invocation.flags;
  if (flags.keep.empty() && flags.older_than.empty()) {
    return Fail(ErrorCode::kUsage, "runs prune needs to know which runs stay",
                "Give --keep N, --older-than DURATION, or both.");
  }
  std::string begun_before;
  if (!flags.older_than.empty()) {
    const auto age = ParseDuration(flags.older_than);
    if (!age) {
      return Fail(ErrorCode::kUsage,
                  fmt::format("--older-than \"{}\" is no duration", flags.older_than),
                  "give a whole number with s, m, h or d, like 90d");
    }
    begun_before = UtcText(std::chrono::system_clock::now() - *age);
  }
  auto opened = OpenStore(invocation, AuditStore::Mode::kReadWrite);
  if (!opened) return Fail(opened.error());
  const int keep = flags.keep.empty() ? 1 : std::stoi(flags.keep);
  return Tell(invocation, *opened, opened->store->PruneRuns(keep, begun_before));
}

}  // namespace spa
