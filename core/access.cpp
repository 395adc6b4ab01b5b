#include "core/access.h"

namespace spa {

std::string_view Name(Audience audience) {
  switch (audience) {
    case Audience::kAnyone:
      return "anyone";
    case Audience::kOrganization:
      return "organization";
    case Audience::kEveryone:
      return "everyone";
    case Audience::kPerson:
      return "person";
    case Audience::kApplication:
      return "application";
  }
  return "person";
}

std::string_view Name(Bound bound) {
  switch (bound) {
    case Bound::kExact:
      return "exact";
    case Bound::kLower:
      return "lower";
    case Bound::kUpper:
      return "upper";
    case Bound::kOpen:
      return "open";
  }
  return "open";
}

std::string WayText(std::span<const Hop> path) {
  std::string text;
  for (std::size_t i = 1; i < path.size(); ++i) {
    const Hop& hop = path[i];
    const bool person = hop.kind == "user" || hop.kind == "guest";
    if (person && i + 1 == path.size()) continue;
    if (!text.empty()) text += " > ";
    text += hop.kind;
    const std::string_view name = hop.name.empty() ? hop.id : hop.name;
    if (!name.empty() && name != hop.kind) text.append(" ").append(name);
  }
  return text.empty() ? "direct" : text;
}

}  // namespace spa
