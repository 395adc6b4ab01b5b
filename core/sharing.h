// Sharing: with whom a tenant, or a site in it, lets people share at all (permissions.md 3.8). What
// is stricter comes first; of tenant and site the stricter one holds.
#pragma once

#include <cstdint>
#include <string_view>

namespace spa {

enum class Sharing : std::uint8_t {
  kUnknown,         // Nobody told.
  kOff,             // Nobody from outside, no anonymous link.
  kExistingGuests,  // Guests the directory has already.
  kGuests,          // New guests, too.
  kAnyone,          // Anonymous links, too.
};
std::string_view Name(Sharing sharing);  // "unknown", "off", "existing_guests", "guests", "anyone"
Sharing SharingNamed(std::string_view name);

// Both hold. One that is not known does not narrow the other.
Sharing Stricter(Sharing a, Sharing b);

}  // namespace spa
