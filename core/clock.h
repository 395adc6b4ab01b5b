// Times as the database, the exports and the summary write them.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace spa {

// ISO 8601 in UTC, to the second: "2026-11-20T08:14:05Z".
std::string UtcText(std::chrono::system_clock::time_point time);
// The other way, for text of exactly that form; nothing where it is another.
std::optional<std::chrono::system_clock::time_point> ParseUtc(const std::string& text);

}  // namespace spa
