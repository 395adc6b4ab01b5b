#include "permissions/claim.h"

#include <algorithm>

#include "core/ascii.h"

namespace spa {
namespace {

struct Form {
  std::string_view prefix;
  PrincipalType type;
  std::string_view name;
  bool holds_id = false;  // what follows the prefix, up to "@", names the directory object
};

// Longest first where one prefix begins another.
constexpr Form kForms[] = {
    {"i:0#.f|membership|urn:spo:guest#", PrincipalType::kGuest, "sharepoint_guest"},
    {"i:0#.f|membership|urn%3aspo%3aguest#", PrincipalType::kGuest, "sharepoint_guest"},
    {"i:0#.f|membership|urn%3aspo%3aanon#", PrincipalType::kUnknown, "anonymous_actor"},
    {"i:0#.f|membership|urn:spo:anon#", PrincipalType::kUnknown, "anonymous_actor"},
    {"i:0#.f|membership|", PrincipalType::kUser, "user"},
    {"c:0o.c|federateddirectoryclaimprovider|", PrincipalType::kGroup, "m365_members", true},
    {"c:0t.c|tenant|", PrincipalType::kGroup, "directory_group", true},
    {"c:0u.c|tenant|", PrincipalType::kLink, "anonymous_link"},
    {"c:0-.f|rolemanager|spo-grid-all-users", PrincipalType::kEveryoneExceptExternal,
     "everyone_except_external"},
    {"c:0-.f|rolemanager|s-1-", PrincipalType::kGroup, "sid_group"},
    {"c:0(.s|true", PrincipalType::kEveryone, "everyone"},
    {"c:0!.s|windows", PrincipalType::kEveryone, "windows_everyone"},
    {"i:0i.t|ms.sp.ext|", PrincipalType::kApplication, "application", true},
    {"i:0i.t|", PrincipalType::kApplication, "system"},
    {"i:0#.w|nt service\\", PrincipalType::kUnknown, "system"},
    {"i:0#.w|nt authority\\", PrincipalType::kUnknown, "system"},
    {"sharepoint\\system", PrincipalType::kUnknown, "system"},
};

}  // namespace

Claim ParseClaim(std::string_view login) {
  const std::string lower = AsciiLower(login);
  Claim claim;
  for (const Form& form : kForms) {
    if (!lower.starts_with(form.prefix)) continue;
    claim.known = true;
    claim.type = form.type;
    claim.name = form.name;
    std::string value = lower.substr(form.prefix.size());
    if (claim.type == PrincipalType::kUser && IsGuestName(value)) {
      claim.type = PrincipalType::kGuest;
      claim.name = "guest";
    }
    if (form.holds_id) {
      if (claim.type == PrincipalType::kGroup && value.ends_with("_o")) {
        claim.owners = true;
        claim.name = "m365_owners";
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
