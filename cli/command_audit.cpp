#include <fmt/format.h>

#include "cli/audit_run.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/metrics.h"
#include "cli/notification.h"
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

// From here on the audit is told of, however it ends.
Result<ExitCode> Audit(const Invocation& invocation, LoadedConfig loaded, AuditEnding& ending) {
  auto command =
      CheckAudit(invocation.flags, std::move(loaded), invocation.environment, IsTerminal(stdout));
  if (!command) return Fail(command.error());
  const auto outcome = RunAudit(command->run);
  if (!outcome) return Fail(outcome.error());

  if (!outcome->summary.run_id.empty()) {
    ending.summary = outcome->summary;
    if (auto written = Publish(*command, outcome->summary); !written) return Fail(written.error());
  }
  if (outcome->interrupted) {
    fmt::print(stderr, "sharepoint-audit: interrupted{}\n",
               ending.summary
                   ? fmt::format("; `sharepoint-audit audit --resume last` goes on with run {}",
                                 outcome->summary.run_id)
                   : " before a run had begun; nothing was changed");
  } else if (outcome->aborted) {
    return Fail(*outcome->aborted);
  }
  const ExitCode exit = ExitOfRun(*outcome, *command);
  if (exit == ExitCode::kCoverage) {
    log::Warn(fmt::format("coverage is {:.2f} %, under --min-coverage {}",
                          CoveragePercent(outcome->summary.counts), *command->min_coverage));
  }
  return exit;
}

}  // namespace

Result<ExitCode> CommandAudit(const Invocation& invocation) {
  if (invocation.flags.dry_run) return DryRun(invocation);
  auto loaded = LoadConfigOf(invocation.flags, invocation.environment);
  if (!loaded) return Fail(loaded.error());
  if (auto opened = OpenLog(invocation.flags, loaded->config); !opened) return Fail(opened.error());
  const auto told = PrepareNotification(*loaded, invocation.environment);
  if (!told) return Fail(told.error());

  AuditEnding ending;
  const auto exit = Audit(invocation, *std::move(loaded), ending);
  ending.exit = exit ? *exit : ExitCodeOf(exit.error().code);
  if (!exit) ending.error = exit.error();
  if (invocation.flags.replay.empty()) Notify(ending, *told);  // A replay sends nothing.
  return exit;
}

}  // namespace spa
