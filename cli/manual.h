// The manual page (man sharepoint-audit), generated from the description of the commands.
#pragma once

#include <string>
#include <vector>

#include "cli/command_line.h"

namespace spa {

// In the language of man(7). The same for the same commands and version: it carries no date.
std::string ManualPage(const std::vector<CommandInfo>& commands);

}  // namespace spa
