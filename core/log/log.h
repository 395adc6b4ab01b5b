// Log: words about a run, for people and for machines. Never for results.
//
// Goes to stderr (plain lines on a terminal, JSON lines elsewhere) and, when asked, to a file (JSON
// lines, appended, 0600). Every JSON line carries time, level, run_id and message.
//
// Threads: any. Errors: writing never fails its caller and never throws.
// Secrets: callers keep them out; whatever still looks like a token is replaced (Redact).
// Text from a tenant is escaped before it reaches a terminal.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/result.h"

namespace spa::log {

enum class Level { kTrace, kDebug, kInfo, kWarn, kError };

std::string_view Name(Level level);  // "trace", "debug", "info", "warn", "error"
std::optional<Level> LevelNamed(std::string_view name);

struct Options {
  Options() = default;
  Level stderr_level = Level::kInfo;
  Level file_level = Level::kInfo;
  std::string file;  // Empty: none.
  bool stderr_is_terminal = false;
};

// Replaces what was set up before. kUsage where the file cannot be opened.
Status Open(const Options& options);
void SetRunId(std::string run_id);
// Called before a line goes to a terminal, so that a live progress line can be taken away first.
// Pass nullptr before what it refers to ends.
void SetBeforeLine(std::function<void()> hook);

using Fields = std::initializer_list<std::pair<std::string_view, std::string>>;

bool Enabled(Level level) noexcept;
void Write(Level level, std::string_view message, Fields fields = {}) noexcept;

inline void Trace(std::string_view message, Fields fields = {}) noexcept {
  Write(Level::kTrace, message, fields);
}
inline void Debug(std::string_view message, Fields fields = {}) noexcept {
  Write(Level::kDebug, message, fields);
}
inline void Info(std::string_view message, Fields fields = {}) noexcept {
  Write(Level::kInfo, message, fields);
}
inline void Warn(std::string_view message, Fields fields = {}) noexcept {
  Write(Level::kWarn, message, fields);
}
inline void Error(std::string_view message, Fields fields = {}) noexcept {
  Write(Level::kError, message, fields);
}

// The two faces of a line, without newline.
std::string RenderJson(Level level, std::string_view time, std::string_view run_id,
                       std::string_view message, Fields fields);
std::string RenderPlain(Level level, std::string_view message, Fields fields);

// Replaces JWTs and the values of bearer headers and of secret-bearing form fields by "***".
std::string Redact(std::string_view text);

}  // namespace spa::log
