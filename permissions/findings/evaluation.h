// Evaluation: the rules over one run, and the findings they give.
//
// A rule that cannot be evaluated (its data is not there, its SQL is wrong) is told with its reason
// and stops no other. Rules may read, nothing else: an authorizer refuses all but SELECT.
//
// Threads: one.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include "core/config/config.h"
#include "core/sqlite.h"
#include "core/store/audit_store.h"
#include "permissions/findings/rule.h"

namespace spa {

// The built-in rules and those of findings.rules. kUsage for a rule or threshold that is none.
Result<std::vector<Rule>> RulesOf(const FindingsConfig& config);

// Evaluates into the run that the store has under way, after Settle.
Status EvaluateFindings(AuditStore& store, RunNo run, const FindingsConfig& config,
                        const std::vector<Rule>& rules);

// One rule over a database that holds the tables it reads. Why it failed; empty: it did not.
// `use` gets each row as (object, key, severity or empty, evidence as a JSON object). A query that
// works for longer than `time` is broken off.
struct RuleRow {
  RuleRow() = default;
  std::optional<std::int64_t> oid;
  std::string key, severity, message, evidence;
};
std::string ApplyRule(sqlite::Database& db, const Rule& rule,
                      const std::function<void(const RuleRow&)>& use,
                      std::optional<std::chrono::duration<double>> time = std::nullopt);

}  // namespace spa
