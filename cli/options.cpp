#include "cli/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>

#include "cli/terminal.h"
#include "core/log/log.h"
#include "core/trace.h"

namespace spa {
namespace {

template <class T>
std::optional<T> Number(std::string_view text) {
  T number{};
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (text.empty() || read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return number;
}

log::Level LevelOf(const Flags& flags, const Config& config) {
  const log::Level configured = log::LevelNamed(config.log_level).value_or(log::Level::kInfo);
  if (flags.verbosity >= 2) return log::Level::kTrace;
  if (flags.verbosity == 1) return std::min(configured, log::Level::kDebug);
  return configured;
}

}  // namespace

std::optional<std::chrono::seconds> ParseDuration(std::string_view text) {
  struct Unit {
    char letter;
    long seconds;
  };
  constexpr std::array kUnits = {Unit{'s', 1}, Unit{'m', 60}, Unit{'h', 3600}, Unit{'d', 86400}};
  constexpr long kLongest = 100L * 365 * 86400;
  long scale = 1;
  for (const Unit& unit : kUnits) {
    if (!text.ends_with(unit.letter)) continue;
    scale = unit.seconds;
    text.remove_suffix(1);
    break;
  }
  const auto number = Number<long>(text);
  if (!number || *number < 0 || *number > kLongest / scale) return std::nullopt;
  return std::chrono::seconds(*number * scale);
}

std::string ConfigFileOf(const Flags& flags, const EnvironmentVariables& environment) {
  constexpr const char* kUsual = "config/config.json";
  if (!flags.config_file.empty()) return flags.config_file;
  const auto found = environment.find("SHAREPOINT_AUDIT_CONFIG");
  if (found != environment.end() && !found->second.empty()) return found->second;
  std::error_code ignored;
  return std::filesystem::exists(kUsual, ignored) ? kUsual : "";
}

Result<LoadedConfig> LoadConfigOf(const Flags& flags, const EnvironmentVariables& environment) {
  ConfigSources sources;
  sources.environment = environment;
  sources.flags = flags.keys;
  if (const std::string file = ConfigFileOf(flags, environment); !file.empty()) {
    if (auto read = ReadConfigFile(file, sources); !read) return Fail(read.error());
  }
  return LoadConfig(sources);
}

Status OpenLog(const Flags& flags, const Config& config) {
  log::Options options;
  options.file = config.log_file;
  options.file_level = LevelOf(flags, config);
  options.stderr_level =
      flags.quiet ? std::max(options.file_level, log::Level::kWarn) : options.file_level;
  options.stderr_is_terminal = IsTerminal(stderr);
  if (auto opened = trace::Open(config.trace_file); !opened) return opened;
  return log::Open(options);
}

Result<Config> OpenConfig(const Flags& flags, const EnvironmentVariables& environment) {
  auto loaded = LoadConfigOf(flags, environment);
  if (!loaded) return Fail(std::move(loaded.error()));
  if (auto opened = OpenLog(flags, loaded->config); !opened) return Fail(std::move(opened.error()));
  return std::move(loaded->config);
}

Result<AuditCommand> CheckAudit(const Flags& flags, LoadedConfig loaded,
                                const EnvironmentVariables& environment, bool to_terminal) {
  AuditCommand command;
  command.fail_on = SeverityNamed(flags.fail_on);  // The grammar let nothing else in but "none".
  const auto patience = ParseDuration(flags.patience);
  if (!patience) {
    return Fail(ErrorCode::kUsage, fmt::format("--patience \"{}\" is no duration", flags.patience),
                "give a whole number with s, m, h or d, like 15m");
  }
  if (!flags.max_age.empty()) {
    command.run.max_age = ParseDuration(flags.max_age);
    if (!command.run.max_age) {
      return Fail(ErrorCode::kUsage, fmt::format("--max-age \"{}\" is no duration", flags.max_age),
                  "give a whole number with s, m, h or d, like 1h");
    }
  }
  if (!flags.shard.empty()) {
    command.run.shard = ParseShard(flags.shard);
    if (!command.run.shard) {
      return Fail(ErrorCode::kUsage, fmt::format("--shard \"{}\" is no part", flags.shard),
                  "give I/N with I from 1 to N, and N at most 1000, like 2/4");
    }
  }
  if (!flags.min_coverage.empty()) {
    command.min_coverage = Number<double>(flags.min_coverage);
    if (!command.min_coverage || !(*command.min_coverage >= 0 && *command.min_coverage <= 100)) {
      return Fail(ErrorCode::kUsage,
                  fmt::format("--min-coverage \"{}\" is no percentage", flags.min_coverage),
                  "give a number from 0 to 100");
    }
  }
  if (flags.replay.empty()) {  // A replay asks nobody, so it needs neither tenant nor credential.
    auto checked = PrepareForAudit(loaded, environment);
    if (!checked) return Fail(checked.error());
  }

  command.output_format = !flags.output_format.empty() ? flags.output_format
                          : to_terminal                ? "table"
                                                       : "json";
  command.metrics_file = flags.metrics_file;
  command.run.config = std::move(loaded.config);
  command.run.no_cache = flags.no_cache;
  if (flags.full) command.run.mode = RunMode::kFull;
  if (flags.incremental) command.run.mode = RunMode::kIncremental;
  command.run.resume = flags.resume;
  command.run.record = flags.record;
  command.run.pseudonymise = flags.pseudonymise;
  command.run.replay = flags.replay;
  command.run.patience = *patience;
  command.run.quiet = flags.quiet;
  return command;
}

ExitCode ExitOfRun(const AuditOutcome& outcome, const AuditCommand& command) {
  if (outcome.interrupted) return ExitCode::kInterrupted;
  if (outcome.summary.status == "failed") return ExitCode::kFailure;
  if (command.min_coverage && CoveragePercent(outcome.summary.counts) < *command.min_coverage)
    return ExitCode::kCoverage;
  const auto worst = outcome.summary.findings.worst();
  if (command.fail_on && worst && *worst >= *command.fail_on) return ExitCode::kFindings;
  return ExitCode::kDone;
}

}  // namespace spa
