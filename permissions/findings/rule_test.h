// Tests of one's own rules: a rule over rows made up for it, and what it must say.
//
// For every FOLDER/RULE.sql the files FOLDER/RULE*.test.json, each an object: "given" maps the
// views and tables the rule reads to lists of rows (a column left out is NULL), "expect" lists the
// findings it must give, no more and no fewer: each an object of columns that must be so ("oid",
// "key", "severity", "message" or a column of the evidence). The order does not matter.
//
// Threads: one. Errors: kUsage with the file for what is no rule or no test.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/result.h"

namespace spa {

struct RuleTestOutcome {
  RuleTestOutcome() = default;
  std::vector<std::string> passed;  // files
  std::vector<std::pair<std::string, std::string>> failed;
  std::vector<std::string> untested;  // rules
};
Result<RuleTestOutcome> TestRules(const std::string& folder);

}  // namespace spa
