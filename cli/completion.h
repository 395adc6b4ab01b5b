// Completion scripts, generated from the description of the commands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/command_line.h"

namespace spa {

// `shell`: "bash", "zsh" or "fish".
std::string CompletionScript(std::string_view shell, const std::vector<CommandInfo>& commands);

}  // namespace spa
