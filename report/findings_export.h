// Findings of a run: listed, and exported as rows, as SARIF 2.1.0 (one log) and as OCSF Detection
// Finding (class 2004, version 1.3.0, one JSON object per line).
//
// Order: the gravest first, then by rule, then by the finding's id, which is the same in every
// database that holds the same tenant. Errors: report/export.h. Memory: flat.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/finding.h"
#include "core/sqlite.h"
#include "core/store/audit_store.h"
#include "report/export.h"

namespace spa {

struct FindingFilter {
  FindingFilter() = default;
  Severity at_least = Severity::kInfo;
  std::string rule;    // Empty: all.
  std::string object;  // Part of the object's URL, or its id; empty: all.
  std::string state;   // "open", "accepted", "baseline", "expired", or "all"
};

struct ListedFinding {  // Texts are valid until the next one.
  ListedFinding() = default;
  std::string_view id, rule, name, severity, message, evidence, remedy;
  // "open"; "accepted" or in the "baseline": it does not count; "expired": it was accepted and
  // counts again.
  std::string_view state;
  std::string_view object_type;  // Empty where it is about no object.
  std::string object_id, object_url;
  std::string_view first_seen;  // The start of the first run that found it.
  std::string_view accepted_by, accepted_reason, accepted_until;
  bool open() const { return state == "open" || state == "expired"; }
};

// `use` returns false to stop. The Database remembers errors.
void EachFinding(sqlite::Database& db, RunNo run, const FindingFilter& filter,
                 const std::function<bool(const ListedFinding&)>& use);
// The rules as the run applied them, by id.
std::vector<AppliedRule> AppliedRules(sqlite::Database& db, RunNo run);

// finding_id, rule, name, severity, state, object_type, object_id, object_url, message, evidence,
// remedy, first_seen, accepted_by, accepted_reason, accepted_until. In CSV the evidence is JSON.
Status ExportFindings(const ExportOptions& options, int fd);
Status ExportSarif(const ExportOptions& options, int fd);
Status ExportOcsf(const ExportOptions& options, int fd);

}  // namespace spa
