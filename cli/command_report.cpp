// `report`: what a run found, as one HTML file.
#include <unistd.h>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/options.h"
#include "cli/run_report.h"

namespace spa {

Result<ExitCode> CommandReport(const Invocation& invocation) {
  const Flags& flags = invocation.flags;
  const auto config = OpenConfig(flags, invocation.environment);
  if (!config) return Fail(config.error());
  const auto page = ReportOfRun(*config, flags.run);
  if (!page) return Fail(page.error());
  if (flags.output_file == "-") return Print(*page);
  const std::string path = flags.output_file.empty() ? "report.html" : flags.output_file;
  if (auto written = WriteWholeFile(path, *page, true); !written) return Fail(written.error());
  return Print(path + '\n');
}

}  // namespace spa
