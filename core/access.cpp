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

std::string_view Name(Bound bound) { return bound == Bound::kExact ? "exact" : "lower"; }

}  // namespace spa
