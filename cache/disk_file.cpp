#include "cache/disk_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <random>
#include <set>
#include <thread>

#include "cache/envelope.h"
#include "core/log/log.h"

namespace spa {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kApplicationId = 0x53504143;  // "SPAC"
constexpr std::size_t kApplicationIdOffset = 68;     // In SQLite's file header, big-endian.
constexpr int kVersion = 1;
constexpr std::int64_t kKeptChanges = 16'384;
constexpr std::int64_t kSlice = 1'000;

// `envelope` stands last, so that a look at the rest of a row does not read its pages. A change
// without a key means everything.
constexpr const char* kSchema = R"(
  CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 0), fence INTEGER NOT NULL);
  CREATE TABLE entry (space TEXT NOT NULL, key TEXT NOT NULL, expires INTEGER NOT NULL,
                      fence INTEGER NOT NULL, envelope BLOB NOT NULL, UNIQUE (space, key));
  CREATE INDEX entry_expires ON entry (expires);
  CREATE TABLE lease (space TEXT NOT NULL, key TEXT NOT NULL, fence INTEGER NOT NULL,
                      expires INTEGER NOT NULL, PRIMARY KEY (space, key)) WITHOUT ROWID;
  CREATE TABLE tag (space TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
                    key TEXT NOT NULL, PRIMARY KEY (space, name, value, key)) WITHOUT ROWID;
  CREATE INDEX tag_key ON tag (space, key);
  CREATE TABLE stamp (space TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
                      at INTEGER NOT NULL, PRIMARY KEY (space, name, value)) WITHOUT ROWID;
  CREATE TABLE counter (space TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL,
                        PRIMARY KEY (space, name)) WITHOUT ROWID;
  CREATE TABLE change (id INTEGER PRIMARY KEY AUTOINCREMENT, writer INTEGER NOT NULL,
                       space TEXT NOT NULL, key TEXT);
  CREATE TRIGGER entry_gone AFTER DELETE ON entry BEGIN
    DELETE FROM tag WHERE space = old.space AND key = old.key;
  END;
)";

std::int64_t Millis(CacheTime time) {
  return std::chrono::floor<milliseconds>(time.time_since_epoch()).count();
}
CacheTime TimeOf(std::int64_t ms) { return CacheTime(milliseconds(ms)); }

std::string Bytes(const sqlite::Statement& statement, int column) {
  const void* bytes = sqlite3_column_blob(statement.raw(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement.raw(), column));
  return size == 0 ? std::string() : std::string(static_cast<const char*>(bytes), size);
}

bool IsDamage(int code) {
  return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

std::int64_t RandomWriter() {
  std::random_device device;
  return static_cast<std::int64_t>(((std::uint64_t{device()} << 32) | device()) >> 1);
}

Error NotOurs(const std::string& path) {
  return Error(ErrorCode::kStorage,
               fmt::format("{} is no cache of this program, so it is left as it is", path),
               "Name another file (cache.l2 = disk:PATH), or move this one away.");
}

Status CreateFolderOf(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  std::filesystem::path made;
  for (const auto& part : folder) {
    made /= part;
    if (::mkdir(made.c_str(), 0700) != 0 && errno != EEXIST &&
        !std::filesystem::is_directory(made)) {
      return Fail(ErrorCode::kStorage,
                  fmt::format("cannot create the folder {} for the cache: {}", made.string(),
                              std::strerror(errno)),
                  "Name a place that may be written (cache.l2 = disk:PATH).");
    }
  }
  return {};
}

// What a key must begin with to match, so that a scan begins and ends near what is wanted.
std::string LiteralPrefix(const Glob& glob) {
  return glob.pattern.substr(0, glob.pattern.find_first_of("*?[\\"));
}

}  // namespace

DiskFile::DiskFile(std::string path, std::string name_space, std::size_t max_bytes,
                   milliseconds timeout)
    : path_(std::move(path)),
      space_(std::move(name_space)),
      max_bytes_(max_bytes),
      timeout_(timeout),
      writer_(RandomWriter()) {}

// --- Opening, refusing, healing
// -------------------------------------------------------------------

Status DiskFile::Open() {
  identity_.reset();
  if (auto made = CreateFolderOf(path_); !made) return made;
  for (int attempt = 0;; ++attempt) {
    auto db = sqlite::Database::Open(path_, sqlite::Database::Mode::kReadWrite);
    if (!db) return Fail(ErrorCode::kStorage, db.error().message, db.error().remedy);
    db_ = *std::move(db);
    auto adopted = Adopt();
    if (adopted) {
      data_version_ = db_->Number("PRAGMA data_version");
      last_change_ = db_->Number("SELECT MAX(id) FROM change");
    }
    const bool damaged = IsDamage(db_->code());
    const auto words = db_->Check("opening the cache");
    if (adopted && words) break;
    db_.reset();
    if (!damaged || attempt > 0) {
      if (words) return adopted;
      return Fail(ErrorCode::kStorage, words.error().message, words.error().remedy);
    }
    // Only here, with no connection open: closing a plain descriptor drops SQLite's locks.
    std::array<char, kApplicationIdOffset + 4> header{};
    const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    const bool whole =
        ::read(file, header.data(), header.size()) == static_cast<ssize_t>(header.size());
    ::close(file);
    if (!whole || std::memcmp(header.data() + kApplicationIdOffset, "SPAC", 4) != 0) {
      return Fail(NotOurs(path_));
    }
    MoveAside();
  }
  sqlite3_busy_timeout(db_->handle(), static_cast<int>(timeout_.count()));
  identity_ = OnDisk();
  return {};
}

void DiskFile::Close() { db_.reset(); }

Status DiskFile::Adopt() {
  sqlite::Database& db = *db_;
  const auto is_empty = [&] {
    return db.Number("SELECT COUNT(*) FROM sqlite_master") == 0 &&
           db.Number("PRAGMA application_id") == 0 && db.Number("PRAGMA user_version") == 0;
  };
  if (is_empty()) {
    db.Exec("PRAGMA auto_vacuum = INCREMENTAL");
  } else if (db.ok() && db.Number("PRAGMA application_id") != kApplicationId) {
    return Fail(NotOurs(path_));
  }
  // Two processes may get here at once: who comes second finds what the first made.
  db.Exec("BEGIN IMMEDIATE");
  if (is_empty() && db.ok()) {
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    db.Exec(kSchema);
    db.Exec(fmt::format("INSERT INTO meta VALUES (0, {})", micros.count()));
    db.Exec(fmt::format("PRAGMA application_id = {}", kApplicationId));
    db.Exec(fmt::format("PRAGMA user_version = {}", kVersion));
  } else if (db.ok() && db.Number("PRAGMA user_version") != kVersion) {
    return Fail(ErrorCode::kStorage,
                fmt::format("{} was written by another version of this program", path_),
                "Name another file (cache.l2 = disk:PATH), or delete this one.");
  }
  db.Exec("COMMIT");
  if (!db.ok()) return Fail(ErrorCode::kStorage, fmt::format("{} cannot be opened", path_));
  return BeginWal();
}

// The change to WAL needs the file for itself for a moment and does not wait for it.
Status DiskFile::BeginWal() {
  for (int attempt = 0; attempt < 200; ++attempt) {
    sqlite::Statement mode(*db_, "PRAGMA journal_mode = WAL");
    if (mode.Step() && mode.Text(0) == "wal") {
      mode.Reset();
      db_->Exec(
          "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16000;"
          "PRAGMA journal_size_limit = 16777216");
      return {};
    }
    if ((db_->code() & 0xff) != SQLITE_BUSY && !db_->ok()) break;
    db_->Check("").map_error([](const Error&) {});
    std::this_thread::sleep_for(milliseconds(10));
  }
  auto failed = db_->Check("opening the cache");
  return failed ? Fail(ErrorCode::kStorage, fmt::format("{} cannot be used with WAL", path_),
                       "Name a file on a local disk (cache.l2 = disk:PATH).")
                : failed;
}

// Another process may have found the same damage: whoever comes second finds another file under
// the name, and leaves it.
void DiskFile::MoveAside() {
  const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat opened {};
  if (file < 0 || ::flock(file, LOCK_EX) != 0 || ::fstat(file, &opened) != 0) {
    ::close(file);
    return;
  }
  const Identity mine{opened.st_dev, opened.st_ino};
  if (OnDisk() == mine && (!identity_ || *identity_ == mine)) {
    std::rename(path_.c_str(), (path_ + ".corrupt").c_str());
    for (const char* part : {"-wal", "-shm"}) std::remove((path_ + part).c_str());
    log::Warn(
        fmt::format("the cache {0} was damaged: it is now {0}.corrupt, and begun anew", path_));
  }
  ::close(file);
  lost_track_ = true;
}

std::optional<DiskFile::Identity> DiskFile::OnDisk() const {
  struct stat found {};
  if (::stat(path_.c_str(), &found) != 0) return std::nullopt;
  return Identity{found.st_dev, found.st_ino};
}

Status DiskFile::Finish(std::string_view doing) {
  const int code = db_->code();
  auto status = db_->Check(doing);
  if (status) return {};
  if (db_->InTransaction()) {
    db_->Exec("ROLLBACK");
    db_->Check("").map_error([](const Error&) {});
  }
  if (IsDamage(code)) {
    db_.reset();
    MoveAside();
    identity_.reset();
    if (auto again = Open(); !again) log::Warn(again.error().message);
  }
  return Fail(ErrorCode::kStorage, status.error().message, status.error().remedy);
}

template <class R, class Fn>
Result<R> DiskFile::Reading(std::string_view doing, Fn fn) {
  if (!db_) {
    if (auto opened = Open(); !opened) return Fail(opened.error());
  }
  if constexpr (std::is_void_v<R>) {
    fn();
    return Finish(doing);
  } else {
    R result = fn();
    if (auto done = Finish(doing); !done) return Fail(done.error());
    return result;
  }
}

template <class R, class Fn>
Result<R> DiskFile::Writing(std::string_view doing, Fn fn) {
  return Reading<R>(doing, [&] {
    struct Commit {
      DiskFile* file;
      ~Commit() { file->Sql("COMMIT").Bind().Run(); }
    };
    Sql("BEGIN IMMEDIATE").Bind().Run();
    const Commit commit{this};
    return fn();
  });
}

// --- Entries and leases
// ---------------------------------------------------------------------------

std::optional<std::string> DiskFile::Find(const std::string& key, CacheTime now) {
  auto& row = Sql("SELECT envelope FROM entry WHERE space = ? AND key = ? AND expires > ?");
  std::optional<std::string> found;
  if (row.Bind(space_, key, Millis(now)).Step()) found = Bytes(row, 0);
  row.Reset();
  if (found) bytes_in_ += found->size();
  return found;
}

std::optional<std::uint64_t> DiskFile::LiveFence(const std::string& key, CacheTime now) {
  auto& row = Sql("SELECT fence FROM entry WHERE space = ? AND key = ? AND expires > ?");
  std::optional<std::uint64_t> fence;
  if (row.Bind(space_, key, Millis(now)).Step()) fence = static_cast<std::uint64_t>(row.Int(0));
  row.Reset();
  return fence;
}

bool DiskFile::Holds(const Lease& lease, CacheTime now) {
  auto& row = Sql("SELECT 1 FROM lease WHERE space = ? AND key = ? AND fence = ? AND expires > ?");
  const bool holds =
      row.Bind(space_, lease.key, static_cast<std::int64_t>(lease.fence), Millis(now)).Step();
  row.Reset();
  return holds;
}

std::uint64_t DiskFile::NextFence() {
  Sql("UPDATE meta SET fence = fence + 1").Bind().Run();
  auto& row = Sql("SELECT fence FROM meta").Bind();
  const auto fence = row.Step() ? static_cast<std::uint64_t>(row.Int(0)) : 0;
  row.Reset();
  return fence;
}

void DiskFile::Store(StorePut& put, std::uint64_t fence) {
  SetFence(put.envelope, fence);
  Sql("INSERT INTO entry (space, key, expires, fence, envelope) VALUES (?, ?, ?, ?, ?) "
      "ON CONFLICT (space, key) DO UPDATE SET expires = excluded.expires, fence = excluded.fence, "
      "envelope = excluded.envelope")
      .Bind(space_, put.key, Millis(put.expires), static_cast<std::int64_t>(fence),
            sqlite::Blob{put.envelope})
      .Run();
  Sql("DELETE FROM lease WHERE space = ? AND key = ?").Bind(space_, put.key).Run();
  Sql("DELETE FROM tag WHERE space = ? AND key = ?").Bind(space_, put.key).Run();
  for (const Tag& tag : put.tags) {
    Sql("INSERT OR IGNORE INTO tag (space, name, value, key) VALUES (?, ?, ?, ?)")
        .Bind(space_, tag.index, tag.value, put.key)
        .Run();
  }
  bytes_out_ += put.envelope.size();
  Tell(&put.key);
}

void DiskFile::Tell(const std::string* key) {
  auto& row = Sql("INSERT INTO change (writer, space, key) VALUES (?, ?, ?)");
  if (key != nullptr) {
    row.Bind(writer_, space_, *key).Run();
  } else {
    row.Bind(writer_, space_, nullptr).Run();
  }
  Sql("DELETE FROM change WHERE id <= ?").Bind(db_->LastInsertId() - kKeptChanges).Run();
}

void DiskFile::Trim() {
  const auto number = [this](const char* sql) {
    auto& row = Sql(sql).Bind();
    const std::int64_t value = row.Step() ? row.Int(0) : 0;
    row.Reset();
    return value;
  };
  const auto page_size = number("PRAGMA page_size");
  const auto in_use = [&] {
    return static_cast<std::size_t>(
        (number("PRAGMA page_count") - number("PRAGMA freelist_count")) * page_size);
  };
  if (in_use() <= max_bytes_) return;
  while (db_->ok() && in_use() > max_bytes_ / 10 * 9) {
    const auto dropped = Sql("DELETE FROM entry WHERE rowid IN "
                             "(SELECT rowid FROM entry ORDER BY expires LIMIT 64)")
                             .Bind()
                             .Run();
    if (dropped == 0) break;
  }
}

Result<std::vector<std::optional<std::string>>> DiskFile::Get(const std::vector<std::string>& keys,
                                                              CacheTime now) {
  return Reading<std::vector<std::optional<std::string>>>("reading from the cache", [&] {
    std::vector<std::optional<std::string>> found;
    found.reserve(keys.size());
    for (const auto& key : keys) found.push_back(Find(key, now));
    return found;
  });
}

Result<std::vector<StoredFence>> DiskFile::Put(std::vector<StorePut>& puts, CacheTime now) {
  return Writing<std::vector<StoredFence>>("writing to the cache", [&] {
    std::vector<StoredFence> fences;
    for (StorePut& put : puts) {
      const auto live = put.when == PutWhen::kAlways ? std::nullopt : LiveFence(put.key, now);
      const bool holds = put.when == PutWhen::kAlways || (put.when == PutWhen::kAbsent && !live) ||
                         (put.when == PutWhen::kPresent && live) ||
                         (put.when == PutWhen::kFence && live.value_or(0) == put.fence);
      fences.push_back(holds ? StoredFence(NextFence()) : std::nullopt);
      if (holds) Store(put, *fences.back());
    }
    Trim();
    return fences;
  });
}

Result<std::size_t> DiskFile::Erase(const std::vector<std::string>& keys, CacheTime now) {
  return Writing<std::size_t>("erasing from the cache", [&] {
    std::size_t there = 0;
    for (const auto& key : keys) {
      there += LiveFence(key, now) ? 1 : 0;
      Sql("DELETE FROM entry WHERE space = ? AND key = ?").Bind(space_, key).Run();
      Sql("DELETE FROM lease WHERE space = ? AND key = ?").Bind(space_, key).Run();
      Tell(&key);  // Even if it is not here: others may remember it.
    }
    return there;
  });
}

Result<Acquired> DiskFile::Acquire(const std::string& key, milliseconds length, CacheTime now) {
  // Most callers find the entry: no write, no lock.
  auto found =
      Reading<std::optional<std::string>>("reading from the cache", [&] { return Find(key, now); });
  if (!found) return Fail(found.error());
  if (*found) {
    Acquired acquired;
    acquired.envelope = *std::move(found);
    return acquired;
  }
  return Writing<Acquired>("asking the cache for a lease", [&] {
    Acquired acquired;
    acquired.envelope = Find(key, now);
    if (acquired.envelope) return acquired;
    auto& row = Sql("SELECT expires FROM lease WHERE space = ? AND key = ? AND expires > ?");
    if (row.Bind(space_, key, Millis(now)).Step()) {
      acquired.retry_after = milliseconds(row.Int(0) - Millis(now));
    }
    row.Reset();
    if (acquired.retry_after.count() > 0) return acquired;
    Lease& lease = acquired.lease.emplace();
    lease.key = key;
    lease.fence = NextFence();
    Sql("INSERT OR REPLACE INTO lease (space, key, fence, expires) VALUES (?, ?, ?, ?)")
        .Bind(space_, key, static_cast<std::int64_t>(lease.fence), Millis(now) + length.count())
        .Run();
    return acquired;
  });
}

Result<bool> DiskFile::Renew(const Lease& lease, milliseconds length, CacheTime now) {
  return Writing<bool>("renewing a lease", [&] {
    if (!Holds(lease, now)) return false;
    Sql("UPDATE lease SET expires = ? WHERE space = ? AND key = ?")
        .Bind(Millis(now) + length.count(), space_, lease.key)
        .Run();
    return true;
  });
}

Result<bool> DiskFile::Fill(const Lease& lease, StorePut& put, CacheTime now) {
  return Writing<bool>("writing to the cache", [&] {
    if (!Holds(lease, now)) return false;
    put.key = lease.key;
    Store(put, lease.fence);
    Trim();
    return true;
  });
}

Result<void> DiskFile::Release(const Lease& lease) {
  return Writing<void>("giving a lease back", [&] {
    Sql("DELETE FROM lease WHERE space = ? AND key = ? AND fence = ?")
        .Bind(space_, lease.key, static_cast<std::int64_t>(lease.fence))
        .Run();
  });
}

// --- Many at once
// ---------------------------------------------------------------------------------

Result<ScanPage> DiskFile::Scan(const Glob& glob, const std::string& cursor, CacheTime now) {
  return Reading<ScanPage>("listing the cache", [&] {
    ScanPage page;
    const std::string prefix = LiteralPrefix(glob);
    auto& row =
        Sql("SELECT key, expires FROM entry WHERE space = ? AND key > ? AND key >= ? "
            "ORDER BY key LIMIT ?");
    row.Bind(space_, cursor, prefix, kSlice);
    std::int64_t seen = 0;
    bool beyond = false;
    std::string last;
    while (!beyond && row.Step()) {
      ++seen;
      last = row.String(0);
      beyond = !last.starts_with(prefix);
      if (!beyond && row.Int(1) > Millis(now) && glob.Matches(last)) page.keys.push_back(last);
    }
    row.Reset();
    if (!beyond && seen == kSlice) page.cursor = last;
    return page;
  });
}

Result<std::vector<std::string>> DiskFile::Tagged(const Tag& tag) {
  return Reading<std::vector<std::string>>("reading a tag of the cache", [&] {
    std::vector<std::string> keys;
    auto& row = Sql("SELECT key FROM tag WHERE space = ? AND name = ? AND value = ?");
    row.Bind(space_, tag.index, tag.value);
    while (row.Step()) keys.push_back(row.String(0));
    row.Reset();
    return keys;
  });
}

Result<void> DiskFile::Untag(const Tag& tag, const std::vector<std::string>& keys) {
  return Writing<void>("removing a tag of the cache", [&] {
    for (const auto& key : keys) {
      Sql("DELETE FROM tag WHERE space = ? AND name = ? AND value = ? AND key = ?")
          .Bind(space_, tag.index, tag.value, key)
          .Run();
    }
  });
}

Result<void> DiskFile::Stamp(const Tag& tag, CacheTime at) {
  return Writing<void>("stamping a tag of the cache", [&] {
    Sql("INSERT INTO stamp (space, name, value, at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (space, name, value) DO UPDATE SET at = MAX(at, excluded.at)")
        .Bind(space_, tag.index, tag.value, Millis(at))
        .Run();
    Tell(nullptr);
  });
}

Result<std::vector<CacheTime>> DiskFile::Stamps(const std::vector<Tag>& tags) {
  return Reading<std::vector<CacheTime>>("reading the stamps of the cache", [&] {
    std::vector<CacheTime> stamps;
    for (const Tag& tag : tags) {
      auto& row = Sql("SELECT at FROM stamp WHERE space = ? AND name = ? AND value = ?");
      stamps.push_back(row.Bind(space_, tag.index, tag.value).Step() ? TimeOf(row.Int(0))
                                                                     : CacheTime{});
      row.Reset();
    }
    return stamps;
  });
}

Result<std::size_t> DiskFile::Cleanup(CacheTime now) {
  return Writing<std::size_t>("cleaning the cache up", [&] {
    Sql("DELETE FROM lease WHERE expires <= ?").Bind(Millis(now)).Run();
    return static_cast<std::size_t>(
        Sql("DELETE FROM entry WHERE rowid IN (SELECT rowid FROM entry WHERE expires <= ? LIMIT ?)")
            .Bind(Millis(now), kSlice)
            .Run());
  });
}

Result<void> DiskFile::Clear() {
  auto cleared = Writing<void>("clearing the cache", [&] {
    // Tags first: the trigger then finds none to look for.
    for (const char* sql :
         {"DELETE FROM tag WHERE space = ?", "DELETE FROM entry WHERE space = ?",
          "DELETE FROM lease WHERE space = ?", "DELETE FROM stamp WHERE space = ?",
          "DELETE FROM counter WHERE space = ?"}) {
      Sql(sql).Bind(space_).Run();
    }
    Tell(nullptr);
  });
  if (!cleared) return cleared;
  return Reading<void>("shrinking the cache", [&] { db_->Exec("PRAGMA incremental_vacuum"); });
}

Result<void> DiskFile::AddCounters(const std::map<std::string, std::int64_t>& more) {
  return Writing<void>("counting in the cache", [&] {
    for (const auto& [name, value] : more) {
      Sql("INSERT INTO counter (space, name, value) VALUES (?, ?, ?) "
          "ON CONFLICT (space, name) DO UPDATE SET value = value + excluded.value")
          .Bind(space_, name, value)
          .Run();
    }
  });
}

Result<std::map<std::string, std::int64_t>> DiskFile::Counters() {
  return Reading<std::map<std::string, std::int64_t>>("reading the counters of the cache", [&] {
    std::map<std::string, std::int64_t> counters;
    auto& row = Sql("SELECT name, value FROM counter WHERE space = ?");
    row.Bind(space_);
    while (row.Step()) counters[row.String(0)] = row.Int(1);
    row.Reset();
    return counters;
  });
}

Result<void> DiskFile::ResetCounters() {
  return Writing<void>("resetting the counters of the cache",
                       [&] { Sql("DELETE FROM counter WHERE space = ?").Bind(space_).Run(); });
}

Result<StoreInfo> DiskFile::Info(CacheTime now) {
  return Reading<StoreInfo>("looking at the cache", [&] {
    StoreInfo info;
    info.kind = "disk";
    info.place = "disk:" + path_;
    info.version = std::string("SQLite ") + sqlite3_libversion();
    auto& row =
        Sql("SELECT COUNT(*), SUM(length(key) + length(envelope)) FROM entry "
            "WHERE space = ? AND expires > ?");
    if (row.Bind(space_, Millis(now)).Step()) {
      info.entries = static_cast<std::uint64_t>(row.Int(0));
      info.bytes = static_cast<std::uint64_t>(row.Int(1));
    }
    row.Reset();
    StoreNode& node = info.nodes.emplace_back();
    node.name = path_;
    node.bytes_in = bytes_in_;
    node.bytes_out = bytes_out_;
    return info;
  });
}

// --- What others do
// -------------------------------------------------------------------------------

Result<StoreChange> DiskFile::Changes() {
  StoreChange change;
  if (!db_ || OnDisk() != identity_) {
    db_.reset();
    if (auto opened = Open(); !opened) return Fail(opened.error());
    lost_track_ = true;
  }
  auto listed = Reading<StoreChange>("listening to the cache", [&] {
    const auto number = [this](const char* sql) {
      auto& row = Sql(sql).Bind();
      const std::int64_t value = row.Step() ? row.Int(0) : 0;
      row.Reset();
      return value;
    };
    StoreChange change;
    const std::int64_t version = number("PRAGMA data_version");
    const std::int64_t newest = number("SELECT MAX(id) FROM change");
    if (number("PRAGMA data_version") == data_version_) {  // All of them are our own.
      last_change_ = newest;
      return change;
    }
    change.everything = number("SELECT MIN(id) FROM change") > last_change_ + 1;
    std::set<std::string> keys;
    auto& row =
        Sql("SELECT key FROM change WHERE id > ? AND id <= ? AND space = ? AND writer <> ?");
    row.Bind(last_change_, newest, space_, writer_);
    while (row.Step()) {
      if (row.IsNull(0)) {
        change.everything = true;
      } else {
        keys.insert(row.String(0));
      }
    }
    row.Reset();
    data_version_ = version;
    last_change_ = newest;
    if (!change.everything) change.keys.assign(keys.begin(), keys.end());
    return change;
  });
  if (listed && std::exchange(lost_track_, false)) {
    listed->keys.clear();
    listed->everything = true;
  }
  return listed;
}

}  // namespace spa
