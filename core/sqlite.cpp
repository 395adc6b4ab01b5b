#include "core/sqlite.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace spa::sqlite {
namespace {

// SQLite takes a file name with an option only as a URI.
std::string ReadOnlyUri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      uri += c;
    }
  }
  return uri + "?mode=ro";
}

// Never opens a file that is there: closing it would drop the locks that another connection of this
// process holds on it.
Status CreatePrivately(const std::string& path) {
  if (::access(path.c_str(), R_OK | W_OK) == 0) return {};
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0 && errno == EEXIST && ::access(path.c_str(), R_OK | W_OK) == 0) return {};
  if (file < 0) {
    return spa::Fail(ErrorCode::kStorage,
                     fmt::format("cannot open {}: {}", path, std::strerror(errno)),
                     "Check that the directory exists and may be written, or name another file.");
  }
  ::close(file);
  return {};
}

Error ToError(int code, const std::string& path, std::string_view words) {
  switch (code & 0xff) {
    case SQLITE_NOTADB:
      return Error(ErrorCode::kUsage, fmt::format("{} is not an audit database", path),
                   "Name the file an audit wrote, or a file that does not exist yet.");
    case SQLITE_FULL:
      return Error(ErrorCode::kStorage, fmt::format("{}: {}", path, words),
                   "Free space on the disk and run again.");
    case SQLITE_BUSY:
      return Error(ErrorCode::kStorage, fmt::format("{}: {}", path, words),
                   "Another program is writing to the file; end it or wait for it.");
    case SQLITE_IOERR:
      return Error(ErrorCode::kStorage, fmt::format("{}: {}", path, words),
                   "Look whether the disk is full or failing, and how large a file may grow "
                   "(ulimit -f); then run again.");
    case SQLITE_CORRUPT:
      return Error(ErrorCode::kStorage, fmt::format("{}: {}", path, words),
                   "The file is damaged; restore a backup or start with a new file.");
    default:
      return Error(ErrorCode::kStorage, fmt::format("{}: {}", path, words));
  }
}

}  // namespace

Statement::Statement(Database& db, const char* sql) : db_(&db) {
  if (!db.ok()) return;
  const int code =
      sqlite3_prepare_v3(db.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
  if (code != SQLITE_OK) db.Fail(code);
}

bool Statement::Step() {
  if (statement_ == nullptr || !db_->ok()) return false;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) db_->Fail(code);
  return false;
}

std::int64_t Statement::Run() {
  while (Step()) {
  }
  const std::int64_t changed = db_->ok() ? sqlite3_changes64(db_->handle()) : 0;
  Reset();
  return changed;
}

std::string_view Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

void Statement::BindOne(int index, std::string_view text) {
  sqlite3_bind_text64(statement_, index, text.data() == nullptr ? "" : text.data(), text.size(),
                      SQLITE_STATIC, SQLITE_UTF8);
}

void Statement::BindOne(int index, Blob blob) {
  sqlite3_bind_blob64(statement_, index, blob.bytes.data(), blob.bytes.size(), SQLITE_STATIC);
}

Result<std::unique_ptr<Database>> Database::Open(const std::string& path, Mode mode) {
  std::unique_ptr<Database> db(new Database);
  db->path_ = path;
  const bool writes = mode == Mode::kReadWrite;
  const bool scratch = writes && path == ":memory:";  // No file, gone with the Database.
  if (writes && !scratch) {
    if (auto created = CreatePrivately(path); !created) return spa::Fail(created.error());
  } else if (!scratch && ::access(path.c_str(), F_OK) != 0) {
    return spa::Fail(ErrorCode::kUsage, fmt::format("there is no audit database at {}", path),
                     "Run an audit first, or name its file with --db.");
  }
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI |
                    (writes ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
  const std::string name = writes ? path : ReadOnlyUri(path);
  // A plain path that begins with "file:" would be read as a URI; "./" keeps it a path.
  const std::string safe = writes && path.starts_with("file:") ? "./" + path : name;
  const int code = sqlite3_open_v2(safe.c_str(), &db->db_, flags, nullptr);
  if (code != SQLITE_OK) {
    return spa::Fail(ToError(code, path, db->db_ ? sqlite3_errmsg(db->db_) : "out of memory"));
  }
  sqlite3_extended_result_codes(db->db_, 1);
  sqlite3_busy_timeout(db->db_, 10'000);
  return db;
}

Database::~Database() {
  statements_.clear();
  sqlite3_close_v2(db_);
}

void Database::Exec(const std::string& sql) {
  if (!ok()) return;
  const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) Fail(code);
}

Statement& Database::Get(const char* sql) {
  auto& slot = statements_[sql];
  if (!slot || slot->empty()) slot = std::make_unique<Statement>(*this, sql);
  return *slot;
}

std::int64_t Database::Number(const char* sql) {
  Statement statement(*this, sql);
  return statement.Step() ? statement.Int(0) : 0;
}

Status Database::Check(std::string_view doing) {
  if (!error_) return {};
  Error error = *std::move(error_);
  error_.reset();
  error.message = fmt::format("{}: {}", doing, error.message);
  return spa::Fail(std::move(error));
}

void Database::Fail(int code) {
  if (error_) return;
  error_ = ToError(code, path_, sqlite3_errmsg(db_));
  code_ = code;
}

}  // namespace spa::sqlite
