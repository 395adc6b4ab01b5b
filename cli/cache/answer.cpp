#include "cli/cache/answer.h"

#include <fmt/format.h>

#include "cli/files.h"
#include "cli/terminal.h"
#include "core/log/terminal_text.h"

namespace spa {
namespace {

using Rows = std::vector<std::vector<std::string>>;

bool IsTable(const Json& json) {
  return json.is_array() && !json.empty() && json.front().is_object();
}

std::string Text(const Json& json) {
  if (json.is_null()) return "-";
  if (json.is_string()) return json.get<std::string>();
  if (json.is_boolean()) return json.get<bool>() ? "yes" : "no";
  if (json.is_number_float()) return fmt::format("{:.6g}", json.get<double>());
  if (json.is_array()) {
    std::string text;
    for (const Json& each : json) text += (text.empty() ? "" : ", ") + Text(each);
    return text.empty() ? "-" : text;
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Scalars to `rows`, tables to `tables` with their dotted names.
void Flatten(const Json& json, const std::string& name, Rows& rows,
             std::vector<std::pair<std::string, const Json*>>& tables) {
  if (json.is_object() && !json.empty()) {
    for (const auto& [member, value] : json.items()) {
      Flatten(value, name.empty() ? member : name + '.' + member, rows, tables);
    }
  } else if (IsTable(json)) {
    tables.emplace_back(name, &json);
  } else {
    rows.push_back({name, Text(json)});
  }
}

// Columns: the flattened members of the first object and whatever later ones add.
std::string Table(const Json& list) {
  std::vector<std::string> heads;
  std::vector<std::map<std::string, std::string>> lines;
  for (const Json& each : list) {
    Rows cells;
    std::vector<std::pair<std::string, const Json*>> inner;
    Flatten(each, "", cells, inner);
    for (const auto& [name, table] : inner) cells.push_back({name, table->dump()});
    auto& line = lines.emplace_back();
    for (auto& cell : cells) {
      if (std::find(heads.begin(), heads.end(), cell[0]) == heads.end()) heads.push_back(cell[0]);
      line[cell[0]] = std::move(cell[1]);
    }
  }
  Rows rows = {{}};
  for (std::string head : heads) {
    std::transform(head.begin(), head.end(), head.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    rows[0].push_back(std::move(head));
  }
  for (auto& line : lines) {
    auto& row = rows.emplace_back();
    for (const std::string& head : heads) row.push_back(line.contains(head) ? line[head] : "-");
  }
  return RenderTable(rows);
}

}  // namespace

std::string RenderJson(const Json& json) {
  if (IsTable(json)) return Table(json);
  if (json.is_array()) {
    std::string text;
    for (const Json& each : json) text += EscapeForTerminal(Text(each)) + '\n';
    return text;
  }
  Rows rows;
  std::vector<std::pair<std::string, const Json*>> tables;
  Flatten(json, "", rows, tables);
  std::string text = RenderTable(rows);
  for (const auto& [name, table] : tables) {
    text +=
        fmt::format("{}{}:\n{}", text.empty() ? "" : "\n", EscapeForTerminal(name), Table(*table));
  }
  return text;
}

Result<ExitCode> Answer(const CacheCall& call, const Json& json, ExitCode exit) {
  return Answer(call, json, call.json() ? std::string() : RenderJson(json), exit);
}

Result<ExitCode> Answer(const CacheCall& call, const Json& json, std::string_view plain,
                        ExitCode exit) {
  std::string text(plain);
  if (call.json()) text = json.dump(2, ' ', false, Json::error_handler_t::replace);
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  if (auto printed = Print(text); !printed) return printed;
  return exit;
}

void Remark(const CacheCall& call, std::string_view text) {
  if (call.flags().quiet) return;
  fmt::print(stderr, "sharepoint-audit: {}\n", EscapeForTerminal(text));
}

}  // namespace spa
