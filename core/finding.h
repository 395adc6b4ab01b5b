// Finding: something in a run that a rule says should be looked at; and what people decided about
// it. A finding is the same in every run as long as its rule, its object and the principals or
// links it is about are: its id is made of these alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace spa {

enum class Severity { kInfo, kLow, kMedium, kHigh, kCritical };
std::string_view Name(Severity severity);  // "info", "low", …
std::optional<Severity> SeverityNamed(std::string_view name);

struct Finding {
  Finding() = default;
  std::string id;    // 16 hexadecimal digits
  std::string rule;  // "LNK-ANON-EDIT"
  Severity severity = Severity::kInfo;
  std::optional<std::int64_t> oid;  // The object in this database; none: the tenant, or somebody.
  std::string message;              // One line for people.
  std::string evidence;             // A JSON object.
};

// A rule as a run applied it.
struct AppliedRule {
  AppliedRule() = default;
  // kPartly: something the rule asks for is not in the database; what it found stands.
  enum class State { kEvaluated, kPartly, kNotEvaluated };
  std::string id, name, remedy;
  Severity severity = Severity::kInfo;  // Where a finding has none of its own.
  State state = State::kEvaluated;
  std::string reason;  // Why not, or what is missing.
  bool custom = false;
};
std::string_view Name(AppliedRule::State state);  // "evaluated", "partly", "not_evaluated"

// What somebody decided about a finding. It stays visible, and does not count while this is valid.
struct Acceptance {
  Acceptance() = default;
  std::string finding;
  std::string owner, reason;
  std::string until;      // "2026-12-31", to the end of that day in UTC; empty: for good.
  bool baseline = false;  // It was there when a baseline was drawn; nobody looked at it by itself.
};

}  // namespace spa
