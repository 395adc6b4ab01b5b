#include <fmt/format.h>

#include "cli/audit_run.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/metrics.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "core/log/log.h"

namespace spa {
namespace {

std::string Render(const RunSummary& summary, const std::string& format) {
  if (format == "json") return ToJson(summary);
  if (format == "csv") return ToCsv(summary);
  return ToTable(summary);
}

Status Publish(const AuditCommand& command, const RunSummary& summary) {
  if (auto printed = Print(Render(summary, command.output_format)); !printed) {
    return Fail(printed.error());
  }
  if (command.metrics_file.empty()) return {};
  return WriteWholeFile(command.metrics_file, PrometheusText(summary), true);
}

// A look at the tenant as it is now: `plan` with the options of this audit.
Result<ExitCode> DryRun(Invocation invocation) {
  const Flags& flags = invocation.flags;
  const char* other = !flags.resume.empty()          ? "--resume"
                      : !flags.record.empty()        ? "--record"
                      : !flags.replay.empty()        ? "--replay"
                      : flags.output_format == "csv" ? "--output-format csv"
                                                     : nullptr;
  if (other != nullptr) {
    return Fail(ErrorCode::kUsage, fmt::format("--dry-run does not go with {}", other),
                "A dry run looks at the tenant anew and prints a table or JSON.");
  }
  invocation.flags.look = true;
  return CommandPlan(invocation);
}

}  // namespace

Result<ExitCode> CommandAudit(const Invocation& invocation) {
  if (invocation.flags.dry_run) return DryRun(invocation);
  auto loaded = LoadConfigOf(invocation.flags, invocation.environment);
  if (!loaded) return Fail(loaded.error());
  auto command =
      CheckAudit(invocation.flags, *std::move(loaded), invocation.environment, IsTerminal(stdout));
  if (!command) return Fail(command.error());
  if (auto opened = OpenLog(invocation.flags, command->run.config); !opened)
    return Fail(opened.error());

  const auto outcome = RunAudit(command->run);
  if (!outcome) return Fail(outcome.error());

  if (!outcome->summary.run_id.empty()) {
    if (auto written = Publish(*command, outcome->summary); !written) return Fail(written.error());
  }
  if (outcome->aborted && !outcome->interrupted) return Fail(*outcome->aborted);
  const ExitCode exit = ExitOfRun(*outcome, *command);
  if (exit == ExitCode::kCoverage) {
    log::Warn(fmt::format("coverage is {:.2f} %, under --min-coverage {}",
                          CoveragePercent(outcome->summary.counts), *command->min_coverage));
  }
  return exit;
}

}  // namespace spa
