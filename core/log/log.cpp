#include "core/log/log.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <nlohmann/json.hpp>

#include "core/log/terminal_text.h"

namespace spa::log {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"trace", "debug", "info", "warn", "error"};

class Sink {
 public:
  ~Sink() {
    if (file_ >= 0) ::close(file_);
  }

  Status Open(const Options& options) {
    int file = -1;
    if (!options.file.empty()) {
      file = ::open(options.file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
      if (file < 0) {
        return Fail(ErrorCode::kUsage,
                    fmt::format("logging.file names \"{}\", which cannot be opened for writing: {}",
                                options.file, std::strerror(errno)),
                    "name a file in a directory this user may write to");
      }
    }
    const std::lock_guard lock(mutex_);
    if (file_ >= 0) ::close(file_);
    file_ = file;
    options_ = options;
    lowest_ = file < 0 ? options.stderr_level : std::min(options.stderr_level, options.file_level);
    return {};
  }

  bool Enabled(Level level) const noexcept {
    return level >= lowest_.load(std::memory_order_relaxed);
  }

  void Write(Level level, std::string_view message, Fields fields) {
    const std::lock_guard lock(mutex_);
    const bool to_stderr = level >= options_.stderr_level;
    const bool to_file = file_ >= 0 && level >= options_.file_level;
    std::string json;
    if (to_file || (to_stderr && !options_.stderr_is_terminal)) {
      json = RenderJson(level, Now(), run_id_, message, fields) + '\n';
    }
    if (to_file) Put(file_, json);
    if (!to_stderr) return;
    if (!options_.stderr_is_terminal) {
      Put(STDERR_FILENO, json);
      return;
    }
    if (before_line_) before_line_();
    Put(STDERR_FILENO, RenderPlain(level, message, fields) + '\n');
  }

  void SetRunId(std::string run_id) {
    const std::lock_guard lock(mutex_);
    run_id_ = std::move(run_id);
  }

  void SetBeforeLine(std::function<void()> hook) {
    const std::lock_guard lock(mutex_);
    before_line_ = std::move(hook);
  }

 private:
  static std::string Now() {
    const auto now = std::chrono::system_clock::now();
    const auto millis =
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() %
        1000;
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(now)), millis);
  }

  static void Put(int fd, std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(fd, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return;  // A log that cannot be written is no reason to fail.
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  std::mutex mutex_;
  Options options_;
  std::atomic<Level> lowest_ = Level::kInfo;
  int file_ = -1;
  std::string run_id_;
  std::function<void()> before_line_;
};

Sink& TheSink() {
  static Sink sink;
  return sink;
}

bool IsTokenChar(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '~' || c == '+' || c == '/' || c == '=' || c == '%';
}

bool SameIgnoringCase(char a, char b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return lower(a) == lower(b);
}

// What goes before a value that must not be shown.
constexpr std::array<std::string_view, 8> kLeads = {
    "bearer ",        "client_secret=",    "client_assertion=",  "access_token=",
    "refresh_token=", "access_token\":\"", "access_token\": \"", "client_secret\":\""};

// How many characters at the start of `text` are a lead; 0 for none.
std::size_t LeadAt(std::string_view text) {
  for (const std::string_view lead : kLeads) {
    if (text.size() > lead.size() &&
        std::equal(lead.begin(), lead.end(), text.begin(), SameIgnoringCase)) {
      return lead.size();
    }
  }
  return 0;
}

// A JWT starts with the base64url of '{"'.
bool IsJwtAt(std::string_view text) {
  if (text.substr(0, 3) != "eyJ") return false;
  const auto end = std::find_if_not(text.begin(), text.end(), IsTokenChar);
  return end - text.begin() > 20 && std::count(text.begin(), end, '.') >= 1;
}

}  // namespace

std::string_view Name(Level level) { return kNames[static_cast<std::size_t>(level)]; }

std::optional<Level> LevelNamed(std::string_view name) {
  const auto at = std::find(kNames.begin(), kNames.end(), name);
  if (at == kNames.end()) return std::nullopt;
  return static_cast<Level>(at - kNames.begin());
}

Status Open(const Options& options) { return TheSink().Open(options); }
void SetRunId(std::string run_id) { TheSink().SetRunId(std::move(run_id)); }
void SetBeforeLine(std::function<void()> hook) { TheSink().SetBeforeLine(std::move(hook)); }
bool Enabled(Level level) noexcept { return TheSink().Enabled(level); }

void Write(Level level, std::string_view message, Fields fields) noexcept {
  if (!Enabled(level)) return;
  try {
    TheSink().Write(level, message, fields);
  } catch (...) {  // Out of memory, most likely: the caller has more important work.
  }
}

std::string RenderJson(Level level, std::string_view time, std::string_view run_id,
                       std::string_view message, Fields fields) {
  nlohmann::ordered_json line;
  line["time"] = time;
  line["level"] = Name(level);
  if (!run_id.empty()) line["run_id"] = run_id;
  line["message"] = Redact(message);
  for (const auto& [name, value] : fields) line[std::string(name)] = Redact(value);
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string RenderPlain(Level level, std::string_view message, Fields fields) {
  std::string line = level == Level::kInfo ? std::string() : fmt::format("{}: ", Name(level));
  line += EscapeForTerminal(Redact(message));
  for (const auto& [name, value] : fields) {
    line += fmt::format(" {}={}", name, EscapeForTerminal(Redact(value)));
  }
  return line;
}

std::string Redact(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  while (!text.empty()) {
    const std::size_t lead = LeadAt(text);
    if (lead == 0 && !IsJwtAt(text)) {
      safe += text[0];
      text.remove_prefix(1);
      continue;
    }
    safe.append(text.substr(0, lead)).append("***");
    text.remove_prefix(lead);
    const auto end = std::find_if_not(text.begin(), text.end(), IsTokenChar);
    text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
  }
  return safe;
}

}  // namespace spa::log
