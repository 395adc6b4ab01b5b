// What was concluded from a run, and what people decided about it.
#include "core/clock.h"
#include "core/store/sqlite_store.h"

namespace spa {

std::optional<Severity> FindingCounts::worst() const {
  for (int i = 4; i >= 0; --i) {
    if (open[i] > 0) return static_cast<Severity>(i);
  }
  return std::nullopt;
}

Status SqliteStore::Conclude(const std::function<Status(sqlite::Database& db)>& conclude) {
  if (auto begun = StartWrite(); !begun) return begun;
  db_->Get("DELETE FROM finding WHERE run = ?").Bind(run_).Run();
  db_->Get("DELETE FROM applied_rule WHERE run = ?").Bind(run_).Run();
  if (auto begun = EndWrite("forgetting old findings"); !begun) return begun;
  concluding_ = true;
  auto concluded = conclude(*db_);
  concluding_ = false;
  if (auto ended = EndWrite("concluding findings"); !ended) return ended;
  return concluded;
}

Status SqliteStore::PutFinding(const Finding& finding) {
  if (auto begun = StartWrite(); !begun) return begun;
  db_->Get("INSERT OR IGNORE INTO finding VALUES (?, ?, ?, ?, ?, ?, ?)")
      .Bind(run_, finding.id, finding.rule, Name(finding.severity), finding.oid, finding.message,
            finding.evidence)
      .Run();
  return EndWrite("storing a finding");
}

Status SqliteStore::PutRule(const AppliedRule& rule) {
  if (auto begun = StartWrite(); !begun) return begun;
  db_->Get("INSERT OR REPLACE INTO applied_rule VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
      .Bind(run_, rule.id, rule.name, Name(rule.severity), rule.remedy, Name(rule.state),
            rule.reason, rule.custom)
      .Run();
  return EndWrite("storing how a rule was applied");
}

Result<FindingCounts> SqliteStore::CountFindings(RunNo run) {
  FindingCounts counts;
  sqlite::Statement rows(*db_, R"sql(
    SELECT f.severity, a.finding IS NOT NULL AND coalesce(a.until >= date('now'), 1) AS accepted,
           count(*)
    FROM finding f LEFT JOIN acceptance a ON a.finding = f.id WHERE f.run = ? GROUP BY 1, 2)sql");
  rows.Bind(run);
  while (rows.Step()) {
    if (rows.Int(1) != 0) {
      counts.accepted += rows.Int(2);
    } else {
      counts.open[static_cast<int>(SeverityNamed(rows.Text(0)).value_or(Severity::kInfo))] +=
          rows.Int(2);
    }
  }
  sqlite::Statement rules(*db_,
                          "SELECT id, reason FROM applied_rule WHERE run = ? "
                          "AND state = 'not_evaluated' ORDER BY id");
  rules.Bind(run);
  while (rules.Step()) counts.not_evaluated.emplace_back(rules.String(0), rules.String(1));
  if (auto read = db_->Check("counting findings"); !read) return Fail(read.error());
  return counts;
}

Status SqliteStore::Accept(std::span<const Acceptance> accepted) {
  db_->Exec("BEGIN IMMEDIATE");
  const std::string now = UtcText(std::chrono::system_clock::now());
  for (const Acceptance& one : accepted) {
    const auto until = one.until.empty() ? std::nullopt : std::optional(one.until);
    // A baseline is no decision: what somebody decided stands before it.
    db_->Get(
           "INSERT INTO acceptance(finding, owner, reason, until, baseline, accepted_at) "
           "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT(finding) DO UPDATE SET owner = excluded.owner, "
           "reason = excluded.reason, until = excluded.until, baseline = excluded.baseline, "
           "accepted_at = excluded.accepted_at "
           "WHERE NOT excluded.baseline OR coalesce(until < date('now'), 0)")
        .Bind(one.finding, one.owner, one.reason, until, one.baseline, now)
        .Run();
  }
  db_->Exec("COMMIT");
  auto stored = db_->Check("storing what was accepted");
  if (!stored) sqlite3_exec(db_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  return stored;
}

Status SqliteStore::Reopen(std::span<const std::string> findings) {
  db_->Exec("BEGIN IMMEDIATE");
  for (const std::string& id : findings) {
    db_->Get("DELETE FROM acceptance WHERE finding = ?").Bind(id).Run();
  }
  db_->Exec("COMMIT");
  auto stored = db_->Check("reopening findings");
  if (!stored) sqlite3_exec(db_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  return stored;
}

}  // namespace spa
