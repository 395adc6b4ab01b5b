#include "report/summary.h"

#include <fmt/format.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "core/log/terminal_text.h"
#include "report/row_format.h"

namespace spa {
namespace {

using Json = nlohmann::ordered_json;

double Rounded(double value, int digits) {
  double factor = 1;
  for (int i = 0; i < digits; ++i) factor *= 10;
  return static_cast<double>(static_cast<std::int64_t>(value * factor + (value < 0 ? -0.5 : 0.5))) /
         factor;
}

// Percent are rounded down: 100 is only what is whole.
double RoundedDown(double percent) {
  return static_cast<double>(static_cast<std::int64_t>(percent * 100)) / 100;
}

Json CacheJson(const RunSummary::Cache& cache) {
  Json kinds = Json::object();
  for (const auto& [kind, numbers] : cache.by_kind) {
    kinds[kind] = {{"hits", numbers.hits},
                   {"misses", numbers.misses},
                   {"hit_rate", Rounded(numbers.hit_rate, 4)}};
  }
  return {{"enabled", cache.enabled},
          {"l1_hits", cache.l1_hits},
          {"l2_hits", cache.l2_hits},
          {"misses", cache.misses},
          {"coalesced", cache.coalesced},
          {"hit_rate", Rounded(cache.hit_rate, 4)},
          {"repeat_hit_rate", Rounded(cache.repeat_hit_rate, 4)},
          {"by_kind", std::move(kinds)},
          {"stale", cache.stale},
          {"mode", cache.mode},
          {"verified", cache.verified},
          {"mismatch", cache.mismatch},
          {"would_hit", cache.would_hit},
          {"l2",
           {{"place", cache.l2.place},
            {"reachable", cache.l2.reachable},
            {"writes", cache.l2.writes},
            {"errors", cache.l2.errors},
            {"degraded_seconds", Rounded(cache.l2.degraded_seconds, 3)}}}};
}

Json CoverageJson(const RunSummary& summary) {
  Json gaps = Json::array();
  for (const Gap& gap : summary.gaps) {
    gaps.push_back(
        {{"object_url", gap.url}, {"state", std::string(Name(gap.state))}, {"reason", gap.reason}});
  }
  const StoreCounts& counts = summary.counts;
  return {{"discovered", counts.discovered}, {"read", counts.read},
          {"inherited", counts.inherited},   {"skipped", counts.skipped},
          {"failed", counts.failed},         {"percent", RoundedDown(CoveragePercent(counts))},
          {"gaps", std::move(gaps)}};
}

Json FindingsJson(const FindingCounts& findings) {
  Json json = Json::object();
  for (int i = 4; i >= 0; --i) json[std::string(Name(static_cast<Severity>(i)))] = findings.open[i];
  json["accepted"] = findings.accepted;
  Json reasons = Json::object();
  for (const auto& [rule, reason] : findings.not_evaluated) reasons[rule] = reason;
  json["not_evaluated"] = std::move(reasons);
  return json;
}

Json Fields(const RunSummary& s) {
  Json methods = Json::object();
  for (const auto& [method, drives] : s.scope_methods) methods[method] = drives;
  const StoreCounts& counts = s.counts;
  return {{"run_id", s.run_id},
          {"status", s.status},
          {"mode", s.mode},
          {"tenant_id", s.tenant_id},
          {"started_at", s.started_at},
          {"finished_at", s.finished_at},
          {"duration_seconds", Rounded(s.duration_seconds, 3)},
          {"objects",
           {{"sites", counts.sites},
            {"libraries", counts.libraries},
            {"folders", counts.folders},
            {"files", counts.files},
            {"lists", counts.lists},
            {"list_items", counts.list_items}}},
          {"scopes", {{"unique", counts.unique_scopes}, {"acls", counts.acls}}},
          {"grants",
           {{"total", counts.grants},
            {"links", counts.links},
            {"external", counts.external},
            {"anonymous", counts.anonymous}}},
          {"findings", FindingsJson(s.findings)},
          {"api",
           {{"http_requests", s.api.http_requests},
            {"graph_requests", s.api.graph_requests},
            {"sharepoint_requests", s.api.sharepoint_requests},
            {"token_requests", s.api.token_requests},
            {"batched", s.api.batched},
            {"throttled", s.api.throttled},
            {"retried", s.api.retried},
            {"resource_units", s.api.resource_units},
            {"peak_in_flight", s.api.peak_in_flight},
            {"shared", s.api.shared}}},
          {"cache", CacheJson(s.cache)},
          {"coverage", CoverageJson(s)},
          {"scope_methods", std::move(methods)},
          {"oldest_datum_seconds", s.oldest_datum_seconds},
          {"peak_rss_bytes", s.peak_rss_bytes},
          {"cpu_seconds", Rounded(s.cpu_seconds, 3)}};
}

Json Document(const RunSummary& summary) {
  Json document = Fields(summary);
  if (!summary.shard.empty()) document["shard"] = summary.shard;
  return document;
}

// 1234567 as "1,234,567".
std::string Grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  const std::size_t first = digits[0] == '-' ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string Bytes(std::int64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

class Table {
 public:
  void Line(std::string_view title, std::string_view text) {
    text_ += fmt::format("{:<14}{}\n", title, text);
  }
  // "12 sites   3 libraries …", the zeros left out but for the first.
  void Numbers(std::string_view title,
               std::initializer_list<std::pair<std::int64_t, std::string_view>> numbers) {
    std::string line;
    for (const auto& [number, word] : numbers) {
      if (number == 0 && !line.empty()) continue;
      line += fmt::format("{}{} {}", line.empty() ? "" : "   ", Grouped(number), word);
    }
    Line(title, line);
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace

double CoveragePercent(const StoreCounts& counts) {
  if (counts.discovered == 0) return 0;
  return 100.0 * static_cast<double>(counts.read + counts.inherited + counts.skipped) /
         static_cast<double>(counts.discovered);
}

std::string ToJson(const RunSummary& summary) {
  return Document(summary).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string ToCsv(const RunSummary& summary) {
  Json document = Document(summary);
  document["coverage"]["gaps"] = summary.gaps.size();
  std::string csv = "key,value\r\n";
  const std::function<void(const std::string&, const Json&)> add = [&](const std::string& key,
                                                                       const Json& value) {
    if (value.is_object()) {
      for (const auto& [name, inner] : value.items()) {
        add(key.empty() ? name : key + "." + name, inner);
      }
      return;
    }
    AppendCsvCell(csv, key);
    csv += ',';
    if (value.is_string()) {
      AppendCsvCell(csv, value.get_ref<const std::string&>());
    } else {
      csv += value.dump();
    }
    csv += "\r\n";
  };
  add("", document);
  return csv;
}

std::string ToTable(const RunSummary& s, std::size_t max_gaps) {
  const StoreCounts& counts = s.counts;
  Table table;
  table.Line("Run", fmt::format("{}  {}, {}{}", EscapeForTerminal(s.run_id), s.status, s.mode,
                                s.shard.empty() ? "" : ", shard " + s.shard));
  table.Line("Tenant", EscapeForTerminal(s.tenant_id));
  table.Line("Time", fmt::format("{:.1f} s wall, {:.1f} s CPU, {} memory", s.duration_seconds,
                                 s.cpu_seconds, Bytes(s.peak_rss_bytes)));
  table.Numbers("Objects", {{counts.sites, "sites"},
                            {counts.libraries, "libraries"},
                            {counts.folders, "folders"},
                            {counts.files, "files"},
                            {counts.lists, "lists"},
                            {counts.list_items, "list items"}});
  table.Numbers("Permissions", {{counts.unique_scopes, "scopes"}, {counts.acls, "different sets"}});
  table.Numbers("Grants", {{counts.grants, "in all"},
                           {counts.links, "links"},
                           {counts.external, "external"},
                           {counts.anonymous, "anonymous"}});
  const auto found = [&](Severity severity) {
    return std::pair(s.findings.open[static_cast<int>(severity)], Name(severity));
  };
  table.Numbers("Findings", {found(Severity::kCritical),
                             found(Severity::kHigh),
                             found(Severity::kMedium),
                             found(Severity::kLow),
                             found(Severity::kInfo),
                             {s.findings.accepted, "accepted"}});
  if (!s.findings.not_evaluated.empty()) {
    table.Line("", fmt::format("{} rules could not be evaluated; 'findings rules' says why",
                               s.findings.not_evaluated.size()));
  }
  table.Numbers("Requests", {{s.api.http_requests, "HTTP"},
                             {s.api.graph_requests, "Graph"},
                             {s.api.sharepoint_requests, "SharePoint"},
                             {s.api.batched, "batched"},
                             {s.api.throttled, "throttled"},
                             {s.api.retried, "retried"},
                             {s.api.resource_units, "resource units"}});
  table.Line("Cache", s.cache.enabled
                          ? fmt::format("{:.1f} % hits, {:.1f} % of repeats   {} coalesced",
                                        100 * s.cache.hit_rate, 100 * s.cache.repeat_hit_rate,
                                        Grouped(s.cache.coalesced))
                          : "off");
  for (const auto& [method, drives] : s.scope_methods) {
    table.Line("Method", fmt::format("{}: {} libraries", method, Grouped(drives)));
  }
  table.Line("Coverage", fmt::format("{:.2f} %: {} of {} read, {} inherit, {} skipped, {} failed",
                                     RoundedDown(CoveragePercent(counts)), Grouped(counts.read),
                                     Grouped(counts.discovered), Grouped(counts.inherited),
                                     Grouped(counts.skipped), Grouped(counts.failed)));
  for (std::size_t i = 0; i < s.gaps.size() && i < max_gaps; ++i) {
    const Gap& gap = s.gaps[i];
    table.Line("", fmt::format("{}: {}: {}", Name(gap.state), EscapeForTerminal(gap.url),
                               EscapeForTerminal(gap.reason)));
  }
  if (s.gaps.size() > max_gaps) {
    table.Line("", fmt::format("and {} more; 'export coverage' lists them all",
                               Grouped(static_cast<std::int64_t>(s.gaps.size() - max_gaps))));
  }
  return table.Take();
}

}  // namespace spa
