// `findings`: what a run found, and what people decide about it.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "core/clock.h"
#include "core/store/run_reader.h"
#include "permissions/findings/evaluation.h"
#include "permissions/findings/rule_test.h"
#include "report/findings_export.h"

namespace spa {
namespace {

using Json = nlohmann::ordered_json;

// The finding that an id, or the beginning of one, names.
Result<std::string> FindFinding(sqlite::Database& db, const std::string& text) {
  sqlite::Statement rows(db,
                         "SELECT DISTINCT id FROM finding WHERE substr(id, 1, length(?1)) = ?1 "
                         "LIMIT 2");
  rows.Bind(text);
  std::string id;
  bool several = false;
  while (rows.Step()) {
    several = !id.empty();
    id = rows.String(0);
  }
  if (auto read = db.Check("looking for a finding"); !read) return Fail(read.error());
  if (id.empty()) {
    return Fail(ErrorCode::kUsage, fmt::format("there is no finding {}", text),
                "'sharepoint-audit findings' lists them");
  }
  if (several) {
    return Fail(ErrorCode::kUsage, fmt::format("several findings begin with {}", text),
                "give more of the id");
  }
  return id;
}

// YYYY-MM-DD, a day there is.
bool IsDay(const std::string& text) {
  const auto time = ParseUtc(text + "T00:00:00Z");
  return time && UtcText(*time).starts_with(text);
}

Json ToJson(const ListedFinding& finding) {
  Json json = {{"finding_id", finding.id},
               {"rule", finding.rule},
               {"name", finding.name},
               {"severity", finding.severity},
               {"state", finding.state},
               {"object_type", nullptr},
               {"object_id", nullptr},
               {"object_url", nullptr},
               {"message", finding.message},
               {"remedy", finding.remedy},
               {"first_seen", finding.first_seen}};
  if (!finding.object_type.empty()) {
    json["object_type"] = finding.object_type;
    json["object_id"] = finding.object_id;
    json["object_url"] = finding.object_url;
  }
  json["evidence"] = Json::parse(finding.evidence, nullptr, false);
  if (finding.state != "open") {
    json["accepted_by"] = finding.accepted_by;
    json["accepted_reason"] = finding.accepted_reason;
    json["accepted_until"] = nullptr;
    if (!finding.accepted_until.empty()) json["accepted_until"] = finding.accepted_until;
  }
  return json;
}

std::string Dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

// Rows of RuleTest, one line each.
std::string Render(const RuleTestOutcome& outcome) {
  std::string text;
  for (const std::string& passed : outcome.passed) text += fmt::format("ok      {}\n", passed);
  for (const auto& [test, why] : outcome.failed) text += fmt::format("FAILED  {}: {}\n", test, why);
  for (const std::string& rule : outcome.untested) {
    text += fmt::format("FAILED  {}: it has no test\n", rule);
  }
  return text;
}

}  // namespace

Result<ExitCode> CommandFindings(const Invocation& invocation) {
  const Flags& flags = invocation.flags;
  const auto config = OpenConfig(invocation.flags, invocation.environment);
  if (!config) return Fail(config.error());
  auto run = OpenRun(config->db_path, flags.run);
  if (!run) return Fail(run.error());
  FindingFilter filter;
  filter.at_least = SeverityNamed(flags.severity).value_or(Severity::kInfo);
  filter.rule = flags.rule;
  filter.object = flags.object;
  filter.state = flags.state;
  const auto limit = static_cast<std::size_t>(flags.limit);
  std::vector<std::vector<std::string>> rows = {
      {"FINDING", "SEVERITY", "RULE", "STATE", "WHERE", "WHAT"}};
  Json list = Json::array();
  std::size_t count = 0;
  EachFinding(*run->db, run->info.number, filter, [&](const ListedFinding& finding) {
    if (++count > limit && limit > 0) return true;
    if (flags.json) {
      list.push_back(ToJson(finding));
    } else {
      rows.push_back({std::string(finding.id), std::string(finding.severity),
                      std::string(finding.rule), std::string(finding.state), finding.object_url,
                      std::string(finding.message)});
    }
    return true;
  });
  std::size_t unknown = 0;
  Json not_evaluated = Json::object();
  for (const AppliedRule& rule : AppliedRules(*run->db, run->info.number)) {
    if (rule.state == AppliedRule::State::kEvaluated) continue;
    ++unknown;
    not_evaluated[rule.id] = {{"state", Name(rule.state)}, {"reason", rule.reason}};
  }
  if (auto read = run->db->Check("reading findings"); !read) return Fail(read.error());
  if (flags.json) {
    return Print(Dump({{"run_id", run->info.id},
                       {"count", count},
                       {"findings", std::move(list)},
                       {"not_evaluated", std::move(not_evaluated)}}));
  }
  std::string text = count == 0 ? "no findings\n" : RenderTable(rows);
  if (limit > 0 && count > limit) {
    text += fmt::format("and {} more; --limit 0 shows all\n", count - limit);
  }
  if (unknown > 0) {
    text += fmt::format("{} rules were not, or only partly, evaluated; 'findings rules' says why\n",
                        unknown);
  }
  return Print(text);
}

Result<ExitCode> CommandFindingsRules(const Invocation& invocation) {
  const Flags& flags = invocation.flags;
  const auto config = OpenConfig(invocation.flags, invocation.environment);
  if (!config) return Fail(config.error());
  auto run = OpenRun(config->db_path, flags.run);
  if (!run) return Fail(run.error());
  const auto rules = AppliedRules(*run->db, run->info.number);
  sqlite::Statement counts(*run->db, "SELECT count(*) FROM finding WHERE run = ? AND rule = ?");
  std::vector<std::vector<std::string>> rows = {
      {"RULE", "SEVERITY", "FINDINGS", "STATE", "NAME", "WHY"}};
  Json list = Json::array();
  for (const AppliedRule& rule : rules) {
    counts.Bind(run->info.number, rule.id).Step();
    const std::int64_t count = counts.Int(0);
    const bool judged = rule.state != AppliedRule::State::kNotEvaluated;
    rows.push_back({rule.id, std::string(Name(rule.severity)), judged ? std::to_string(count) : "-",
                    std::string(Name(rule.state)), rule.name, rule.reason});
    list.push_back({{"rule", rule.id},
                    {"name", rule.name},
                    {"severity", Name(rule.severity)},
                    {"state", Name(rule.state)},
                    {"reason", rule.reason},
                    {"findings", judged ? Json(count) : Json(nullptr)},
                    {"remedy", rule.remedy},
                    {"custom", rule.custom}});
  }
  if (auto read = run->db->Check("reading how rules were applied"); !read) {
    return Fail(read.error());
  }
  return Print(flags.json ? Dump(list) : RenderTable(rows));
}

Result<ExitCode> CommandFindingsAccept(const Invocation& invocation) {
  const Flags& flags = invocation.flags;
  if (!IsDay(flags.until)) {
    return Fail(ErrorCode::kUsage, fmt::format("--until \"{}\" is no day", flags.until),
                "give it as YYYY-MM-DD");
  }
  if (flags.until < UtcText(std::chrono::system_clock::now()).substr(0, 10)) {
    return Fail(ErrorCode::kUsage, fmt::format("--until {} is in the past", flags.until),
                "give the last day on which it is accepted");
  }
  if (flags.owner.empty() || flags.reason.empty()) {
    return Fail(ErrorCode::kUsage, "--owner and --reason must say something",
                "name who answers for it, and why");
  }
  const auto config = OpenConfig(invocation.flags, invocation.environment);
  if (!config) return Fail(config.error());
  auto run = OpenRun(config->db_path, "");
  if (!run) return Fail(run.error());
  std::vector<Acceptance> accepted;
  for (const std::string& word : flags.words) {
    auto id = FindFinding(*run->db, word);
    if (!id) return Fail(id.error());
    Acceptance& one = accepted.emplace_back();
    one.finding = *std::move(id);
    one.owner = flags.owner;
    one.reason = flags.reason;
    one.until = flags.until;
  }
  run->db.reset();
  auto store = AuditStore::Open(config->db_path, AuditStore::Mode::kReadWrite);
  if (!store) return Fail(store.error());
  if (auto stored = (*store)->Accept(accepted); !stored) return Fail(stored.error());
  std::string text;
  for (const Acceptance& one : accepted) {
    text += fmt::format("accepted {} until {}\n", one.finding, one.until);
  }
  return Print(text);
}

Result<ExitCode> CommandFindingsReopen(const Invocation& invocation) {
  const auto config = OpenConfig(invocation.flags, invocation.environment);
  if (!config) return Fail(config.error());
  auto run = OpenRun(config->db_path, "");
  if (!run) return Fail(run.error());
  std::vector<std::string> ids;
  std::string text;
  for (const std::string& word : invocation.flags.words) {
    auto id = FindFinding(*run->db, word);
    if (!id) return Fail(id.error());
    text += fmt::format("reopened {}\n", *id);
    ids.push_back(*std::move(id));
  }
  run->db.reset();
  auto store = AuditStore::Open(config->db_path, AuditStore::Mode::kReadWrite);
  if (!store) return Fail(store.error());
  if (auto stored = (*store)->Reopen(ids); !stored) return Fail(stored.error());
  return Print(text);
}

Result<ExitCode> CommandFindingsBaseline(const Invocation& invocation) {
  const auto config = OpenConfig(invocation.flags, invocation.environment);
  if (!config) return Fail(config.error());
  auto run = OpenRun(config->db_path, invocation.flags.run);
  if (!run) return Fail(run.error());
  std::vector<Acceptance> known;
  EachFinding(*run->db, run->info.number, FindingFilter(), [&](const ListedFinding& finding) {
    if (!finding.open()) return true;
    Acceptance& one = known.emplace_back();
    one.finding = finding.id;
    one.reason = "baseline of run " + run->info.id;
    one.baseline = true;
    return true;
  });
  if (auto read = run->db->Check("reading findings"); !read) return Fail(read.error());
  run->db.reset();
  auto store = AuditStore::Open(config->db_path, AuditStore::Mode::kReadWrite);
  if (!store) return Fail(store.error());
  if (auto stored = (*store)->Accept(known); !stored) return Fail(stored.error());
  return Print(
      fmt::format("{} findings of run {} are the baseline; only others count from now on\n",
                  known.size(), run->info.id));
}

Result<ExitCode> CommandFindingsTest(const Invocation& invocation) {
  const auto outcome = TestRules(invocation.flags.directory);
  if (!outcome) return Fail(outcome.error());
  if (auto printed = Print(Render(*outcome)); !printed) return printed;
  return outcome->failed.empty() && outcome->untested.empty() ? ExitCode::kDone
                                                              : ExitCode::kFailure;
}

}  // namespace spa
