#include "permissions/directory_group.h"

#include "core/ascii.h"
#include "core/graph/json.h"
#include "permissions/claim.h"

namespace spa {
namespace {

std::string UserType(const json::Element& entry, const std::string& login) {
  std::string type = AsciiLower(json::Text(entry, "userType"));
  if (type.empty() && IsGuestName(login)) type = "guest";
  return type;
}

DirectoryObject ReadPrincipal(const json::Element& entry) {
  DirectoryObject principal;
  principal.id = AsciiLower(json::Text(entry, "id"));
  principal.name = json::Text(entry, "displayName");
  principal.login = json::Text(entry, "userPrincipalName");
  principal.email = json::Text(entry, "mail");
  principal.user_type = UserType(entry, principal.login);
  principal.account_enabled = json::Bool(entry, "accountEnabled");
  principal.external_state = json::Text(entry, "externalUserState");
  principal.external_since = json::Text(entry, "externalUserStateChangeDateTime");
  principal.deleted_at = json::Text(entry, "deletedDateTime");
  json::Each(entry, "groupTypes", [&](const json::Element& type) {
    std::string_view word;
    if (type.get_string().get(word) == simdjson::SUCCESS) principal.group_types.emplace_back(word);
  });
  principal.visibility = json::Text(entry, "visibility");
  return principal;
}

}  // namespace

Result<Page<Member>> DecodeMembers(std::string_view body) {
  return DecodePage<Member>(body, [](const json::Element& entry) {
    Member member;
    member.id = AsciiLower(json::Text(entry, "id"));
    const std::string_view type = json::Text(entry, "@odata.type");
    member.kind = type.substr(type.rfind('.') + 1);
    member.name = json::Text(entry, "displayName");
    member.login = json::Text(entry, "userPrincipalName");
    member.email = json::Text(entry, "mail");
    member.user_type = UserType(entry, member.login);
    member.account_enabled = json::Bool(entry, "accountEnabled");
    member.external_state = json::Text(entry, "externalUserState");
    member.external_since = json::Text(entry, "externalUserStateChangeDateTime");
    return member;
  });
}

Result<DirectoryObject> DecodePrincipal(std::string_view body) {
  const auto root = json::Parse(body);
  if (!root) return Fail(root.error());
  DirectoryObject principal = ReadPrincipal(*root);
  if (principal.id.empty()) return Fail(ErrorCode::kMalformed, "the answer names nobody");
  return principal;
}

Result<Page<DirectoryObject>> DecodePrincipals(std::string_view body) {
  return DecodePage<DirectoryObject>(body, ReadPrincipal);
}

}  // namespace spa
