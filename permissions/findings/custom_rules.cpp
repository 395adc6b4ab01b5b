// Rules of one's own, from files.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "permissions/findings/rule.h"

namespace spa {
namespace {

std::string_view Trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

bool IsId(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](unsigned char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
}

Result<Rule> ReadRule(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return Fail(ErrorCode::kUsage, fmt::format("{} cannot be read", path.string()));
  Rule rule;
  rule.custom = true;
  rule.file = path.stem().string();
  rule.sql = text.str();
  bool severity = false;
  std::istringstream lines(rule.sql);
  for (std::string line; std::getline(lines, line);) {
    const std::string_view trimmed = Trim(line);
    if (!trimmed.starts_with("--")) {
      if (trimmed.empty()) continue;
      break;
    }
    const std::string_view word = Trim(trimmed.substr(2));
    const auto colon = word.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = word.substr(0, colon), value = Trim(word.substr(colon + 1));
    if (key == "id") rule.id = value;
    if (key == "name") rule.name = value;
    if (key == "message") rule.message = value;
    if (key == "remedy") rule.remedy = value;
    if (key == "severity") {
      const auto known = SeverityNamed(value);
      if (!known) {
        return Fail(ErrorCode::kUsage,
                    fmt::format("{}: \"{}\" is no severity", path.string(), value),
                    "give info, low, medium, high or critical");
      }
      rule.severity = *known;
      severity = true;
    }
  }
  if (!IsId(rule.id) || !severity) {
    return Fail(ErrorCode::kUsage, fmt::format("{} is no rule", path.string()),
                "begin it with the lines \"-- id: AN-ID\" (letters A to Z, digits, -) and "
                "\"-- severity: high\"");
  }
  if (rule.name.empty()) rule.name = rule.id;
  return rule;
}

}  // namespace

Result<std::vector<Rule>> ReadRules(const std::string& folder) {
  std::error_code failed;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
    if (entry.path().extension() == ".sql") files.push_back(entry.path());
  }
  if (failed) {
    return Fail(ErrorCode::kUsage,
                fmt::format("the rules in {} cannot be read: {}", folder, failed.message()),
                "name a folder with findings.rules");
  }
  std::sort(files.begin(), files.end());
  std::vector<Rule> rules;
  for (const auto& file : files) {
    auto rule = ReadRule(file);
    if (!rule) return Fail(rule.error());
    rules.push_back(*std::move(rule));
  }
  return rules;
}

}  // namespace spa
