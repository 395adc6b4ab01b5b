// Terminal: what kind of place a stream leads to, and tables for people.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace spa {

bool IsTerminal(std::FILE* stream);
bool UseColor(std::FILE* stream);      // A terminal, not "dumb", and NO_COLOR is empty or unset.
int TerminalWidth(std::FILE* stream);  // Columns; 80 where it cannot be told.

// Columns aligned with two spaces between, first row as heading, a newline after each row. Cells
// are escaped (core/log/terminal_text.h); what they say may come from a tenant.
std::string RenderTable(const std::vector<std::vector<std::string>>& rows);

}  // namespace spa
