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
constexpr int kCustomKind = 0;
constexpr char kAdminLevel[] = "Site collection administrator";

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

// The rights of all bindings together, and the names of those that give any. Where none does, the
// row is evidence alone, and the names say of what.
void ReadBindings(const Element& entry, Grant& grant) {
  std::uint64_t mask = 0;
  bool told = false, custom = false;
  std::vector<std::string> limited;
  json::Each(entry, "RoleDefinitionBindings", [&](const Element& binding) {
    if (const auto permissions = json::Find(binding, "BasePermissions")) {
      const auto high = static_cast<std::uint64_t>(json::Int(*permissions, "High").value_or(0));
      const auto low = static_cast<std::uint64_t>(json::Int(*permissions, "Low").value_or(0));
      mask |= (high << 32) | (low & 0xffffffffu);
      told = true;
    }
    const auto kind = json::Int(binding, "RoleTypeKind");
    const bool gives = kind != kGuestKind && kind != kRestrictedGuestKind;
    (gives ? grant.levels : limited).emplace_back(json::Text(binding, "Name"));
    if (kind == kCustomKind) custom = true;
  });
  grant.role = told ? RoleOfMask(mask) : Role::kOther;
  if (told) grant.rights = mask;
  grant.custom_level = custom;
  if (grant.levels.empty()) grant.levels = std::move(limited);
  std::sort(grant.levels.begin(), grant.levels.end());
}

// `member`: a user, or a group of the directory, as SharePoint knows it.
void ReadPerson(const Element& member, Grant& grant) {
  grant.principal_login = json::Text(member, "LoginName");
  grant.principal_name = json::Text(member, "Title");
  grant.principal_email = json::Text(member, "Email");
  grant.grant_id = Base64Url(grant.principal_login);
  const Claim claim = ParseClaim(grant.principal_login);
  grant.claim = claim.name;
  grant.principal_type = claim.type;
  grant.principal_id = claim.directory_id.empty() ? DirectoryIdOf(member) : claim.directory_id;
  // The old principal of an anonymous link (permissions.md 4).
  if (claim.type == PrincipalType::kLink) grant.link_scope = "anonymous";
}

// `member`: a principal of the site, a group of its own included.
void ReadGrantee(const Element& member, const std::string& number, Grant& grant) {
  ReadPerson(member, grant);
  if (json::Int(member, "PrincipalType") != kSharePointGroup) return;
  grant.principal_type = PrincipalType::kSiteGroup;
  grant.principal_id = number;
  grant.claim = "site_group";
  grant.link_scope.clear();
}

Grant ReadAssignment(const Element& entry) {
  Grant grant;
  grant.source = "rest";
  ReadBindings(entry, grant);
  const std::string number = Number(entry, "PrincipalId");
  if (const auto member = json::Find(entry, "Member")) {
    ReadGrantee(*member, number, grant);
  } else {
    grant.principal_id = number;
  }
  return grant;
}

Member ReadMember(const Element& entry) {
  Member member;
  member.login = json::Text(entry, "LoginName");
  member.name = json::Text(entry, "Title");
  member.email = json::Text(entry, "Email");
  const Claim claim = ParseClaim(member.login);
  member.claim = claim.name;
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

bool IsGuid(std::string_view lower) {
  constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  if (lower.size() != kForm.size()) return false;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const char c = lower[i];
    const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (kForm[i] == '-' ? c != '-' : !digit) return false;
  }
  return true;
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

Result<Page<SitePrincipal>> DecodeSitePrincipals(std::string_view body) {
  return DecodePage<SitePrincipal>(body, [](const Element& entry) {
    SitePrincipal one;
    one.number = Number(entry, "Id");
    one.as_grantee.source = "rest";
    ReadGrantee(entry, one.number, one.as_grantee);
    return one;
  });
}

Result<Page<Grant>> DecodeSiteAdmins(std::string_view body) {
  auto page = DecodePage<Grant>(body, [](const Element& entry) {
    Grant grant;
    grant.source = "rest";
    ReadPerson(entry, grant);
    // The filter may be overlooked: siteusers holds everybody who was ever named.
    const bool admin = json::Bool(entry, "IsSiteAdmin").value_or(false);
    grant.role = admin ? Role::kOwner : Role::kNone;
    grant.levels = {kAdminLevel};
    return grant;
  });
  if (page) std::erase_if(page->items, [](const Grant& g) { return g.role == Role::kNone; });
  return page;
}

Result<Page<RestList>> DecodeRestLists(std::string_view body) {
  return DecodePage<RestList>(body, [](const Element& entry) {
    RestList list;
    list.id = AsciiLower(json::Text(entry, "Id"));
    list.owns_scope = json::Bool(entry, "HasUniqueRoleAssignments").value_or(true);
    list.item_count = json::Int(entry, "ItemCount").value_or(-1);
    list.read_security = json::Int(entry, "ReadSecurity").value_or(0);
    list.write_security = json::Int(entry, "WriteSecurity").value_or(0);
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
    group.members_edit = json::Bool(entry, "AllowMembersEditMembership");
    group.auto_accept = json::Bool(entry, "AutoAcceptRequestToJoinLeave");
    whole = json::Each(entry, "Users",
                       [&](const Element& user) { group.members.push_back(ReadMember(user)); }) &&
            whole;
    return group;
  });
  if (page && !whole) return Fail(ErrorCode::kMalformed, "the answer lacks members of site groups");
  return page;
}

Result<std::string> DecodeTitle(std::string_view body) {
  const auto root = json::Parse(body);
  if (!root) return Fail(root.error());
  if (!json::Has(*root, "Title")) return Fail(ErrorCode::kMalformed, "the answer has no title");
  return std::string(json::Text(*root, "Title"));
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
  constexpr std::string_view kKinds[] = {"organizationview", "organizationedit", "anonymousview",
                                         "anonymousedit", "flexible"};
  const bool known =
      std::find(std::begin(kKinds), std::end(kKinds), parts.kind) != std::end(kKinds);
  if (!known || !IsGuid(parts.item_unique_id) || !IsGuid(parts.link_id)) return std::nullopt;
  return parts;
}

}  // namespace spa
