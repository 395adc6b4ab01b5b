#include "cli/commands.h"
#include "cli/doctor.h"
#include "cli/files.h"
#include "cli/options.h"

namespace spa {

Result<ExitCode> CommandDoctor(const Invocation& invocation) {
  auto loaded = LoadConfigOf(invocation.flags, invocation.environment);
  if (loaded) {
    if (auto opened = OpenLog(invocation.flags, loaded->config); !opened)
      return Fail(opened.error());
  }
  const auto checks = RunDoctor(std::move(loaded), invocation.environment);
  const std::string text = invocation.flags.json ? RenderChecksJson(checks) : RenderChecks(checks);
  if (auto printed = Print(text); !printed) return printed;
  return ExitOf(checks);
}

}  // namespace spa
