#include "core/store/run_lock.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>

namespace spa {
namespace {

// A holder on another host that has not committed for this long is taken for dead.
constexpr std::int64_t kForeignLockSeconds = 3600;

}  // namespace

std::string HostName() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

std::int64_t ProcessStart(std::int64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(file, line)) return 0;
  const auto name_end = line.rfind(')');  // The name may hold anything, also blanks and brackets.
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(line.substr(name_end + 1));
  std::string field;
  constexpr int kStartField = 20;  // The 22nd of the line, the 20th after the name.
  for (int i = 0; i < kStartField && fields >> field; ++i) {
  }
  return std::strtoll(field.c_str(), nullptr, 10);
}

std::optional<RunHolder> RunningRun(sqlite::Database& db) {
  sqlite::Statement row(db,
                        "SELECT number, id, pid, process_start, host, unixepoch() - heartbeat "
                        "FROM run WHERE status = 'running' LIMIT 1");
  if (!row.Step()) return std::nullopt;
  RunHolder holder;
  holder.number = row.Int(0);
  holder.id = row.String(1);
  holder.pid = row.Int(2);
  holder.start = row.Int(3);
  holder.host = row.String(4);
  holder.silent_seconds = row.Int(5);
  return holder;
}

bool IsAlive(const RunHolder& holder) {
  if (holder.host != HostName()) return holder.silent_seconds < kForeignLockSeconds;
  if (::kill(static_cast<pid_t>(holder.pid), 0) != 0 && errno == ESRCH) return false;
  // Where /proc hides other people's processes, one that answers to the number is taken for it.
  const std::int64_t start = ProcessStart(holder.pid);
  return start == 0 || start == holder.start;
}

Error BusyWith(const RunHolder& holder, const std::string& path) {
  return Error(
      ErrorCode::kBusy,
      fmt::format("run {} holds {} (process {} on {})", holder.id, path, holder.pid, holder.host),
      "Wait for that run to end, or stop it.");
}

}  // namespace spa
