#include "permissions/rights.h"

#include <algorithm>

#include "core/ascii.h"

namespace spa {
namespace {

constexpr std::uint64_t kViewListItems = 0x1;
constexpr std::uint64_t kAddEditDeleteListItems = 0x2 | 0x4 | 0x8;
constexpr std::uint64_t kManagePermissions = 0x2000000;

struct Word {
  std::string_view text;
  Role role;
  bool begins = false;  // also longer words that begin so
};

// Custom levels come under their own names and may begin like a known word: only the families of
// permissions.md 1.4 are taken by their beginning.
constexpr Word kWords[] = {
    {"sp.limited access", Role::kNone},
    {"sp.web-only limited access", Role::kNone},
    {"sp.full control", Role::kOwner},
    {"fullcontrol", Role::kOwner},
    {"owner", Role::kOwner},
    {"sp.manage", Role::kWrite, true},
    {"manage", Role::kWrite},
    {"write", Role::kWrite},
    {"sp.contribute", Role::kWrite},
    {"sp.edit", Role::kWrite},
    {"sp.design", Role::kWrite},
    {"sp.approve", Role::kWrite},
    {"read", Role::kRead},
    {"sp.read", Role::kRead},
    {"sp.view only", Role::kRead},
    {"sp.restricted", Role::kRead, true},
};

Role RoleOfWord(std::string_view word) {
  const std::string lower = AsciiLower(word);
  for (const Word& known : kWords) {
    if (lower == known.text || (known.begins && lower.starts_with(known.text))) return known.role;
  }
  return Role::kOther;
}

}  // namespace

int Strength(Role role) {
  switch (role) {
    case Role::kNone:
      return 0;
    case Role::kOther:
      return 1;
    case Role::kRead:
      return 2;
    case Role::kWrite:
      return 3;
    case Role::kOwner:
      return 4;
  }
  return 0;
}

Role RoleOfMask(std::uint64_t mask) {
  if (mask & kManagePermissions) return Role::kOwner;
  if (mask & kAddEditDeleteListItems) return Role::kWrite;
  if (mask & kViewListItems) return Role::kRead;
  return Role::kNone;
}

Role RoleOfGraph(std::span<const std::string> roles) {
  if (roles.empty()) return Role::kOther;
  Role strongest = Role::kNone;
  for (const std::string& word : roles) {
    const Role role = RoleOfWord(word);
    if (Strength(role) > Strength(strongest)) strongest = role;
  }
  return strongest;
}

std::string LevelOfGraph(std::string_view role) {
  return AsciiLower(role.substr(0, 3)) == "sp." ? std::string(role.substr(3)) : std::string();
}

}  // namespace spa
