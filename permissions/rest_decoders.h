// Decoders of the SharePoint REST answers that permissions reads (permissions.md 3). kMalformed:
// ask again. Levels are decided by masks, principals by claims, never by names (3.3, 4).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/graph/graph_client.h"
#include "core/model.h"

namespace spa {

struct RestList {
  RestList() = default;
  std::string id;  // GUID, lower case
  bool owns_scope = false;
  std::int64_t item_count = -1;
  std::int64_t read_security = 0, write_security = 0;  // 0: not told
};

struct RestSiteGroup {
  RestSiteGroup() = default;
  std::string id;  // number
  std::string title, owner_title;
  std::optional<bool> members_edit, auto_accept;
  std::vector<Member> members;
};

Result<bool> DecodeFlag(std::string_view body);  // {"value": true}
// Without `Member` a grant says its principal's number alone.
Result<Page<Grant>> DecodeRoleAssignments(std::string_view body);
// The users, or the groups, of a site collection.
struct SitePrincipal {
  SitePrincipal() = default;
  std::string number;
  Grant as_grantee;  // without role and levels
};
Result<Page<SitePrincipal>> DecodeSitePrincipals(std::string_view body);
// Of the users of a site collection, its administrators: grants of the site itself, outside any
// permission set.
Result<Page<Grant>> DecodeSiteAdmins(std::string_view body);
Result<Page<RestList>> DecodeRestLists(std::string_view body);
Result<Page<RestSiteGroup>> DecodeSiteGroups(std::string_view body);

// The title of a principal of the site, alone: {"Title": "…"}
Result<std::string> DecodeTitle(std::string_view body);

// Of a hidden link group's title "SharingLinks.{itemUniqueId}.{Kind}.{linkId}"; nothing for others.
// Anyone may give a group such a title: it is a link's only where the group belongs to the system
// account (permissions.md 7.4).
struct LinkGroupTitle {
  LinkGroupTitle() = default;
  std::string item_unique_id, kind, link_id;  // in lower case
};
std::optional<LinkGroupTitle> ParseLinkGroup(std::string_view title);

}  // namespace spa
