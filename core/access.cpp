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

}  // namespace spa
