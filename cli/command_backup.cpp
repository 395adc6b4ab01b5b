// backup and restore: the audit database as one file, and back.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/stop_signal.h"
#include "core/store/backup.h"

namespace spa {
namespace {

using Json = nlohmann::ordered_json;

Json JsonOf(const BackupInfo& info) {
  Json json;
  json["path"] = info.path;
  json["bytes"] = info.bytes;
  json["sha256"] = info.sha256;
  json["schema"] = info.schema;
  json["runs"] = info.runs;
  json["last_run"] = info.last_run.empty() ? Json() : Json(info.last_run);
  return json;
}

std::string TextOf(const BackupInfo& info) {
  const std::string last = info.last_run.empty() ? "no finished run"
                                                 : fmt::format("the last finished one {} of {}",
                                                               info.last_run, info.last_started_at);
  return fmt::format("{} bytes, runs: {}, {}, SHA-256 {}",
                     FormatCount(static_cast<long>(info.bytes)), info.runs, last, info.sha256);
}

Result<ExitCode> Interrupted(std::string_view untouched) {
  fmt::print(stderr, "sharepoint-audit: interrupted; {}\n", untouched);
  return ExitCode::kInterrupted;
}

}  // namespace

Result<ExitCode> CommandBackup(const Invocation& invocation) {
  const Flags& flags = invocation.flags;
  const auto config = OpenConfig(invocation.flags, invocation.environment);
  if (!config) return Fail(config.error());
  const StopSignal signal;
  const auto done =
      BackUpDatabase(config->db_path, flags.file, flags.force, [&] { return signal.came(); });
  if (!done) return Fail(done.error());
  if (!*done) return Interrupted("no backup was written");
  const BackupInfo& info = **done;
  return Print(flags.json ? JsonOf(info).dump(2) + '\n'
                          : fmt::format("{}: {}\n", info.path, TextOf(info)));
}

Result<ExitCode> CommandRestore(const Invocation& invocation) {
  const Flags& flags = invocation.flags;
  if (flags.check) {
    const auto info = CheckBackup(flags.file);
    if (!info) return Fail(info.error());
    return Print(flags.json ? JsonOf(*info).dump(2) + '\n'
                            : fmt::format("{} is whole: {}\n", info->path, TextOf(*info)));
  }
  const auto config = OpenConfig(invocation.flags, invocation.environment);
  if (!config) return Fail(config.error());
  const StopSignal signal;
  const auto done = RestoreDatabase(flags.file, config->db_path, /*keep=*/!flags.force,
                                    [&] { return signal.came(); });
  if (!done) return Fail(done.error());
  if (!*done) return Interrupted("the database is as it was");
  const RestoreInfo& info = **done;
  if (flags.json) {
    Json json;
    json["database"] = config->db_path;
    json["from"] = JsonOf(info.backup);
    json["kept"] = info.kept.empty() ? Json() : Json(info.kept);
    return Print(json.dump(2) + '\n');
  }
  std::string text = fmt::format("{} is as {} has it: {}\n", config->db_path, info.backup.path,
                                 TextOf(info.backup));
  if (!info.kept.empty()) text += fmt::format("what it held before is in {}\n", info.kept);
  return Print(text);
}

}  // namespace spa
