#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/files.h"
#include "cli/manual.h"

namespace spa {

Result<ExitCode> CommandCompletion(const Invocation& invocation) {
  const auto commands = DescribeCommands();
  const std::string& shell = invocation.flags.shell;
  return Print(shell == "man" ? ManualPage(commands) : CompletionScript(shell, commands));
}

}  // namespace spa
