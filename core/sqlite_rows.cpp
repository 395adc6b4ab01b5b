#include "core/sqlite_rows.h"

#include <string>

namespace spa::sqlite {
namespace {

constexpr int kSource = RowSource::kMaxColumns;  // The hidden column: the argument of rows(?).

struct Cursor {
  sqlite3_vtab_cursor base;  // First: SQLite knows nothing of the rest.
  const RowSource* source;
  std::size_t row, size;
};

Cursor* Mine(sqlite3_vtab_cursor* cursor) { return reinterpret_cast<Cursor*>(cursor); }

int Connect(sqlite3* db, void*, int, const char* const*, sqlite3_vtab** table, char**) {
  std::string columns;
  for (int i = 0; i < RowSource::kMaxColumns; ++i) columns += "c" + std::to_string(i) + ", ";
  const std::string sql = "CREATE TABLE x(" + columns + "source HIDDEN)";
  *table = new sqlite3_vtab();
  return sqlite3_declare_vtab(db, sql.c_str());
}

int Disconnect(sqlite3_vtab* table) {
  delete table;
  return SQLITE_OK;
}

int BestIndex(sqlite3_vtab*, sqlite3_index_info* plan) {
  for (int i = 0; i < plan->nConstraint; ++i) {
    const auto& constraint = plan->aConstraint[i];
    if (constraint.iColumn != kSource || constraint.op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
    if (!constraint.usable) return SQLITE_CONSTRAINT;
    plan->aConstraintUsage[i].argvIndex = 1;
    plan->aConstraintUsage[i].omit = 1;
  }
  plan->estimatedCost = 1000;
  return SQLITE_OK;
}

int Open(sqlite3_vtab*, sqlite3_vtab_cursor** cursor) {
  *cursor = &(new Cursor())->base;
  return SQLITE_OK;
}

int Close(sqlite3_vtab_cursor* cursor) {
  delete Mine(cursor);
  return SQLITE_OK;
}

int Filter(sqlite3_vtab_cursor* cursor, int, const char*, int count, sqlite3_value** values) {
  Cursor& mine = *Mine(cursor);
  mine.source =
      count == 0 ? nullptr : static_cast<RowSource*>(sqlite3_value_pointer(values[0], kRows));
  mine.row = 0;
  mine.size = mine.source == nullptr ? 0 : mine.source->size();
  return SQLITE_OK;
}

int Next(sqlite3_vtab_cursor* cursor) {
  ++Mine(cursor)->row;
  return SQLITE_OK;
}

int AtEnd(sqlite3_vtab_cursor* cursor) { return Mine(cursor)->row >= Mine(cursor)->size; }

int Column(sqlite3_vtab_cursor* cursor, sqlite3_context* out, int column) {
  if (column < kSource) Mine(cursor)->source->Column(Mine(cursor)->row, column, out);
  return SQLITE_OK;
}

int RowId(sqlite3_vtab_cursor* cursor, sqlite3_int64* row) {
  *row = static_cast<sqlite3_int64>(Mine(cursor)->row);
  return SQLITE_OK;
}

constexpr sqlite3_module kModule = [] {
  sqlite3_module module{};
  module.xConnect = &Connect;  // And no xCreate: it is there without CREATE VIRTUAL TABLE.
  module.xBestIndex = &BestIndex;
  module.xDisconnect = &Disconnect;
  module.xOpen = &Open;
  module.xClose = &Close;
  module.xFilter = &Filter;
  module.xNext = &Next;
  module.xEof = &AtEnd;
  module.xColumn = &Column;
  module.xRowid = &RowId;
  return module;
}();

}  // namespace

void AddRows(Database& db) {
  const int code = sqlite3_create_module_v2(db.handle(), "rows", &kModule, nullptr, nullptr);
  if (code != SQLITE_OK) db.Fail(code);
}

}  // namespace spa::sqlite
