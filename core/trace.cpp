#include "core/trace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>

#include "core/encoding.h"

namespace spa::trace {
namespace {

using Json = nlohmann::ordered_json;

// So many random hex digits, never all 0, which would be no id: a GUID has fixed bits among them.
std::string RandomHex(std::size_t digits) {
  std::string hex = NewGuid();
  std::erase(hex, '-');
  return hex.substr(hex.size() - digits);
}

// What all of the process's spans share.
struct Process {
  std::string id = RandomHex(32);
  Span command{"command"};
  std::atomic<int> file{-1};
  std::mutex mutex;
};

Process& TheProcess() {
  static Process process;
  return process;
}

Json Attribute(std::string_view key, std::string_view value) {
  return {{"key", key}, {"value", {{"stringValue", value}}}};
}

std::string Nanoseconds(std::chrono::system_clock::time_point time) {
  return std::to_string(
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

Status MakeDirectoriesOf(const std::string& file) {
  std::filesystem::path made;
  for (const auto& part : std::filesystem::path(file).parent_path()) {
    made /= part;
    if (::mkdir(made.c_str(), 0700) != 0 && errno != EEXIST && errno != EISDIR) {
      return Fail(ErrorCode::kUsage, fmt::format("{}: {}", made.string(), std::strerror(errno)));
    }
  }
  return {};
}

// A trace that cannot be written is no reason to fail.
void Put(const Span& span, std::string_view parent, std::chrono::nanoseconds took) noexcept {
  Process& process = TheProcess();
  const int file = process.file.load(std::memory_order_relaxed);
  if (file < 0) return;
  try {
    const std::string line = Render(span, parent, took) + '\n';
    const std::lock_guard lock(process.mutex);
    (void)!::write(file, line.data(), line.size());  // Whole: the file is a plain one.
  } catch (const std::exception&) {
    return;
  }
}

std::chrono::nanoseconds Since(std::chrono::system_clock::time_point began) {
  return std::max(std::chrono::system_clock::now() - began,
                  std::chrono::system_clock::duration::zero());
}

}  // namespace

Span::Span(std::string name, SpanKind kind)
    : id(RandomHex(16)),
      name(std::move(name)),
      kind(kind),
      began(std::chrono::system_clock::now()) {}

const std::string& Id() { return TheProcess().id; }

std::string ParentHeader(const Span& span) { return fmt::format("00-{}-{}-01", Id(), span.id); }

Status Open(const std::string& file) {
  Process& process = TheProcess();
  int opened = -1;
  if (!file.empty()) {
    const Status made = MakeDirectoriesOf(file);
    if (made) opened = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (opened < 0) {
      return Fail(ErrorCode::kUsage,
                  fmt::format("logging.trace_file names \"{}\", which cannot be opened: {}", file,
                              made ? std::strerror(errno) : made.error().message.c_str()),
                  "name a file in a directory this user may write to");
    }
  }
  const std::lock_guard lock(process.mutex);
  if (const int before = process.file.exchange(opened); before >= 0) ::close(before);
  return {};
}

bool Writing() noexcept { return TheProcess().file.load(std::memory_order_relaxed) >= 0; }

void Write(const Span& span) noexcept { Write(span, Since(span.began)); }

void Write(const Span& span, std::chrono::nanoseconds took) noexcept {
  Put(span, TheProcess().command.id, took);
}

void WriteCommand(std::string_view name, int exit_code) noexcept {
  if (!Writing()) return;
  Process& process = TheProcess();
  process.command.name = name;
  process.command.failed = exit_code != 0;
  process.command.attributes = {{"process.exit.code", std::to_string(exit_code)}};
  Put(process.command, {}, Since(process.command.began));
}

std::string Render(const Span& span, std::string_view parent, std::chrono::nanoseconds took) {
  Json json = {{"traceId", Id()}, {"spanId", span.id}};
  if (!parent.empty()) json["parentSpanId"] = parent;
  json["name"] = span.name;
  json["kind"] = static_cast<int>(span.kind);
  json["startTimeUnixNano"] = Nanoseconds(span.began);
  json["endTimeUnixNano"] = Nanoseconds(
      span.began + std::chrono::duration_cast<std::chrono::system_clock::duration>(took));
  json["attributes"] = Json::array();
  for (const auto& [key, value] : span.attributes)
    json["attributes"].push_back(Attribute(key, value));
  json["status"] = {{"code", span.failed ? 2 : 1}};
  const Json resource = {{"attributes", Json::array({Attribute("service.name", "sharepoint-audit"),
                                                     Attribute("service.version", SPA_VERSION)})}};
  const Json scope = {{"scope", {{"name", "sharepoint-audit"}}}, {"spans", Json::array({json})}};
  const Json line = {{"resourceSpans", Json::array({{{"resource", resource},
                                                     {"scopeSpans", Json::array({scope})}}})}};
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace spa::trace
