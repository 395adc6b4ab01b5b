// Facts: what a database must hold for some rules to say anything. Looked for in each run, so that
// a rule that cannot know says so instead of finding nothing.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "core/sqlite.h"

namespace spa {

class Facts {
 public:
  // `db` with the tables of RunTables.
  explicit Facts(sqlite::Database& db) : db_(db) {}
  // Of the names, separated by spaces, those that are missing: why, joined; empty: none.
  std::string Missing(std::string_view names);

 private:
  const std::string& Why(std::string_view name);
  sqlite::Database& db_;
  std::unordered_map<std::string, std::string> known_;
};

}  // namespace spa
