// Text from a tenant on its way to a terminal: names may hold escape sequences or direction marks
// that make a line say something else than it does.
#pragma once

#include <string>
#include <string_view>

namespace spa {

// C0 and C1 controls, DEL, line and paragraph separators, bidi and zero-width characters become
// "\xNN" or "\u{NNNN}"; bytes that are no UTF-8 become "\xNN". Everything else stays.
std::string EscapeForTerminal(std::string_view text);

}  // namespace spa
