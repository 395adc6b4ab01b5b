// Rule: what a finding is, as data: one query over the views of docs/schema.md and the tables of
// docs/findings.md, and the words around it. The table of our own is rules.cpp.
//
// A row of the query is a finding. Columns with a meaning: `oid` (the object; NULL: none), `key`
// (what tells two findings of the rule about one object apart: a grant, a person), `severity`
// (where it differs from the rule's). All others are its evidence and may stand in `message` as
// {column}. Levels are decided by role, principals by claim, never by titles, which are localised.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/config.h"
#include "core/finding.h"
#include "core/result.h"

namespace spa {

struct Rule {
  std::string id, name;
  Severity severity = Severity::kMedium;
  std::string message, remedy;
  // What the database must hold, by the names of kFacts (facts.cpp): without `needs` the rule is
  // not evaluated, without `wants` partly. Separated by spaces.
  std::string needs, wants;
  std::string sql;
  bool custom = false;
  std::string file;  // Of a rule of one's own: its file's name without ".sql".
};

std::span<const Rule> BuiltInRules();

struct Threshold {
  std::string_view name;
  double value;  // Unless findings.thresholds says otherwise.
  std::string_view help;
};
std::span<const Threshold> Thresholds();

double ThresholdOf(const FindingsConfig& config, std::string_view name);  // a known one

// kUsage for a name that is none, with the nearest one.
Status CheckThresholds(const std::map<std::string, double>& given);

// Rules of one's own: every FILE.sql of the folder, by name. A file begins with comments
// "-- id: …", "-- severity: …" and, as wanted, name, message and remedy, then one SELECT.
// kUsage with the file where one is no rule.
Result<std::vector<Rule>> ReadRules(const std::string& folder);

}  // namespace spa
