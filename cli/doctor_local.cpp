// The doctor's checks that need no network.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <limits>

#include "cache/store_factory.h"
#include "cli/cache_options.h"
#include "cli/doctor.h"
#include "core/sqlite.h"
#include "core/store/audit_store.h"
#include "core/store/run_lock.h"
#include "report/forecast.h"

namespace spa {

Check CheckDatabase(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return Check("database", CheckState::kOk,
                 fmt::format("{} is not there yet; the first audit makes it", path));
  }
  // As the program opens it: a foreign file, or one of a newer version, is refused here.
  if (auto store = AuditStore::Open(path, AuditStore::Mode::kReadOnly); !store) {
    return Check("database", store.error());
  }
  auto database = sqlite::Database::Open(path, sqlite::Database::Mode::kReadOnly);
  if (!database) return Check("database", database.error());
  std::string verdict;
  {
    sqlite::Statement quick_check(**database, "PRAGMA quick_check(1)");
    if (quick_check.Step()) verdict = quick_check.String(0);
  }
  if (auto checked = (*database)->Check("checking " + path); !checked)
    return Check("database", checked.error());
  if (verdict == "ok") {
    const std::int64_t schema = (*database)->Number("PRAGMA user_version");
    const auto size = [&](const std::string& file) {
      const auto bytes = std::filesystem::file_size(file, ignored);
      return ignored ? 0.0 : static_cast<double>(bytes) / 1e6;
    };
    const std::string detail =
        fmt::format("{} is sound: schema {}, {:.1f} MB, {:.1f} MB in its log", path, schema,
                    size(path), size(path + "-wal"));
    // A checkpoint keeps the log below 64 MB; one that does not come has a reader in its way.
    constexpr double kLongLog = 256;
    if (size(path + "-wal") < kLongLog) return Check("database", CheckState::kOk, detail);
    return Check("database", CheckState::kWarning, detail,
                 "end whatever program has the file open for reading");
  }
  return Check("database", CheckState::kFailed, fmt::format("{} is damaged: {}", path, verdict),
               "move it away and `restore` a backup, or run a full audit into a new file");
}

std::optional<Check> CheckLock(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  auto database = sqlite::Database::Open(path, sqlite::Database::Mode::kReadOnly);
  if (!database) return std::nullopt;  // CheckDatabase told.
  const auto holder = RunningRun(**database);
  if (!(*database)->Check("looking who holds the database") || !holder) return std::nullopt;
  const std::string who =
      fmt::format("run {} (process {} on {}, last heard of {} s ago)", holder->id, holder->pid,
                  holder->host, holder->silent_seconds);
  if (IsAlive(*holder)) {
    return Check("lock", CheckState::kWarning, who + " holds the database",
                 "an audit now ends with exit code 75; wait for that run, or stop it");
  }
  return Check("lock", CheckState::kWarning, who + " has died",
               "`sharepoint-audit audit --resume last` goes on with it; any audit takes the lock");
}

namespace {

Task<Result<StoreInfo>> AskStore(Store& store) {
  Result<StoreInfo> info = Fail(ErrorCode::kUnreachable, "no answer");
  const auto opened = co_await store.Open();
  if (opened) {
    info = co_await store.Info();
  } else {
    info = Fail(opened.error());
  }
  co_await store.Close();
  co_return info;
}

}  // namespace

// An audit goes on without its second level, so nothing here is more than a warning.
Check CheckCache(const Config& config) {
  const CacheManager::Options options = CacheOptionsOf(config);
  if (!options.enabled) return Check("cache", CheckState::kSkipped, "switched off");
  if (IsNoStore(options.l2)) return Check("cache", CheckState::kOk, "memory alone");
  constexpr std::string_view kDisk = "disk:";
  const std::string path = options.l2.substr(std::min(options.l2.size(), kDisk.size()));
  std::error_code ignored;
  if (options.l2.starts_with(kDisk) && !std::filesystem::exists(path, ignored)) {
    return Check("cache", CheckState::kOk,
                 fmt::format("{} is not there yet; the first audit makes it", path));
  }
  const auto warning = [](const Error& error) {
    Check check("cache", error);
    check.state = CheckState::kWarning;
    return check;
  };
  asio::io_context io;
  auto store = MakeStore(io.get_executor(), options.l2, options.store, options.security);
  if (!store) return warning(store.error());
  Result<StoreInfo> info = Fail(ErrorCode::kUnreachable, "no answer");
  std::exception_ptr failure;
  asio::co_spawn(io, AskStore(**store), [&](std::exception_ptr error, Result<StoreInfo> answer) {
    failure = error;
    if (!error) info = std::move(answer);
  });
  io.run();
  if (failure) std::rethrow_exception(failure);
  if (!info) return warning(info.error());
  return Check("cache", CheckState::kOk,
               fmt::format("{} answers, {} entries", info->place, info->entries));
}

namespace {

// Of the database after the next full run; 0 where no run tells.
std::int64_t ExpectedBytes(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return 0;
  const auto store = AuditStore::Open(path, AuditStore::Mode::kReadOnly);
  if (!store) return 0;  // CheckDatabase told.
  const auto run = (*store)->FindRun("");
  if (!run) return 0;
  const auto figures = (*store)->Figures(run->number);
  return figures ? DatabaseBytesFor(*figures) : 0;
}

}  // namespace

Check CheckDisk(const std::string& path) {
  std::error_code error;
  const auto directory = std::filesystem::absolute(path, error).parent_path();
  const auto space = std::filesystem::space(directory, error);
  if (error) {
    Check check("disk", CheckState::kFailed,
                fmt::format("{}: {}", directory.string(), error.message()),
                "make the directory, or name another with db.path");
    check.exit = ExitCode::kUsage;
    return check;
  }
  const auto free = static_cast<std::int64_t>(
      std::min<std::uintmax_t>(space.available, std::numeric_limits<std::int64_t>::max()));
  return CheckRoom(directory.string(), free, ExpectedBytes(path));
}

Check CheckRoom(const std::string& directory, std::int64_t free, std::int64_t expected) {
  constexpr std::int64_t kMegabyte = 1'000'000;
  constexpr std::int64_t kLog = 64 * kMegabyte;  // What a run writes ahead,
  std::string detail = fmt::format("{} MB free in {}", free / kMegabyte, directory);
  // and what it stages: no more than the database itself.
  const std::int64_t need = expected > 0 ? 2 * expected + kLog : 100 * kMegabyte;
  if (expected > 0) {
    detail += fmt::format("; a full run may need {} MB, for a database of {} MB", need / kMegabyte,
                          expected / kMegabyte);
  }
  const std::string remedy =
      "make room, name a file on another disk with db.path, or delete old runs with `runs prune "
      "--compact`";
  if (free < need) return Check("disk", CheckState::kFailed, detail, remedy);
  const bool scarce = free < std::max(2 * need, expected > 0 ? 0 : 1000 * kMegabyte);
  return Check("disk", scarce ? CheckState::kWarning : CheckState::kOk, detail, remedy);
}

}  // namespace spa
