// RunChange: one thing that differs between two runs, in words that tables, files and gates share.
//
// Plain data. `before` and `after` say what was and what is: a role, a name, a folder, a state; one
// of them is empty where something came or went.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/finding.h"

namespace spa {

// In the order of all output.
enum class ChangeKind : std::uint8_t {
  kAccessGained,  // somebody reaches the objects behind a permission scope, and did not before
  kAccessLost,
  kAccessChanged,  // with another role
  kLinkCreated,
  kLinkRemoved,
  kLinkChanged,  // another kind, expiry, password, or other people
  kLinkExpired,  // it ran out between the runs
  kGrantAdded,
  kGrantRemoved,
  kGrantChanged,  // other levels
  kScopeBegun,    // an object that inherited has permissions of its own
  kScopeEnded,    // it inherits again
  kMemberJoined,  // directly in the group
  kMemberLeft,
  kPrincipalChanged,  // an account was disabled, enabled or deleted, a group deleted
  kObjectAdded,       // and whatever stands in it
  kObjectRemoved,
  kObjectRenamed,
  kObjectMoved,
  kFindingNew,
  kFindingClosed,
  kFindingChanged,  // another severity
  kNotKnown         // no change: something that one of the runs could not read
};
inline constexpr int kChangeKinds = static_cast<int>(ChangeKind::kNotKnown) + 1;
std::string_view Name(ChangeKind kind);  // "access_gained", …
// What kinds are told together: "access", "links", "grants", "scopes", "members", "principals",
// "objects", "findings", "not_known".
std::string_view SectionOf(ChangeKind kind);

struct RunChange {
  RunChange() = default;
  ChangeKind kind = ChangeKind::kNotKnown;
  // What it happened to: an object, or a group ("group", "group_owners", "site_group").
  std::string object_type, object_id, object_name, object_url;
  std::string principal_kind, principal_id, principal_name;  // whom it concerns
  std::string before, after;
  std::string via;                   // access: by which path
  std::string detail;                // what else there is to say
  std::string finding_id, rule;      // findings
  std::optional<Severity> severity;  // of a finding, as it is now
  bool widens = false;               // access: somebody reaches more than before
};

}  // namespace spa
