#include "core/store/backup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include "core/clock.h"
#include "core/digest.h"
#include "core/encoding.h"
#include "core/open_file.h"
#include "core/sqlite.h"
#include "core/store/run_lock.h"
#include "core/store/schema.h"

namespace spa {
namespace {

using sqlite::Database;

constexpr int kPagesAtOnce = 2048;  // 8 MB between two looks whether to stop.
constexpr std::size_t kChunk = std::size_t{1} << 20;
constexpr std::string_view kSqliteMagic("SQLite format 3\0", 16);

// All of the same length, so that it is found from the end.
std::string Trailer(std::int64_t bytes, std::string_view sha256) {
  return fmt::format("\n-- sharepoint-audit backup 1: {:020} bytes, SHA-256 {}\n", bytes, sha256);
}
const std::size_t kTrailerBytes = Trailer(0, std::string(64, '0')).size();

Error FileError(std::string_view doing, const std::string& path) {
  return Error(ErrorCode::kStorage, fmt::format("cannot {} {}: {}", doing, path, strerror(errno)),
               "Check the path, the rights and the free space.");
}

// A file that is removed, with what SQLite keeps beside it, unless Keep is called.
class Draft {
 public:
  explicit Draft(std::string path) : path_(std::move(path)) {}
  ~Draft() {
    if (path_.empty()) return;
    for (const char* suffix : {"", "-journal", "-wal", "-shm"}) ::unlink((path_ + suffix).c_str());
  }
  Draft(const Draft&) = delete;
  void Keep() { path_.clear(); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The digest of the first `bytes` of the file.
Result<std::string> DigestOf(const OpenFile& file, const std::string& path, std::int64_t bytes) {
  Sha256 digest;
  std::string chunk(kChunk, '\0');
  for (std::int64_t at = 0; at < bytes;) {
    const auto wanted = static_cast<std::size_t>(
        std::min<std::int64_t>(bytes - at, static_cast<std::int64_t>(chunk.size())));
    const ssize_t got = ::pread(file.fd(), chunk.data(), wanted, at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Fail(FileError("read", path));
    if (got == 0) {
      return Fail(ErrorCode::kStorage, fmt::format("{} became shorter while it was read", path));
    }
    digest.Add({chunk.data(), static_cast<std::size_t>(got)});
    at += got;
  }
  return digest.Hex();
}

// Puts the checksum behind the database, and all of it on the disk.
Result<std::string> Seal(const std::string& path) {
  const OpenFile file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file.is_open()) return Fail(FileError("open", path));
  const std::int64_t bytes = ::lseek(file.fd(), 0, SEEK_END);
  auto sha256 = DigestOf(file, path, bytes);
  if (!sha256) return sha256;
  const std::string trailer = Trailer(bytes, *sha256);
  errno = ENOSPC;  // What a short write means.
  if (::pwrite(file.fd(), trailer.data(), trailer.size(), bytes) !=
          static_cast<ssize_t>(trailer.size()) ||
      ::fsync(file.fd()) != 0) {
    return Fail(FileError("write", path));
  }
  return sha256;
}

Status PutInPlace(Draft& draft, const std::string& path, bool overwrite) {
  const bool done = overwrite ? ::rename(draft.path().c_str(), path.c_str()) == 0
                              : ::link(draft.path().c_str(), path.c_str()) == 0;
  if (!done) return Fail(FileError("write", path));
  if (overwrite) draft.Keep();  // Else its other name goes.
  const std::string folder = std::filesystem::absolute(path).parent_path();
  const OpenFile directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.is_open()) ::fsync(directory.fd());
  return {};
}

// What the backup says of itself; the schema is one this program knows.
Result<BackupInfo> Describe(Database& db, const std::string& path) {
  const int newest = static_cast<int>(SchemaSteps().size());
  if (auto checked = CheckSchema(db, newest, /*read_only=*/false); !checked) {
    return Fail(checked.error());
  }
  BackupInfo info;
  info.path = path;
  info.schema = db.Number("PRAGMA user_version");
  if (info.schema == 0) {
    return Fail(ErrorCode::kUsage, fmt::format("{} holds no audit", path),
                "Name the database of an audit.");
  }
  info.runs = db.Number("SELECT count(*) FROM run WHERE status <> 'deleted'");
  {
    sqlite::Statement last(db,
                           "SELECT id, started_at FROM run WHERE status IN ('complete', 'partial') "
                           "ORDER BY number DESC LIMIT 1");
    if (last.Step()) {
      info.last_run = last.String(0);
      info.last_started_at = last.String(1);
    }
  }
  if (auto read = db.Check("reading " + path); !read) return Fail(read.error());
  return info;
}

// One copy of all pages of `from` over `to`, in one transaction of `to`.
class Copy {
 public:
  Copy(Database& from, Database& to)
      : to_(to), handle_(sqlite3_backup_init(to.handle(), "main", from.handle(), "main")) {
    if (handle_ == nullptr) to_.Fail(sqlite3_errcode(to.handle()));
  }
  ~Copy() { (void)End(); }
  Copy(const Copy&) = delete;

  // From here on nobody else writes to the target.
  Status Lock() {
    Step(0);
    return to_.Check("locking " + to_.path());
  }
  // False: it was stopped, and nothing changed. `at_last` is called before the step that commits.
  Result<bool> Run(const StopAsked& stop, const std::function<void()>& at_last) {
    while (!done_ && to_.ok()) {
      if (stop && stop()) return false;
      if (handle_ != nullptr && sqlite3_backup_remaining(handle_) <= kPagesAtOnce) at_last();
      Step(kPagesAtOnce);
    }
    const int ended = End();
    if (ended != SQLITE_OK && to_.ok()) to_.Fail(ended);
    if (auto copied = to_.Check("copying to " + to_.path()); !copied) return Fail(copied.error());
    return true;
  }

 private:
  void Step(int pages) {
    if (handle_ == nullptr) return;
    const int code = sqlite3_backup_step(handle_, pages);
    done_ = code == SQLITE_DONE;
    if (code == SQLITE_OK || done_) return;
    (void)sqlite3_backup_finish(std::exchange(handle_, nullptr));  // It leaves the words for it.
    to_.Fail(code);
  }
  int End() {
    return handle_ == nullptr ? SQLITE_OK : sqlite3_backup_finish(std::exchange(handle_, nullptr));
  }

  Database& to_;
  sqlite3_backup* handle_;
  bool done_ = false;
};

// A copy that stands alone: no journal beside it, no run under way in it, and undamaged.
Status SettleCopy(Database& db, const std::string& source) {
  db.Exec("PRAGMA journal_mode = DELETE");
  sqlite::Statement(db,
                    "UPDATE run SET status = 'interrupted', finished_at = ?, pid = NULL, "
                    "process_start = NULL, host = NULL, heartbeat = NULL WHERE status = 'running'")
      .Bind(UtcText(std::chrono::system_clock::now()))
      .Run();
  std::string verdict;
  {
    sqlite::Statement check(db, "PRAGMA quick_check(1)");
    if (check.Step()) verdict = check.String(0);
  }
  if (auto checked = db.Check("checking the copy of " + source); !checked) return checked;
  if (verdict == "ok") return {};
  return Fail(
      ErrorCode::kStorage, fmt::format("{} is damaged: {}", source, verdict),
      "Restore it from an earlier backup, or start with a new file; nothing was backed up.");
}

// So that one moment is copied, however long that takes and whoever writes meanwhile.
Status HoldMoment(Database& db) {
  db.Exec("BEGIN");
  (void)db.Number("SELECT count(*) FROM sqlite_schema");
  return db.Check("reading " + db.path());
}

bool IsThere(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

bool IsSameFile(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return std::filesystem::equivalent(a, b, ignored);
}

}  // namespace

Result<std::optional<BackupInfo>> BackUpDatabase(const std::string& db_path,
                                                 const std::string& file, bool overwrite,
                                                 const StopAsked& stop) {
  const std::optional<BackupInfo> stopped;
  if (IsThere(file) && IsSameFile(file, db_path)) {
    return Fail(ErrorCode::kUsage, fmt::format("{} is the database itself", file),
                "Name another file for the backup.");
  }
  if (!overwrite && IsThere(file)) {
    return Fail(ErrorCode::kUsage, fmt::format("{} is there already", file),
                "Name another file, or give --force to replace it.");
  }
  auto source = Database::Open(db_path, Database::Mode::kReadOnly);
  if (!source) return Fail(source.error());
  if (auto held = HoldMoment(**source); !held) return Fail(held.error());
  if (auto known = Describe(**source, db_path); !known) return Fail(known.error());

  Draft draft(file + "." + NewGuid());
  Result<BackupInfo> info = BackupInfo();
  {
    auto target = Database::Open(draft.path(), Database::Mode::kReadWrite);
    if (!target) return Fail(target.error());
    (*target)->Exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = OFF");
    {
      Copy copy(**source, **target);
      const auto copied = copy.Run(stop, [] {});
      if (!copied) return Fail(copied.error());
      if (!*copied) return stopped;
    }
    if (auto settled = SettleCopy(**target, db_path); !settled) return Fail(settled.error());
    info = Describe(**target, file);
  }
  if (!info) return Fail(info.error());
  auto sha256 = Seal(draft.path());
  if (!sha256) return Fail(sha256.error());
  info->sha256 = *std::move(sha256);
  std::error_code ignored;
  info->bytes = static_cast<std::int64_t>(std::filesystem::file_size(draft.path(), ignored));
  if (stop && stop()) return stopped;
  if (auto placed = PutInPlace(draft, file, overwrite); !placed) return Fail(placed.error());
  return *std::move(info);
}

Result<BackupInfo> CheckBackup(const std::string& path) {
  const auto none = [&](ErrorCode code, std::string_view why) {
    return Fail(code, fmt::format("{} {}", path, why),
                "Name a file that `backup` wrote; nothing was restored.");
  };
  std::int64_t size = 0;
  std::string sha256;
  {
    const OpenFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) {
      return Fail(ErrorCode::kUsage, fmt::format("cannot read {}: {}", path, strerror(errno)),
                  "Check the path and the rights.");
    }
    std::string start(kSqliteMagic.size(), '\0'), end(kTrailerBytes, '\0');
    if (::pread(file.fd(), start.data(), start.size(), 0) < 0) return Fail(FileError("read", path));
    if (start != kSqliteMagic) return none(ErrorCode::kUsage, "is no backup of an audit database");
    size = ::lseek(file.fd(), 0, SEEK_END);
    const std::int64_t bytes = size - static_cast<std::int64_t>(kTrailerBytes);
    const bool read = bytes > 0 && ::pread(file.fd(), end.data(), end.size(), bytes) ==
                                       static_cast<ssize_t>(end.size());
    if (read) sha256 = end.substr(end.size() - 65, 64);
    if (!read || end != Trailer(bytes, sha256)) {
      return none(ErrorCode::kMalformed,
                  "has no checksum at its end: it was cut short, or is no backup");
    }
    const auto digest = DigestOf(file, path, bytes);
    if (!digest) return Fail(digest.error());
    if (*digest != sha256) {
      return none(ErrorCode::kMalformed, "is damaged: its checksum is another one");
    }
  }
  auto db = Database::Open(path, Database::Mode::kReadOnly);
  if (!db) return Fail(db.error());
  auto info = Describe(**db, path);
  if (!info) return info;
  info->bytes = size;
  info->sha256 = std::move(sha256);
  return info;
}

Result<std::optional<RestoreInfo>> RestoreDatabase(const std::string& file,
                                                   const std::string& db_path, bool keep,
                                                   const StopAsked& stop) {
  const std::optional<RestoreInfo> stopped;
  RestoreInfo restored;
  const bool there = IsThere(db_path);
  if (there && IsSameFile(file, db_path)) {
    return Fail(ErrorCode::kUsage, fmt::format("{} is the database itself", file),
                "Name a file that `backup` wrote.");
  }
  auto info = CheckBackup(file);
  if (!info) return Fail(info.error());
  restored.backup = *std::move(info);
  auto source = Database::Open(file, Database::Mode::kReadOnly);
  if (!source) return Fail(source.error());

  Draft made(there ? "" : db_path);  // Goes again where nothing comes of it.
  auto target = Database::Open(db_path, Database::Mode::kReadWrite);
  if (!target) return Fail(target.error());
  const int newest = static_cast<int>(SchemaSteps().size());
  if (auto ours = CheckSchema(**target, newest, /*read_only=*/false); !ours) {
    Error error = ours.error();
    if (error.code == ErrorCode::kStorage) {
      error.remedy =
          fmt::format("Move {0}, {0}-wal and {0}-shm away, then restore again.", db_path);
    }
    return Fail(std::move(error));
  }
  const bool holds = (*target)->Number("PRAGMA user_version") > 0;
  (*target)->Exec("PRAGMA journal_mode = WAL");
  if (auto opened = (*target)->Check("opening " + db_path); !opened) return Fail(opened.error());

  Copy copy(**source, **target);
  if (auto locked = copy.Lock(); !locked) return Fail(locked.error());
  if (holds) {
    {
      auto look = Database::Open(db_path, Database::Mode::kReadOnly);
      if (!look) return Fail(look.error());
      const auto holder = RunningRun(**look);
      if (auto looked = (*look)->Check("looking who holds " + db_path); !looked) {
        return Fail(looked.error());
      }
      if (holder && IsAlive(*holder)) return Fail(BusyWith(*holder, db_path));
    }
    if (keep) {
      std::string now = UtcText(std::chrono::system_clock::now());
      std::erase_if(now, [](char c) { return c == '-' || c == ':'; });
      const std::string name = fmt::format("{}.replaced-{}", db_path, now);
      const auto backup = BackUpDatabase(db_path, name, /*overwrite=*/false, stop);
      if (!backup) {
        Error error = backup.error();
        error.message = "what is there cannot be kept: " + error.message;
        error.remedy = "Make room, or give --force to replace it without a copy.";
        return Fail(std::move(error));
      }
      if (!*backup) return stopped;
      restored.kept = name;
    }
  }
  const auto undo_kept = [&] {
    if (!restored.kept.empty()) ::unlink(restored.kept.c_str());
  };
  // What is staged belongs to the content that goes; a run of the same number must not find it.
  const auto copied = copy.Run(stop, [&] { RemoveStage(**target); });
  if (!copied || !*copied) {
    undo_kept();
    if (!copied) return Fail(copied.error());
    return stopped;
  }
  made.Keep();
  (*target)->Exec("PRAGMA wal_checkpoint(TRUNCATE)");
  if (auto written = (*target)->Check("writing " + db_path); !written) return Fail(written.error());
  return restored;
}

}  // namespace spa
