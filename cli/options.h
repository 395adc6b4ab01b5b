// Step two of the command line: what was typed, checked and joined with the configuration.
//
// Errors: kUsage. Options that a later version will bring are refused, never ignored.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "cli/audit_run.h"
#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "core/config/config_loader.h"

namespace spa {

using EnvironmentVariables = std::map<std::string, std::string>;

// "90", "90s", "15m", "2h", "7d".
std::optional<std::chrono::seconds> ParseDuration(std::string_view text);

// The configuration file to read: --config, $SHAREPOINT_AUDIT_CONFIG, config/config.json if it is
// there, else none.
std::string ConfigFileOf(const Flags& flags, const EnvironmentVariables& environment);

// Flags over environment over file over defaults.
Result<LoadedConfig> LoadConfigOf(const Flags& flags, const EnvironmentVariables& environment);

// Sets up the log and the file of traces as the configuration, -v and -q say.
Status OpenLog(const Flags& flags, const Config& config);

// Both, for commands that need nothing but the values.
Result<Config> OpenConfig(const Flags& flags, const EnvironmentVariables& environment);

struct AuditCommand {
  AuditCommand() = default;
  AuditOptions run;
  std::string output_format;  // "table", "json" or "csv"
  std::optional<double> min_coverage;
  std::optional<Severity> fail_on;  // --fail-on; nothing: none
  std::string metrics_file;
};

// `to_terminal`: stdout is one, which decides the default output format.
Result<AuditCommand> CheckAudit(const Flags& flags, LoadedConfig loaded,
                                const EnvironmentVariables& environment, bool to_terminal);

// How an audit that came to its end is told to scripts.
ExitCode ExitOfRun(const AuditOutcome& outcome, const AuditCommand& command);

}  // namespace spa
