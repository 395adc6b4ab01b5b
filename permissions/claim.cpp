#include "permissions/claim.h"

#include <algorithm>

#include "core/ascii.h"

namespace spa {
namespace {

struct Form {
  std::string_view prefix;
  PrincipalType type;
  bool holds_id;  // what follows the prefix, up to "@", names the directory object
};

// Longest first where one prefix begins another.
constexpr Form kForms[] = {
    {"i:0#.f|membership|urn:spo:guest#", PrincipalType::kGuest, false},
    {"i:0#.f|membership|urn%3aspo%3aguest#", PrincipalType::kGuest, false},
    {"i:0#.f|membership|urn%3aspo%3aanon#", PrincipalType::kUnknown, false},
    {"i:0#.f|membership|urn:spo:anon#", PrincipalType::kUnknown, false},
    {"i:0#.f|membership|", PrincipalType::kUser, false},
    {"c:0o.c|federateddirectoryclaimprovider|", PrincipalType::kGroup, true},
    {"c:0t.c|tenant|", PrincipalType::kGroup, true},
    {"c:0u.c|tenant|", PrincipalType::kLink, false},
    {"c:0-.f|rolemanager|spo-grid-all-users", PrincipalType::kEveryoneExceptExternal, false},
    {"c:0-.f|rolemanager|s-1-", PrincipalType::kGroup, false},
    {"c:0(.s|true", PrincipalType::kEveryone, false},
    {"c:0!.s|windows", PrincipalType::kEveryone, false},
    {"i:0i.t|ms.sp.ext|", PrincipalType::kApplication, true},
    {"i:0i.t|", PrincipalType::kApplication, false},
};

}  // namespace

Claim ParseClaim(std::string_view login) {
  const std::string lower = AsciiLower(login);
  Claim claim;
  for (const Form& form : kForms) {
    if (!lower.starts_with(form.prefix)) continue;
    claim.known = true;
    claim.type = form.type;
    std::string value = lower.substr(form.prefix.size());
    if (claim.type == PrincipalType::kUser && IsGuestName(value))
      claim.type = PrincipalType::kGuest;
    if (form.holds_id) {
      if (claim.type == PrincipalType::kGroup && value.ends_with("_o")) {
        claim.owners = true;
        value.resize(value.size() - 2);
      }
      claim.directory_id = value.substr(0, value.find('@'));
    }
    return claim;
  }
  return claim;
}

bool EqualLogins(std::string_view a, std::string_view b) {
  return a.size() == b.size() && AsciiLower(a) == AsciiLower(b);
}

bool IsGuestName(std::string_view user_principal_name) {
  return AsciiLower(user_principal_name).find("#ext#") != std::string::npos;
}

}  // namespace spa
