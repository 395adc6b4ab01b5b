#include "permissions/findings/rule_test.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/store/schema.h"
#include "permissions/findings/evaluation.h"

namespace spa {
namespace {

using Json = nlohmann::json;

tl::unexpected<Error> NoTest(const std::string& file, const std::string& why) {
  return Fail(ErrorCode::kUsage, fmt::format("{} is no test: {}", file, why),
              "see docs/findings.md, \"Rules of your own\"");
}

// An empty database with this program's schema, over which the rows of a test stand in temporary
// tables of the same names.
Result<std::unique_ptr<sqlite::Database>> OpenEmpty() {
  auto db = sqlite::Database::Open(":memory:", sqlite::Database::Mode::kReadWrite);
  if (!db) return Fail(db.error());
  for (const char* step : SchemaSteps()) (*db)->Exec(step);
  if (auto made = (*db)->Check("making a database for tests"); !made) return Fail(made.error());
  return db;
}

std::string Cell(const Json& value) {
  if (value.is_null()) return "NULL";
  if (value.is_boolean()) return value.get<bool>() ? "1" : "0";
  if (value.is_number()) return value.dump();
  return Quoted(value.is_string() ? value.get<std::string>() : value.dump());
}

std::string Name(const std::string& name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

// With every column of the view of that name, and those the rows have.
std::string Fill(sqlite::Database& db, const std::string& table, const Json& rows) {
  std::vector<std::string> columns;
  sqlite::Statement known(db, "SELECT name FROM pragma_table_info(?)");
  known.Bind(table);
  while (known.Step()) columns.push_back(known.String(0));
  const bool ours = !columns.empty();
  for (const Json& row : rows) {
    if (!row.is_object()) return table + " holds what is no row";
    for (const auto& [column, value] : row.items()) {
      if (std::find(columns.begin(), columns.end(), column) != columns.end()) continue;
      if (ours) return fmt::format("{} has no column {}", table, column);
      columns.push_back(column);
    }
  }
  if (columns.empty()) return table + " is no view, and no row says what it holds";
  std::vector<std::string> names;
  for (const std::string& column : columns) names.push_back(Name(column));
  db.Exec(fmt::format("CREATE TEMP TABLE {}({})", Name(table), fmt::join(names, ", ")));
  for (const Json& row : rows) {
    std::vector<std::string> cells;
    for (const std::string& column : columns) {
      cells.push_back(row.contains(column) ? Cell(row.at(column)) : "NULL");
    }
    db.Exec(fmt::format("INSERT INTO temp.{} VALUES ({})", Name(table), fmt::join(cells, ", ")));
  }
  return {};
}

bool Meets(const Json& found, const Json& expected) {
  for (const auto& [column, value] : expected.items()) {
    if (!found.contains(column) || found.at(column) != value) return false;
  }
  return true;
}

// Why it fails; empty: it passes.
Result<std::string> RunTest(const Rule& rule, const std::string& file) {
  std::ifstream stream(file);
  const Json test = Json::parse(stream, nullptr, false);
  if (!test.is_object() || !test.contains("given") || !test["given"].is_object() ||
      !test.contains("expect") || !test["expect"].is_array()) {
    return NoTest(file, "it wants an object \"given\" and a list \"expect\"");
  }
  auto db = OpenEmpty();
  if (!db) return Fail(db.error());
  for (const auto& [table, rows] : test["given"].items()) {
    if (!rows.is_array()) return NoTest(file, table + " is no list of rows");
    if (const std::string why = Fill(**db, table, rows); !why.empty()) return NoTest(file, why);
  }
  if (auto filled = (*db)->Check("filling the tables of " + file); !filled) {
    return Fail(filled.error());
  }
  std::vector<Json> found;
  const auto use = [&](const RuleRow& row) {
    Json one = Json::parse(row.evidence, nullptr, false);
    if (row.oid) one["oid"] = *row.oid;
    one["key"] = row.key;
    one["severity"] = row.severity.empty() ? std::string(spa::Name(rule.severity)) : row.severity;
    one["message"] = row.message;
    found.push_back(std::move(one));
  };
  const std::chrono::duration<double> time(ThresholdOf(FindingsConfig(), "rule_seconds"));
  const std::string failed = ApplyRule(**db, rule, use, time);
  if (!failed.empty()) return failed;
  for (const Json& expected : test["expect"]) {
    const auto match = std::find_if(found.begin(), found.end(),
                                    [&](const Json& one) { return Meets(one, expected); });
    if (match == found.end()) return fmt::format("it does not find {}", expected.dump());
    found.erase(match);
  }
  if (!found.empty()) return fmt::format("it also finds {}", found.front().dump());
  return std::string();
}

}  // namespace

Result<RuleTestOutcome> TestRules(const std::string& folder) {
  auto rules = ReadRules(folder);
  if (!rules) return Fail(rules.error());
  RuleTestOutcome outcome;
  for (const Rule& rule : *rules) {
    std::vector<std::string> tests;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(rule.file) && name.ends_with(".test.json")) {
        tests.push_back(entry.path().string());
      }
    }
    std::sort(tests.begin(), tests.end());
    if (tests.empty()) outcome.untested.push_back(rule.id);
    for (const std::string& file : tests) {
      auto why = RunTest(rule, file);
      if (!why) return Fail(why.error());
      if (why->empty()) {
        outcome.passed.push_back(file);
      } else {
        outcome.failed.emplace_back(file, *std::move(why));
      }
    }
  }
  return outcome;
}

}  // namespace spa
