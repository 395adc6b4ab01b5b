// Findings for other programs: SARIF and OCSF.
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/clock.h"
#include "core/http/url.h"
#include "core/store/run_reader.h"
#include "report/findings_export.h"
#include "report/output.h"

namespace spa {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kProduct = "sharepoint-audit";

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string_view LevelOf(Severity severity) {
  return severity >= Severity::kHigh ? "error" : severity == Severity::kMedium ? "warning" : "note";
}

// As viewers of SARIF rank results: 0 to 10.
std::string_view RankOf(Severity severity) {
  constexpr std::string_view kRanks[] = {"0.0", "2.0", "5.0", "8.0", "9.5"};
  return kRanks[static_cast<int>(severity)];
}

std::int64_t Milliseconds(const std::string& utc) {
  const auto time = ParseUtc(utc);
  return time ? std::chrono::duration_cast<std::chrono::milliseconds>(time->time_since_epoch())
                    .count()
              : 0;
}

Json SarifRule(const AppliedRule& rule) {
  Json json = {{"id", rule.id},
               {"name", rule.name},
               {"shortDescription", {{"text", rule.name}}},
               {"defaultConfiguration", {{"level", LevelOf(rule.severity)}}},
               {"properties",
                {{"severity", Name(rule.severity)},
                 {"security-severity", RankOf(rule.severity)},
                 {"state", Name(rule.state)}}}};
  if (!rule.remedy.empty()) json["help"] = {{"text", rule.remedy}};
  return json;
}

Json SarifResult(const ListedFinding& finding, std::size_t rule) {
  const Severity severity = SeverityNamed(finding.severity).value_or(Severity::kInfo);
  Json json = {{"ruleId", finding.rule},
               {"ruleIndex", rule},
               {"level", LevelOf(severity)},
               {"message", {{"text", finding.message}}}};
  if (!finding.object_type.empty()) {
    Json location;
    location["physicalLocation"]["artifactLocation"]["uri"] = EncodedUrl(finding.object_url);
    location["logicalLocations"] =
        Json::array({{{"fullyQualifiedName", finding.object_id}, {"kind", finding.object_type}}});
    json["locations"] = Json::array({std::move(location)});
  }
  json["partialFingerprints"] = {{"finding/v1", finding.id}};
  if (!finding.open()) {
    Json suppression = {{"kind", "external"}, {"status", "accepted"}};
    if (!finding.accepted_reason.empty()) suppression["justification"] = finding.accepted_reason;
    json["suppressions"] = Json::array({std::move(suppression)});
  }
  json["properties"] = {{"severity", finding.severity},
                        {"state", finding.state},
                        {"firstSeen", finding.first_seen},
                        {"evidence", Json::parse(finding.evidence, nullptr, false)}};
  return json;
}

// What could not be evaluated, so that nobody takes silence for safety.
Json Notifications(const std::vector<AppliedRule>& rules) {
  Json all = Json::array();
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].state == AppliedRule::State::kEvaluated) continue;
    const bool partly = rules[i].state == AppliedRule::State::kPartly;
    all.push_back(
        {{"level", "warning"},
         {"message",
          {{"text", rules[i].id + (partly ? " was evaluated in part: " : " was not evaluated: ") +
                        rules[i].reason}}},
         {"associatedRule", {{"id", rules[i].id}, {"index", i}}}});
  }
  return all;
}

Json OcsfFinding(const ListedFinding& finding, const RunInfo& run) {
  constexpr std::pair<int, std::string_view> kSeverities[] = {
      {1, "Informational"}, {2, "Low"}, {3, "Medium"}, {4, "High"}, {5, "Critical"}};
  const auto severity =
      kSeverities[static_cast<int>(SeverityNamed(finding.severity).value_or(Severity::kInfo))];
  const bool open = finding.open();
  Json json = {
      {"activity_id", 1},
      {"activity_name", "Create"},
      {"category_uid", 2},
      {"category_name", "Findings"},
      {"class_uid", 2004},
      {"class_name", "Detection Finding"},
      {"type_uid", 200401},
      {"type_name", "Detection Finding: Create"},
      {"time", Milliseconds(run.started_at)},
      {"severity_id", severity.first},
      {"severity", severity.second},
      {"status_id", open ? 1 : 3},
      {"status", open ? "New" : "Suppressed"},
      {"message", finding.message},
      {"metadata",
       {{"version", "1.3.0"},
        {"uid", run.id + "/" + std::string(finding.id)},
        {"tenant_uid", run.tenant_id},
        {"product", {{"name", kProduct}, {"vendor_name", kProduct}, {"version", SPA_VERSION}}}}},
      {"finding_info",
       {{"uid", finding.id},
        {"title", finding.name},
        {"desc", finding.message},
        {"first_seen_time", Milliseconds(std::string(finding.first_seen))},
        {"types", Json::array({finding.rule})},
        {"analytic",
         {{"uid", finding.rule}, {"name", finding.name}, {"type_id", 1}, {"type", "Rule"}}}}},
  };
  if (!finding.object_type.empty()) {
    json["resources"] = Json::array({{{"uid", finding.object_id},
                                      {"name", finding.object_url},
                                      {"type", finding.object_type}}});
  }
  if (!finding.remedy.empty()) json["remediation"] = {{"desc", finding.remedy}};
  if (!open && !finding.accepted_reason.empty()) json["comment"] = finding.accepted_reason;
  json["unmapped"] = {{"evidence", Json::parse(finding.evidence, nullptr, false)},
                      {"state", finding.state}};
  return json;
}

}  // namespace

Status ExportSarif(const ExportOptions& options, int fd) {
  const auto source = OpenRun(options.db_path, options.run_id, kExportPragmas);
  if (!source) return Fail(source.error());
  const std::vector<AppliedRule> rules = AppliedRules(*source->db, source->info.number);
  std::unordered_map<std::string_view, std::size_t> numbers;
  Json catalogue = Json::array();
  for (const AppliedRule& rule : rules) {
    numbers.emplace(rule.id, numbers.size());
    catalogue.push_back(SarifRule(rule));
  }
  Json run;
  run["tool"]["driver"] = {
      {"name", kProduct}, {"version", SPA_VERSION}, {"rules", std::move(catalogue)}};
  run["automationDetails"] = {{"id", std::string(kProduct) + "/" + source->info.id}};
  Json invocation = {{"executionSuccessful", true}, {"startTimeUtc", source->info.started_at}};
  if (!source->info.finished_at.empty()) invocation["endTimeUtc"] = source->info.finished_at;
  invocation["toolConfigurationNotifications"] = Notifications(rules);
  run["invocations"] = Json::array({std::move(invocation)});
  Output output(fd);
  // The results are written one by one, for there may be very many.
  std::string head = Dump(run);
  head.pop_back();
  output.Append(
      "{\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\",\"version\":\"2.1.0\","
      "\"runs\":[" +
      head + ",\"results\":[");
  bool first = true;
  EachFinding(*source->db, source->info.number, FindingFilter(), [&](const ListedFinding& finding) {
    output.Append((first ? "\n" : ",\n") + Dump(SarifResult(finding, numbers[finding.rule])));
    first = false;
    return !output.closed();
  });
  if (auto read = source->db->Check("exporting findings"); !read) return read;
  output.Append("\n]}]}\n");
  return output.Finish();
}

Status ExportOcsf(const ExportOptions& options, int fd) {
  const auto source = OpenRun(options.db_path, options.run_id, kExportPragmas);
  if (!source) return Fail(source.error());
  Output output(fd);
  EachFinding(*source->db, source->info.number, FindingFilter(), [&](const ListedFinding& finding) {
    output.Append(Dump(OcsfFinding(finding, source->info)) + "\n");
    return !output.closed();
  });
  if (auto read = source->db->Check("exporting findings"); !read) return read;
  return output.Finish();
}

}  // namespace spa
