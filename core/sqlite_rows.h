// Rows: rows in memory that SQL can read like a table.
//
//   INSERT INTO t SELECT c0, c2 FROM rows(?)     bound to a RowSource*
//
// One statement for many rows: SQLite keeps its place in each tree from row to row, which makes a
// mass of inserts about twice as cheap as one statement a row.
//
// Threads: the connection's. Lifetime: a RowSource and its text live until the statement is reset.
#pragma once

#include <cstddef>

#include "core/sqlite.h"

namespace spa::sqlite {

class RowSource {
 public:
  static constexpr int kMaxColumns = 12;

  virtual ~RowSource() = default;
  virtual std::size_t size() const = 0;
  // Answers with Put; a column that is not answered is NULL.
  virtual void Column(std::size_t row, int column, sqlite3_context* out) const = 0;

 protected:
  static void Put(sqlite3_context* out, std::int64_t value) { sqlite3_result_int64(out, value); }
  static void Put(sqlite3_context* out, std::string_view text) {
    sqlite3_result_text64(out, text.data() == nullptr ? "" : text.data(), text.size(),
                          SQLITE_STATIC, SQLITE_UTF8);
  }
};

// Makes `rows` known to the connection.
void AddRows(Database& db);

}  // namespace spa::sqlite
