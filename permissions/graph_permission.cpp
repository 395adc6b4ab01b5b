#include "permissions/graph_permission.h"

#include <algorithm>

#include "core/ascii.h"
#include "core/encoding.h"
#include "core/graph/json.h"
#include "permissions/claim.h"
#include "permissions/rights.h"

namespace spa {
namespace {

using json::Element;

constexpr std::string_view kNoLink = "00000000-0000-0000-0000-000000000000";

std::string FirstOf(std::initializer_list<std::string_view> texts) {
  for (const std::string_view text : texts) {
    if (!text.empty()) return std::string(text);
  }
  return {};
}

// The login a permission id stands for: base64url without padding of the login or of a site group's
// title. Empty where the id is something else, for example a link's GUID.
std::string LoginOfId(std::string_view id) {
  const auto decoded = Base64UrlDecode(id);
  return decoded && ParseClaim(*decoded).known ? *decoded : std::string();
}

void ReadPrincipal(const Element& identity, Grant& grant) {
  const auto user = json::Find(identity, "user");
  const auto group = json::Find(identity, "group");
  const auto application = json::Find(identity, "application");
  const auto site_user = json::Find(identity, "siteUser");
  auto site_group = json::Find(identity, "sharePointGroup");
  const bool embedded_group = site_group.has_value();
  if (!site_group) site_group = json::Find(identity, "siteGroup");
  const auto text = [](const std::optional<Element>& of, std::string_view key) {
    return of ? json::Text(*of, key) : std::string_view();
  };

  grant.principal_login = FirstOf({text(site_user, "loginName"), text(site_group, "loginName")});
  if (grant.principal_login.empty()) grant.principal_login = LoginOfId(grant.grant_id);
  grant.principal_name = FirstOf({text(user, "displayName"), text(group, "displayName"),
                                  text(application, "displayName"), text(site_group, "displayName"),
                                  text(site_group, "title"), text(site_user, "displayName")});
  grant.principal_email =
      FirstOf({text(user, "email"), text(group, "email"), text(site_user, "email")});
  const std::string directory_id =
      AsciiLower(FirstOf({text(group, "id"), text(user, "id"), text(application, "id")}));

  const Claim claim = ParseClaim(grant.principal_login);
  grant.claim = claim.name;
  if (claim.known) {
    grant.principal_type = claim.type;
    grant.principal_id = claim.directory_id.empty() ? directory_id : claim.directory_id;
    if (claim.type == PrincipalType::kEveryone ||
        claim.type == PrincipalType::kEveryoneExceptExternal) {
      grant.principal_id.clear();
    }
  } else if (site_group) {
    grant.principal_type = PrincipalType::kSiteGroup;
    grant.claim = "site_group";
    grant.principal_id = embedded_group
                             ? FirstOf({text(site_group, "principalId"), text(site_group, "id")})
                             : std::string(text(site_group, "id"));
  } else if (application) {
    grant.principal_type = PrincipalType::kApplication;
    grant.principal_id = directory_id;
  } else if (group) {
    grant.principal_type = PrincipalType::kGroup;
    grant.principal_id = directory_id;
  } else if (user) {
    grant.principal_type = PrincipalType::kUser;
    grant.principal_id = directory_id;
  }
  if (grant.principal_type == PrincipalType::kUser &&
      IsGuestName(text(user, "userPrincipalName"))) {
    grant.principal_type = PrincipalType::kGuest;
    grant.claim = "guest";
  }
}

// Those a link was sent to or who used it: directory ids, and the addresses of those without one.
void ReadPeople(const Element& entry, Grant& grant) {
  std::string_view key =
      json::Has(entry, "grantedToIdentitiesV2") ? "grantedToIdentitiesV2" : "grantedToIdentities";
  json::Each(entry, key, [&](const Element& identity) {
    for (const std::string_view kind : {"user", "group", "siteUser"}) {
      const auto who = json::Find(identity, kind);
      if (!who) continue;
      if (const auto id = json::Text(*who, "id"); !id.empty() && kind != "siteUser") {
        grant.link_people.push_back(AsciiLower(id));
        if (kind == "group") grant.link_groups.push_back(AsciiLower(id));
        return;
      }
      const std::string address =
          FirstOf({json::Text(*who, "email"), json::Text(*who, "loginName")});
      if (!address.empty()) {
        grant.link_invited.push_back(address);
        return;
      }
    }
  });
  std::sort(grant.link_people.begin(), grant.link_people.end());
  std::sort(grant.link_groups.begin(), grant.link_groups.end());
  std::sort(grant.link_invited.begin(), grant.link_invited.end());
}

Role RoleOfLinkType(std::string_view type) {
  if (type == "edit") return Role::kWrite;
  if (type == "view" || type == "review" || type == "embed" || type == "blocksDownload")
    return Role::kRead;
  return Role::kOther;
}

void ReadLink(const Element& entry, const Element& link, Grant& grant) {
  grant.principal_type = PrincipalType::kLink;
  grant.principal_id = grant.grant_id;
  grant.link_scope = json::Text(link, "scope");
  grant.link_type = json::Text(link, "type");
  grant.link_has_password = json::Bool(entry, "hasPassword");
  grant.link_blocks_download = json::Bool(link, "preventsDownload");
  ReadPeople(entry, grant);
  if (grant.role == Role::kOther) grant.role = RoleOfLinkType(grant.link_type);
  if (grant.link_scope == "existingAccess" || grant.grant_id == kNoLink) grant.role = Role::kNone;
}

Grant ReadPermission(const Element& entry) {
  Grant grant;
  grant.source = "graph";
  grant.grant_id = json::Text(entry, "id");
  std::vector<std::string> roles;
  json::Each(entry, "roles", [&](const Element& role) {
    std::string_view word;
    if (role.get_string().get(word) == simdjson::SUCCESS) roles.emplace_back(word);
  });
  grant.role = RoleOfGraph(roles);
  for (const std::string& role : roles) {
    if (std::string level = LevelOfGraph(role); !level.empty())
      grant.levels.push_back(std::move(level));
  }
  // Year 1 is how the service writes "never" (permissions.md 1.3).
  if (const auto expires = json::Text(entry, "expirationDateTime"); !expires.starts_with("0001-")) {
    grant.link_expires_at = expires;
  }
  grant.inherited = json::Find(entry, "inheritedFrom").has_value();

  if (const auto link = json::Find(entry, "link")) {
    ReadLink(entry, *link, grant);
  } else if (const auto v2 = json::Find(entry, "grantedToV2")) {
    ReadPrincipal(*v2, grant);
  } else if (const auto deprecated = json::Find(entry, "grantedTo")) {
    ReadPrincipal(*deprecated, grant);
  } else if (const auto invitation = json::Find(entry, "invitation")) {
    grant.principal_email = json::Text(*invitation, "email");  // Invited, not redeemed: nobody yet.
    grant.principal_name = grant.principal_email;
  } else {
    grant.principal_login = LoginOfId(grant.grant_id);
    const Claim claim = ParseClaim(grant.principal_login);
    grant.principal_type = claim.type;
    grant.principal_id = claim.directory_id;
    grant.claim = claim.name;
  }
  return grant;
}

}  // namespace

Result<Page<Grant>> DecodePermissions(std::string_view body) {
  return DecodePage<Grant>(body, ReadPermission);
}

Result<Page<std::string>> DecodeAppGrantIds(std::string_view body) {
  return DecodePage<std::string>(
      body, [](const Element& entry) { return std::string(json::Text(entry, "id")); });
}

Result<std::vector<Grant>> DecodeAppGrant(std::string_view body) {
  const auto root = json::Parse(body);
  if (!root) return Fail(root.error());
  if (!json::Has(*root, "id") || !json::Has(*root, "roles")) {
    return Fail(ErrorCode::kMalformed, "the answer holds no grant of an application");
  }
  Grant grant = ReadPermission(*root);
  grant.levels.clear();
  json::Each(*root, "roles", [&](const Element& role) {
    std::string_view word;
    if (role.get_string().get(word) == simdjson::SUCCESS) grant.levels.emplace_back(word);
  });
  std::vector<Grant> grants;
  const std::string_view key =
      json::Has(*root, "grantedToIdentitiesV2") ? "grantedToIdentitiesV2" : "grantedToIdentities";
  json::Each(*root, key, [&](const Element& identity) {
    const auto application = json::Find(identity, "application");
    if (!application) return;
    Grant one = grant;
    one.principal_type = PrincipalType::kApplication;
    one.principal_id = json::Text(*application, "id");
    one.principal_name = json::Text(*application, "displayName");
    one.claim = "application";
    grants.push_back(std::move(one));
  });
  if (grants.empty()) grants.push_back(std::move(grant));
  return grants;
}

}  // namespace spa
