// Claim: what a SharePoint login name says about its principal (permissions.md 4). Decided by the
// claim alone, never by titles, which are localised and can be edited.
#pragma once

#include <string>
#include <string_view>

#include "core/model.h"

namespace spa {

struct Claim {
  Claim() = default;
  PrincipalType type = PrincipalType::kUnknown;
  std::string directory_id;  // of a group or an application, where the login holds it
  bool owners = false;       // the owners of the M365 group ("…_o"), not its members
  bool known = false;        // the login has one of the known forms
  // What kind of claim it is, in a word; empty where the form is unknown: user, guest,
  // sharepoint_guest (without an object in the directory), anonymous_actor (who came by an
  // anonymous link), anonymous_link, m365_members, m365_owners, directory_group (or role),
  // sid_group, everyone, windows_everyone, everyone_except_external, application, system.
  std::string_view name;
};

Claim ParseClaim(std::string_view login);

// Logins differ in casing from one answer to the next.
bool EqualLogins(std::string_view a, std::string_view b);

// True for the user principal name of a B2B guest ("…#EXT#@…"), in any casing.
bool IsGuestName(std::string_view user_principal_name);

}  // namespace spa
