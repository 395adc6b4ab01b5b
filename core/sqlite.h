// A thin skin over SQLite's C interface: Database and Statement.
//
// Errors: the first one sticks. A Database remembers the first failure; every later call on it or
// its statements does nothing and yields no rows, until Check() hands the failure out. A function
// of many steps so reads straight down and asks once at its end.
// Threads: one thread at a time.
// Lifetime: a Database outlives its statements.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/result.h"

namespace spa::sqlite {

class Database;
class RowSource;  // core/sqlite_rows.h

inline constexpr char kRows[] = "rows";  // The type of a bound RowSource*.

struct Blob {
  std::string_view bytes;
};

class Statement {
 public:
  Statement(Database& db, const char* sql);
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(Statement&& other) noexcept
      : db_(other.db_), statement_(std::exchange(other.statement_, nullptr)) {}
  Statement& operator=(Statement&&) = delete;

  // Resets, then binds all parameters in order. Text and blobs are not copied: they must live until
  // the statement is reset.
  template <class... Values>
  Statement& Bind(const Values&... values) {
    sqlite3_reset(statement_);
    int index = 0;
    (BindOne(++index, values), ...);
    return *this;
  }

  bool Step();         // True: a row can be read. False: done, or failed (see Check).
  std::int64_t Run();  // Steps to the end, resets; returns the rows changed.
  void Reset() { sqlite3_reset(statement_); }

  std::int64_t Int(int column) const { return sqlite3_column_int64(statement_, column); }
  sqlite3_stmt* raw() const { return statement_; }
  bool empty() const { return statement_ == nullptr; }  // It could not be prepared.
  bool IsNull(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  std::string_view Text(int column) const;  // Valid until the next Step.
  std::string String(int column) const { return std::string(Text(column)); }

 private:
  void BindOne(int index, std::int64_t value) { sqlite3_bind_int64(statement_, index, value); }
  void BindOne(int index, int value) { sqlite3_bind_int64(statement_, index, value); }
  void BindOne(int index, bool value) { sqlite3_bind_int64(statement_, index, value ? 1 : 0); }
  void BindOne(int index, std::nullptr_t) { sqlite3_bind_null(statement_, index); }
  void BindOne(int index, const char* text) { BindOne(index, std::string_view(text)); }
  void BindOne(int index, const std::string& text) { BindOne(index, std::string_view(text)); }
  void BindOne(int index, std::string_view text);
  void BindOne(int index, Blob blob);
  void BindOne(int index, const RowSource* rows) {
    sqlite3_bind_pointer(statement_, index, const_cast<RowSource*>(rows), kRows, nullptr);
  }
  template <class T>
  void BindOne(int index, const std::optional<T>& value) {
    if (value) {
      BindOne(index, *value);
    } else {
      BindOne(index, nullptr);
    }
  }

  Database* db_;
  sqlite3_stmt* statement_ = nullptr;
};

class Database {
 public:
  enum class Mode { kReadWrite, kReadOnly };

  // kReadWrite creates the file, for its owner alone (0600). kReadOnly works beside a writer.
  static Result<std::unique_ptr<Database>> Open(const std::string& path, Mode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void Exec(const std::string& sql);
  // Prepared at first use and kept. `sql` is known by its address: pass a literal. The caller must
  // not be stepping through the same statement elsewhere.
  Statement& Get(const char* sql);
  std::int64_t Number(const char* sql);  // First column of the first row, 0 without one.

  std::int64_t LastInsertId() const { return sqlite3_last_insert_rowid(db_); }
  bool InTransaction() const { return sqlite3_get_autocommit(db_) == 0; }
  void ForgetStatements() { statements_.clear(); }  // Before DETACH and the like.

  bool ok() const { return !error_; }
  int code() const { return error_ ? code_ : 0; }  // SQLite's word for the remembered failure.
  // The first failure since the last call, with what was being done; clears it.
  Status Check(std::string_view doing);
  void Fail(int code);  // Remembers SQLite's present words, unless a failure is remembered already.

  const std::string& path() const { return path_; }
  sqlite3* handle() const { return db_; }

 private:
  Database() = default;

  std::string path_;
  sqlite3* db_ = nullptr;
  std::optional<Error> error_;
  int code_ = 0;
  std::unordered_map<const void*, std::unique_ptr<Statement>> statements_;
};

}  // namespace spa::sqlite
