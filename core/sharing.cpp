#include "core/sharing.h"

#include <algorithm>

namespace spa {
namespace {

constexpr Sharing kAll[] = {Sharing::kUnknown, Sharing::kOff, Sharing::kExistingGuests,
                            Sharing::kGuests, Sharing::kAnyone};

}  // namespace

std::string_view Name(Sharing sharing) {
  switch (sharing) {
    case Sharing::kUnknown:
      return "unknown";
    case Sharing::kOff:
      return "off";
    case Sharing::kExistingGuests:
      return "existing_guests";
    case Sharing::kGuests:
      return "guests";
    case Sharing::kAnyone:
      return "anyone";
  }
  return "unknown";
}

Sharing SharingNamed(std::string_view name) {
  for (const Sharing each : kAll) {
    if (Name(each) == name) return each;
  }
  return Sharing::kUnknown;
}

Sharing Stricter(Sharing a, Sharing b) {
  if (a == Sharing::kUnknown || b == Sharing::kUnknown) return std::max(a, b);
  return std::min(a, b);
}

}  // namespace spa
