#include "core/finding.h"

#include <array>

namespace spa {
namespace {

constexpr std::array<std::string_view, 5> kSeverities = {"info", "low", "medium", "high",
                                                         "critical"};

}  // namespace

std::string_view Name(Severity severity) { return kSeverities[static_cast<std::size_t>(severity)]; }

std::optional<Severity> SeverityNamed(std::string_view name) {
  for (std::size_t i = 0; i < kSeverities.size(); ++i) {
    if (kSeverities[i] == name) return static_cast<Severity>(i);
  }
  return std::nullopt;
}

std::string_view Name(AppliedRule::State state) {
  constexpr std::array<std::string_view, 3> kStates = {"evaluated", "partly", "not_evaluated"};
  return kStates[static_cast<std::size_t>(state)];
}

}  // namespace spa
