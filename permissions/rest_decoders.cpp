#include "permissions/rest_decoders.h"

#include <algorithm>

#include "core/ascii.h"
#include "core/encoding.h"
#include "core/graph/json.h"
#include "permissions/claim.h"
#include "permissions/rights.h"

namespace spa {
namespace {

using json::Element;

constexpr int kSharePointGroup = 8;                      // PrincipalType (permissions.md 3.5)
constexpr int kGuestKind = 1, kRestrictedGuestKind = 9;  // RoleTypeKind of Limited Access

// {"NameId": "…"} or the id itself.
std::string DirectoryIdOf(const Element& entry) {
  const auto id = json::Find(entry, "AadObjectId");
  if (!id) return {};
  std::string_view text;
  if (id->get_string().get(text) == simdjson::SUCCESS) return AsciiLower(text);
  return AsciiLower(json::Text(*id, "NameId"));
}

std::string Number(const Element& entry, std::string_view key) {
  const auto number = json::Int(entry, key);
  return number ? std::to_string(*number) : std::string();
}

// The rights of all bindings together, and the names of those that give any.
void ReadBindings(const Element& entry, Grant& grant) {
  std::uint64_t mask = 0;
  bool told = false;
  json::Each(entry, "RoleDefinitionBindings", [&](const Element& binding) {
    if (const auto permissions = json::Find(binding, "BasePermissions")) {
      const auto high = static_cast<std::uint64_t>(json::Int(*permissions, "High").value_or(0));
      const auto low = static_cast<std::uint64_t>(json::Int(*permissions, "Low").value_or(0));
      mask |= (high << 32) | (low & 0xffffffffu);
      told = true;
    }
    const auto kind = json::Int(binding, "RoleTypeKind").value_or(0);
    if (kind != kGuestKind && kind != kRestrictedGuestKind) {
      grant.levels.emplace_back(json::Text(binding, "Name"));
    }
  });
  grant.role = told ? RoleOfMask(mask) : Role::kOther;
  std::sort(grant.levels.begin(), grant.levels.end());
}

Grant ReadAssignment(const Element& entry) {
  Grant grant;
  grant.source = "rest";
  ReadBindings(entry, grant);
  const auto member = json::Find(entry, "Member");
  const std::string number = Number(entry, "PrincipalId");
  if (!member) {
    grant.principal_id = number;
    return grant;
  }
  grant.principal_login = json::Text(*member, "LoginName");
  grant.principal_name = json::Text(*member, "Title");
  grant.principal_email = json::Text(*member, "Email");
  grant.grant_id = Base64Url(grant.principal_login);
  if (json::Int(*member, "PrincipalType") == kSharePointGroup) {
    grant.principal_type = PrincipalType::kSiteGroup;
    grant.principal_id = number;
    if (const auto link = ParseLinkGroup(grant.principal_name, json::Text(*member, "OwnerTitle"))) {
      grant.principal_type = PrincipalType::kLink;
      grant.principal_id = link->link_id;
      grant.grant_id = link->link_id;
      if (link->kind.starts_with("anonymous")) grant.link_scope = "anonymous";
      if (link->kind.starts_with("organization")) grant.link_scope = "organization";
    }
    return grant;
  }
  const Claim claim = ParseClaim(grant.principal_login);
  grant.principal_type = claim.type;
  grant.principal_id = claim.directory_id.empty() ? DirectoryIdOf(*member) : claim.directory_id;
  return grant;
}

Member ReadMember(const Element& entry) {
  Member member;
  member.login = json::Text(entry, "LoginName");
  member.name = json::Text(entry, "Title");
  member.email = json::Text(entry, "Email");
  const Claim claim = ParseClaim(member.login);
  member.id = claim.directory_id.empty() ? DirectoryIdOf(entry) : claim.directory_id;
  switch (claim.type) {
    case PrincipalType::kUser:
      member.kind = "user";
      member.user_type = "member";
      break;
    case PrincipalType::kGuest:
      member.kind = "user";
      member.user_type = "guest";
      break;
    case PrincipalType::kGroup:
      member.kind = claim.owners ? "group_owners" : "group";
      break;
    default:
      member.kind = Name(claim.type);
  }
  return member;
}

}  // namespace

Result<bool> DecodeFlag(std::string_view body) {
  const auto root = json::Parse(body);
  if (!root) return Fail(root.error());
  const auto value = json::Bool(*root, "value");
  if (!value) return Fail(ErrorCode::kMalformed, "the answer holds no true or false");
  return *value;
}

Result<Page<Grant>> DecodeRoleAssignments(std::string_view body) {
  return DecodePage<Grant>(body, ReadAssignment);
}

Result<Page<RestList>> DecodeRestLists(std::string_view body) {
  return DecodePage<RestList>(body, [](const Element& entry) {
    RestList list;
    list.id = AsciiLower(json::Text(entry, "Id"));
    list.owns_scope = json::Bool(entry, "HasUniqueRoleAssignments").value_or(true);
    list.item_count = json::Int(entry, "ItemCount").value_or(-1);
    return list;
  });
}

Result<Page<RestSiteGroup>> DecodeSiteGroups(std::string_view body) {
  bool whole = true;
  auto page = DecodePage<RestSiteGroup>(body, [&](const Element& entry) {
    RestSiteGroup group;
    group.id = Number(entry, "Id");
    group.title = json::Text(entry, "Title");
    group.owner_title = json::Text(entry, "OwnerTitle");
    whole = json::Each(entry, "Users",
                       [&](const Element& user) { group.members.push_back(ReadMember(user)); }) &&
            whole;
    return group;
  });
  if (page && !whole) return Fail(ErrorCode::kMalformed, "the answer lacks members of site groups");
  return page;
}

std::optional<LinkGroupTitle> ParseLinkGroup(std::string_view title, std::string_view owner_title) {
  return AsciiLower(owner_title) == "system account" ? ParseLinkGroup(title) : std::nullopt;
}

std::optional<LinkGroupTitle> ParseLinkGroup(std::string_view title) {
  constexpr std::string_view kPrefix = "sharinglinks.";
  const std::string lower = AsciiLower(title);
  if (!lower.starts_with(kPrefix)) return std::nullopt;
  const auto first = lower.find('.', kPrefix.size());
  const auto second = first == std::string::npos ? first : lower.find('.', first + 1);
  if (second == std::string::npos) return std::nullopt;
  LinkGroupTitle parts;
  parts.item_unique_id = lower.substr(kPrefix.size(), first - kPrefix.size());
  parts.kind = lower.substr(first + 1, second - first - 1);
  parts.link_id = lower.substr(second + 1);
  return parts;
}

}  // namespace spa
