#include "report/findings_export.h"

#include "core/store/access_rows.h"
#include "report/exporter.h"

namespace spa {
namespace {

constexpr char kFindings[] = R"sql(
  SELECT f.id, f.rule, w.name, f.severity, f.message, f.evidence, w.remedy,
         CASE WHEN a.finding IS NULL THEN 'open' WHEN a.until < date('now') THEN 'expired'
              WHEN a.baseline THEN 'baseline' ELSE 'accepted' END AS decided,
         (SELECT min(r.started_at) FROM run r CROSS JOIN finding x ON x.run = r.number AND
          x.id = f.id WHERE r.number <= ?1),
         a.owner, a.reason, a.until, f.oid
  FROM finding f JOIN applied_rule w ON w.run = f.run AND w.id = f.rule
  LEFT JOIN acceptance a ON a.finding = f.id
  WHERE f.run = ?1 AND (?2 = '' OR f.rule = ?2) AND (?3 IN ('', 'all') OR decided = ?3)
  ORDER BY CASE f.severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2
           WHEN 'low' THEN 3 ELSE 4 END, f.rule, f.id)sql";

std::optional<std::string_view> OrNull(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

}  // namespace

void EachFinding(sqlite::Database& db, RunNo run, const FindingFilter& filter,
                 const std::function<bool(const ListedFinding&)>& use) {
  AccessRows objects(db, run);
  sqlite::Statement rows(db, kFindings);
  rows.Bind(run, filter.rule, filter.state);
  ListedFinding finding;
  while (rows.Step()) {
    if (SeverityNamed(rows.Text(3)).value_or(Severity::kInfo) < filter.at_least) break;
    int at = 0;
    for (std::string_view* text :
         {&finding.id, &finding.rule, &finding.name, &finding.severity, &finding.message,
          &finding.evidence, &finding.remedy, &finding.state, &finding.first_seen,
          &finding.accepted_by, &finding.accepted_reason, &finding.accepted_until}) {
      *text = rows.Text(at++);
    }
    const auto face = rows.IsNull(at) ? std::nullopt : objects.FaceOf(rows.Int(at));
    finding.object_type = face ? Name(face->type) : std::string_view();
    finding.object_id = face ? face->id : "";
    finding.object_url = face ? face->url : "";
    if (!filter.object.empty() && finding.object_id != filter.object &&
        finding.object_url.find(filter.object) == std::string::npos) {
      continue;
    }
    if (!use(finding)) return;
  }
}

std::vector<AppliedRule> AppliedRules(sqlite::Database& db, RunNo run) {
  using State = AppliedRule::State;
  sqlite::Statement rows(
      db,
      "SELECT id, name, remedy, severity, state, reason, custom FROM applied_rule "
      "WHERE run = ? ORDER BY id");
  rows.Bind(run);
  std::vector<AppliedRule> rules;
  while (rows.Step()) {
    AppliedRule& rule = rules.emplace_back();
    rule.id = rows.String(0);
    rule.name = rows.String(1);
    rule.remedy = rows.String(2);
    rule.severity = SeverityNamed(rows.Text(3)).value_or(Severity::kInfo);
    rule.state = rows.Text(4) == Name(State::kEvaluated) ? State::kEvaluated
                 : rows.Text(4) == Name(State::kPartly)  ? State::kPartly
                                                         : State::kNotEvaluated;
    rule.reason = rows.String(5);
    rule.custom = rows.Int(6) != 0;
  }
  return rules;
}

Status ExportFindings(const ExportOptions& options, int fd) {
  auto opened = Exporter::Open(options,
                               {"finding_id", "rule", "name", "severity", "state", "object_type",
                                "object_id", "object_url", "message", "evidence", "remedy",
                                "first_seen", "accepted_by", "accepted_reason", "accepted_until"},
                               fd);
  if (!opened) return Fail(opened.error());
  Exporter& exporter = **opened;
  const RowFormat& format = exporter.format();
  EachFinding(exporter.db(), exporter.run(), FindingFilter(), [&](const ListedFinding& finding) {
    std::string& out = exporter.BeginRow();
    std::size_t column = 0;
    for (const std::string_view text :
         {finding.id, finding.rule, finding.name, finding.severity, finding.state}) {
      format.Text(out, column++, text);
    }
    for (const std::string_view text : {finding.object_type, std::string_view(finding.object_id),
                                        std::string_view(finding.object_url)}) {
      format.TextOrNull(out, column++, OrNull(text));
    }
    format.Text(out, column++, finding.message);
    format.Json(out, column++, finding.evidence);
    format.Text(out, column++, finding.remedy);
    format.Text(out, column++, finding.first_seen);
    for (const std::string_view text :
         {finding.accepted_by, finding.accepted_reason, finding.accepted_until}) {
      format.TextOrNull(out, column++, OrNull(text));
    }
    exporter.EndRow();
    return !exporter.stopped();
  });
  return exporter.Finish();
}

}  // namespace spa
