#include <unistd.h>

#include "cli/access_model.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "report/export.h"
#include "report/findings_export.h"
#include "report/workbook.h"

namespace spa {
namespace {

Result<ExportOptions> CheckExport(const Flags& flags, const Config& config) {
  ExportOptions options;
  options.db_path = config.db_path;
  options.run_id = flags.run;
  options.format = flags.format == "csv"    ? ExportOptions::Format::kCsv
                   : flags.format == "json" ? ExportOptions::Format::kJson
                   : flags.format == "xlsx" ? ExportOptions::Format::kXlsx
                                            : ExportOptions::Format::kJsonl;
  options.excel = flags.csv_dialect == "excel";
  options.sheet = flags.what;
  options.all = flags.all;
  const bool xlsx = options.format == ExportOptions::Format::kXlsx;
  if (flags.what == "workbook" && !xlsx) {
    return Fail(ErrorCode::kUsage, "the workbook has one form", "add --format xlsx");
  }
  const bool to_terminal = flags.output_file.empty() || flags.output_file == "-";
  if (xlsx && to_terminal && IsTerminal(stdout)) {
    return Fail(ErrorCode::kUsage, "a workbook is nothing for a terminal", "add --output FILE");
  }
  if (options.excel && options.format != ExportOptions::Format::kCsv) {
    return Fail(ErrorCode::kUsage, "--csv-dialect excel needs --format csv", "add --format csv");
  }
  if ((flags.format == "sarif" || flags.format == "ocsf") && flags.what != "findings") {
    return Fail(ErrorCode::kUsage, "--format " + flags.format + " is for `export findings`",
                "give jsonl, csv or json");
  }
  if (options.all && flags.what != "permissions") {
    return Fail(ErrorCode::kUsage, "--all is for `export permissions` alone", "leave it out");
  }
  return options;
}

Status Write(const Flags& flags, const ExportOptions& options, int fd) {
  const std::string& what = flags.what;
  if (what == "findings") {
    return flags.format == "sarif"  ? ExportSarif(options, fd)
           : flags.format == "ocsf" ? ExportOcsf(options, fd)
                                    : ExportFindings(options, fd);
  }
  if (what == "workbook") return ExportWorkbook(options, OpenGuestList, fd);
  if (what == "objects") return ExportObjects(options, fd);
  if (what == "coverage") return ExportCoverage(options, fd);
  if (what == "access") return ExportAccess(options, OpenReaches, fd);
  if (what == "groups") return ExportGroups(options, OpenGroupList, fd);
  return ExportPermissions(options, fd);
}

}  // namespace

Result<ExitCode> CommandExport(const Invocation& invocation) {
  const Flags& flags = invocation.flags;
  const auto config = OpenConfig(flags, invocation.environment);
  if (!config) return Fail(config.error());
  const auto options = CheckExport(flags, *config);
  if (!options) return Fail(options.error());

  Status written;
  if (flags.output_file.empty() || flags.output_file == "-") {
    written = Write(flags, *options, STDOUT_FILENO);
  } else {
    auto file = OutputFile::Create(flags.output_file);
    if (!file) return Fail(file.error());
    written = Write(flags, *options, file->fd());
    if (written) written = file->Keep();
  }
  if (!written) return Fail(written.error());
  return ExitCode::kDone;
}

}  // namespace spa
