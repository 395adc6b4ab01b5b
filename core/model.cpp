#include "core/model.h"

namespace spa {

std::string_view Name(ObjectType type) {
  constexpr std::string_view kNames[] = {"site", "library", "folder", "file", "list", "list_item"};
  return kNames[static_cast<int>(type)];
}

std::string_view Name(PrincipalType type) {
  constexpr std::string_view kNames[] = {"user",       "guest",       "group",
                                         "site_group", "everyone",    "everyone_except_external",
                                         "link",       "application", "unknown"};
  return kNames[static_cast<int>(type)];
}

std::string_view Name(Role role) {
  constexpr std::string_view kNames[] = {"none", "read", "write", "owner", "other"};
  return kNames[static_cast<int>(role)];
}

std::string_view Name(ScopeMethod method) {
  constexpr std::string_view kNames[] = {"delta_hierarchy", "rest_unique_flags",
                                         "item_permissions"};
  return kNames[static_cast<int>(method)];
}

std::string_view Name(CoverageState state) {
  constexpr std::string_view kNames[] = {"read",   "inherited",      "skipped",
                                         "denied", "locked",         "throttled",
                                         "failed", "members_hidden", "stale"};
  return kNames[static_cast<int>(state)];
}

std::string_view Name(DirectoryObject::State state) {
  constexpr std::string_view kNames[] = {"present", "deleted", "missing", "unknown"};
  return kNames[static_cast<int>(state)];
}

std::string GroupRef::Key() const {
  switch (kind) {
    case Kind::kMembers:
      return "group:" + id;
    case Kind::kOwners:
      return "group_owners:" + id;
    case Kind::kSiteGroup:
      return "site_group:" + site_id + ":" + id;
  }
  return {};
}

}  // namespace spa
