#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/files.h"

namespace spa {

Result<ExitCode> CommandCompletion(const Invocation& invocation) {
  return Print(CompletionScript(invocation.flags.shell, DescribeCommands()));
}

}  // namespace spa
