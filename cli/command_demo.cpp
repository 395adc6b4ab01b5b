// demo: the whole product on a tenant that exists in this process alone.
#include <fmt/format.h>

#include "cli/audit_run.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/options.h"
#include "cli/run_report.h"
#include "report/export.h"
#include "simulator/simulate.h"

namespace spa {
namespace {

struct Place {
  explicit Place(const std::string& directory)
      : config(directory + "/config.json"),
        database(directory + "/audit.db"),
        report(directory + "/report.html"),
        permissions(directory + "/permissions.csv"),
        coverage(directory + "/coverage.csv") {}
  std::string config, database, report, permissions, coverage;
};

Result<AuditOptions> Options(const Flags& flags, const Place& place) {
  ConfigSources sources;  // Neither flags nor environment: the demo meets no real tenant.
  if (auto read = ReadConfigFile(place.config, sources); !read) return Fail(read.error());
  auto loaded = LoadConfig(sources);
  if (!loaded) return Fail(loaded.error());
  if (auto ready = PrepareForAudit(*loaded, {}); !ready) return Fail(ready.error());
  AuditOptions options;
  options.config = std::move(loaded->config);
  options.quiet = flags.quiet;
  return options;
}

Status ExportAll(const Place& place) {
  ExportOptions options;
  options.db_path = place.database;
  options.format = ExportOptions::Format::kCsv;
  auto permissions = OutputFile::Create(place.permissions);
  if (!permissions) return Fail(permissions.error());
  if (auto written = ExportPermissions(options, permissions->fd()); !written) return written;
  if (auto kept = permissions->Keep(); !kept) return kept;
  auto coverage = OutputFile::Create(place.coverage);
  if (!coverage) return Fail(coverage.error());
  if (auto written = ExportCoverage(options, coverage->fd()); !written) return written;
  return coverage->Keep();
}

std::string WhereEverythingIs(const Place& place, const std::string& preset) {
  return fmt::format(
      "\n"
      "Report          {5}   open it in a browser\n"
      "Database        {1}\n"
      "Configuration   {0}\n"
      "Permissions     {2}\n"
      "Coverage        {3}\n"
      "\n"
      "Next:\n"
      "  sharepoint-audit runs --db {1}\n"
      "  sharepoint-audit findings --db {1} --severity high\n"
      "  sharepoint-audit export permissions --db {1} --format csv --csv-dialect excel\n"
      "  sharepoint-audit simulate --preset {4} --write-config simulated.json    a tenant to audit "
      "yourself\n"
      "  sharepoint-audit config init                                           a configuration "
      "for your own\n",
      place.config, place.database, place.permissions, place.coverage, preset, place.report);
}

}  // namespace

Result<ExitCode> CommandDemo(const Invocation& invocation) {
  const Flags& flags = invocation.flags;
  const Place place(flags.directory);
  if (auto made = MakeDirectories(flags.directory); !made) return Fail(made.error());
  SimulateOptions simulate;
  simulate.preset = flags.preset;
  simulate.write_config = place.config;
  simulate.credential = "certificate";
  auto server = StartSimulation(simulate);
  if (!server) return Fail(server.error());

  const auto options = Options(flags, place);
  if (!options) return Fail(options.error());
  if (auto opened = OpenLog(flags, options->config); !opened) return Fail(opened.error());
  const auto outcome = RunAudit(*options);
  if (!outcome) return Fail(outcome.error());
  if (outcome->interrupted) return ExitCode::kInterrupted;
  if (outcome->aborted) return Fail(*outcome->aborted);
  if (auto exported = ExportAll(place); !exported) return Fail(exported.error());
  const auto report = ReportOfRun(options->config, "");
  if (!report) return Fail(report.error());
  if (auto written = WriteWholeFile(place.report, *report, true); !written) {
    return Fail(written.error());
  }
  return Print(ToTable(outcome->summary) + WhereEverythingIs(place, flags.preset));
}

}  // namespace spa
