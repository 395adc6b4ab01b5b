#include "cli/metrics.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace spa {
namespace {

using Json = nlohmann::ordered_json;

std::string LabelValue(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\' || c == '"') escaped += '\\';
    escaped += c == '\n' ? ' ' : c;
  }
  return escaped;
}

void Append(std::string& text, const std::string& name, const Json& value) {
  if (value.is_object()) {
    for (const auto& [key, entry] : value.items()) Append(text, name + '_' + key, entry);
  } else if (value.is_boolean()) {
    text += fmt::format("# TYPE {0} gauge\n{0} {1}\n", name, value.get<bool>() ? 1 : 0);
  } else if (value.is_number()) {
    text += fmt::format("# TYPE {0} gauge\n{0} {1}\n", name, value.dump());
  }
}

// All kinds of one number stand together, as the format demands.
void AppendKinds(std::string& text, const Json& by_kind) {
  for (const std::string number : {"hits", "misses", "hit_rate"}) {
    if (by_kind.empty()) return;
    const std::string name = "sharepoint_audit_cache_kind_" + number;
    text += fmt::format("# TYPE {} gauge\n", name);
    for (const auto& [kind, numbers] : by_kind.items()) {
      text +=
          fmt::format("{}{{kind=\"{}\"}} {}\n", name, LabelValue(kind), numbers.at(number).dump());
    }
  }
}

}  // namespace

std::string PrometheusText(const RunSummary& summary) {
  Json document = Json::parse(ToJson(summary));
  Json by_kind = Json::object();
  if (document.contains("cache") && document["cache"].contains("by_kind")) {
    by_kind = document["cache"]["by_kind"];
    document["cache"].erase("by_kind");
  }
  std::string text = fmt::format(
      "# HELP sharepoint_audit_run_info The run these numbers are of.\n"
      "# TYPE sharepoint_audit_run_info gauge\n"
      "sharepoint_audit_run_info{{run_id=\"{}\",status=\"{}\",mode=\"{}\",tenant_id=\"{}\"}} 1\n",
      LabelValue(summary.run_id), LabelValue(summary.status), LabelValue(summary.mode),
      LabelValue(summary.tenant_id));
  for (const auto& [key, value] : document.items()) Append(text, "sharepoint_audit_" + key, value);
  AppendKinds(text, by_kind);
  return text;
}

}  // namespace spa
