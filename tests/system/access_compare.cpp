#include "tests/system/access_compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <map>

#include "core/ascii.h"
#include "simulator/access_truth.h"

namespace spa::testing {
namespace {

using nlohmann::json;

constexpr std::size_t kShown = 5;  // of each kind
// Between the links that have ended in the simulated tenant and those that have not.
constexpr char kNow[] = "2026-11-20T00:00:00Z";

std::string PathText(const json& path) {
  std::string text;
  for (const json& hop : path) {
    if (!text.empty()) text += " > ";
    text += hop.is_string()
                ? hop.get<std::string>()
                : hop.at("kind").get<std::string>() + ":" + hop.at("id").get<std::string>();
  }
  return text;
}

}  // namespace

json NormalRow(const json& row) {
  json normal = row;
  normal.erase("more_paths");
  if (row.at("user_principal_name").is_string()) {
    normal["user_principal_name"] = AsciiLower(row.at("user_principal_name").get<std::string>());
  }
  std::vector<std::string> paths;
  for (const json& path : row.at("paths")) paths.push_back(PathText(path));
  std::sort(paths.begin(), paths.end());
  normal["paths"] = paths;
  return normal;
}

std::string KeyOf(const json& row) {
  const auto& name =
      row.at("user_id").is_null() ? row.at("user_principal_name") : row.at("user_id");
  return fmt::format("{} {} {} {}", row.at("object_type").get<std::string>(),
                     row.at("object_id").get<std::string>(), row.at("audience").get<std::string>(),
                     name.is_null() ? "" : name.get<std::string>());
}

std::vector<json> TrueAccessRows(const Tenant& tenant) {
  const auto next = sim::TrueAccess(tenant.truth(), tenant.origin(), kNow);
  std::string all;
  while (next(all)) {
  }
  return ParseLines(all);
}

AccessComparison CompareAccess(const Tenant& tenant, const Words& more) {
  std::map<std::string, std::pair<json, json>> rows;
  AccessComparison result;
  for (const json& row : TrueAccessRows(tenant)) {
    rows[KeyOf(row)].first = NormalRow(row);
    ++result.expected;
  }
  for (const json& row : ParseLines(ReadText(tenant.Export("access", more)))) {
    json& slot = rows[KeyOf(row)].second;
    INFO("twice: " << row.dump());
    REQUIRE(slot.is_null());
    slot = NormalRow(row);
    ++result.found;
  }
  const auto tell = [&](std::size_t seen, const std::string& text) {
    if (seen <= kShown) result.report += "\n  " + text;
  };
  for (const auto& [key, pair] : rows) {
    const auto& [truth, told] = pair;
    if (told.is_null()) {
      tell(++result.missing, "missing: " + truth.dump());
    } else if (truth.is_null()) {
      tell(++result.extra, "extra: " + told.dump());
    } else if (truth != told) {
      std::string text = "differs (truth | export): " + key;
      for (const auto& [field, value] : truth.items()) {
        if (told.at(field) == value) continue;
        text += fmt::format("\n    {}: {} | {}", field, value.dump(), told.at(field).dump());
      }
      tell(++result.different, text);
    }
  }
  return result;
}

void CheckEqual(const AccessComparison& comparison) {
  CHECK(comparison.expected > 0);
  CHECK(comparison.missing == 0);
  CHECK(comparison.extra == 0);
  CHECK(comparison.different == 0);
  if (comparison.report.empty()) return;
  std::cerr << fmt::format("{} rows are true, {} exported: {} missing, {} extra, {} different{}\n",
                           comparison.expected, comparison.found, comparison.missing,
                           comparison.extra, comparison.different, comparison.report);
}

}  // namespace spa::testing
