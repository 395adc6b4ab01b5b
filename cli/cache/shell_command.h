// A command of the shell whose output is a value: `cache get-or-set KEY --cmd '…'`.
#pragma once

#include <string>

#include "core/async/task.h"
#include "core/result.h"

namespace spa {

// What the command wrote to its standard output, without the last line break, as `$(…)` has it.
// kInternal where it ended with another code than 0, or could not be started. When the task is
// cancelled, the command and what it started are killed.
//
// Threads: the io_context's thread, which is never held up.
[[nodiscard]] Task<Result<std::string>> OutputOfShell(std::string command);

}  // namespace spa
