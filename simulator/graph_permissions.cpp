#include <fmt/format.h>

#include <algorithm>

#include "simulator/graph_service.h"
#include "simulator/json_out.h"
#include "simulator/principals.h"

namespace spa::sim {
namespace {

using Kind = Principal::Kind;

constexpr char kExistingAccess[] = "00000000-0000-0000-0000-000000000000";

// permissions.md 1.3: the directory's view beside the site's view.
void WriteIdentity(JsonOut& json, const SimulatedTenant& tenant, const Web& web,
                   const Principal& who) {
  const Face face = FaceOf(tenant, web, who);
  json.Open('{');
  if (who.kind == Kind::kSiteGroup) {
    json.Open("siteGroup", '{').Field("displayName", face.title);
    json.Field("id", std::to_string(face.site_number)).Field("loginName", face.login).Close('}');
    json.Close('}');
    return;
  }
  const bool group = who.kind == Kind::kGroup || who.kind == Kind::kGroupOwners;
  json.Open(group ? "group" : "user", '{');
  json.Field("@odata.type", "#microsoft.graph.sharePointIdentity");
  json.Field("displayName", face.title);
  if (!face.email.empty()) json.Field("email", face.email);
  if (!face.directory_id.empty()) json.Field("id", face.directory_id);
  json.Close('}');
  json.Open("siteUser", '{').Field("displayName", face.title);
  if (!face.email.empty()) json.Field("email", face.email);
  json.Field("id", std::to_string(face.site_number)).Field("loginName", face.login);
  json.Close('}').Close('}');
}

// The deprecated twin knows users alone; a group stands under `user`.
void WriteTwin(JsonOut& json, const SimulatedTenant& tenant, const Web& web, const Principal& who) {
  const Face face = FaceOf(tenant, web, who);
  json.Open('{').Open("user", '{').Field("displayName", face.title);
  if (!face.email.empty()) json.Field("email", face.email);
  if (!face.directory_id.empty()) json.Field("id", face.directory_id);
  json.Close('}').Close('}');
}

}  // namespace

Response GraphService::Permissions(const Request& request, const Library& library,
                                   std::uint32_t item) {
  const std::uint32_t owner = t_.ScopeOf(library, item);
  if (item > 0 && Unit(Hash(library.seed, item, 81)) < t_.spec().wire.permissions_404_rate) {
    Response gone = GraphError(404, "itemNotFound", "The resource could not be found.");
    gone.units = 5;
    gone.route = "graph permissions";
    return gone;
  }
  const Acl acl = t_.EffectiveAcl(library, item);
  const auto page = static_cast<std::size_t>(t_.spec().wire.permissions_page);
  const std::size_t first = std::min<std::size_t>(
      acl.entries.size(),
      std::strtoul(std::string(request.Query("$skiptoken")).c_str(), nullptr, 10));
  const std::size_t end = std::min(acl.entries.size(), first + page);
  Response response;
  response.units = 5;
  response.route = "graph permissions";
  JsonOut json(response.body);
  json.Open('{').Field(
      "@odata.context",
      fmt::format("{}/v1.0/$metadata#drives('{}')/items('{}')/permissions", request.Origin(),
                  PercentEncode(library.drive_id), t_.ItemId(library, item)));
  json.Open("value", '[');
  const bool own = owner == item && (item > 0 || library.unique);
  for (std::size_t i = first; i < end; ++i) {
    const Entry& entry = acl.entries[i];
    WritePermission(json, request, library, acl, entry, !own || entry.copied);
  }
  if (acl.existing_access && end == acl.entries.size()) {
    json.Open('{').Field("id", kExistingAccess).Open("roles", '[').String("read").Close(']');
    json.Field("expirationDateTime", "0001-01-01T00:00:00Z");
    std::string url = SiteOrigin(request);
    t_.AppendPath(url, library, item);
    json.Open("link", '{').Field("scope", "existingAccess").Field("type", "view");
    json.Field("webUrl", url + "?d=w1").Close('}').Close('}');
  }
  json.Close(']');
  if (end < acl.entries.size()) {
    json.Field("@odata.nextLink",
               fmt::format("{}/drives/{}/items/{}/permissions?$skiptoken={}", Base(request),
                           library.drive_id, t_.ItemId(library, item), end));
  }
  json.Close('}');
  return response;
}

void GraphService::WritePermission(JsonOut& json, const Request& request, const Library& library,
                                   const Acl& acl, const Entry& entry, bool inherited) const {
  const Web& web = t_.webs()[library.web];
  const WireSpec& wire = t_.spec().wire;
  const bool is_link = entry.who.kind == Kind::kLink;
  const Link* link = is_link ? &acl.links[entry.who.number] : nullptr;
  const std::string id = is_link ? link->id : Base64Url(FaceOf(t_, web, entry.who).login);
  json.Open('{').Field("id", id).Open("roles", '[');
  if (Unit(HashText(id)) >= wire.empty_roles_rate) json.String(GraphRole(entry.levels));
  json.Close(']');
  if (inherited && wire.inherited_from != "absent") {
    json.Open("inheritedFrom", '{');
    if (wire.inherited_from == "full") {
      json.Field("driveId", library.drive_id).Field("id", t_.ItemId(library, 0)).Field("path", "/");
    }
    json.Close('}');
  }
  if (!is_link) {
    json.Key("grantedToV2");
    WriteIdentity(json, t_, web, entry.who);
    if (wire.deprecated_twins) {
      json.Key("grantedTo");
      WriteTwin(json, t_, web, entry.who);
    }
    json.Close('}');
    return;
  }
  json.Field("hasPassword", link->password);
  if (!link->expires.empty()) json.Field("expirationDateTime", link->expires);
  json.Open("grantedToIdentitiesV2", '[');
  for (const Principal& who : link->people) WriteIdentity(json, t_, web, who);
  json.Close(']');
  if (wire.deprecated_twins) {
    json.Open("grantedToIdentities", '[');
    for (const Principal& who : link->people) WriteTwin(json, t_, web, who);
    json.Close(']');
  }
  const std::string url = fmt::format("{}/:w:/s/{}/E{}", SiteOrigin(request),
                                      PercentEncode(web.name), Base64Url(link->id));
  json.Field("shareId", "u!" + Base64Url(url));
  json.Open("link", '{').Field("scope", link->scope).Field("type", link->type);
  json.Field("webUrl", url).Field("preventsDownload", link->no_download).Close('}');
  json.Close('}');
}

// Application grants alone, and without roles in the collection (permissions.md 2.1). An
// application must hold Sites.FullControl.All to see them.
Response GraphService::SitePermissions(const Request& request, const Web& web,
                                       const Segments& rest) {
  Response response;
  response.units = 5;
  response.route = "graph site permissions";
  const auto& held = t_.spec().wire.roles;
  if (std::find(held.begin(), held.end(), "Sites.FullControl.All") == held.end()) {
    Response refused = GraphError(403, "accessDenied", "Access denied");
    refused.units = response.units;
    refused.route = response.route;
    return refused;
  }
  const auto& apps = t_.webs()[web.collection].apps;
  JsonOut json(response.body);
  const auto write = [&](const AppGrant& app, bool roles) {
    json.Field("id", Base64Url(AppLogin(t_, app)));
    if (roles) json.Open("roles", '[').String(app.role).Close(']');
    json.Open("grantedToIdentitiesV2", '[').Open('{').Open("application", '{');
    json.Field("displayName", app.name).Field("id", app.app_id);
    json.Close('}').Close('}').Close(']');
  };
  const std::string context = fmt::format("{}/v1.0/$metadata#sites('{}')/permissions",
                                          request.Origin(), PercentEncode(web.id));
  json.Open('{');
  if (rest.size() == 1) {
    json.Field("@odata.context", context).Open("value", '[');
    for (const AppGrant& app : apps) {
      json.Open('{');
      write(app, false);
      json.Close('}');
    }
    json.Close(']').Close('}');
    return response;
  }
  for (const AppGrant& app : apps) {
    if (Base64Url(AppLogin(t_, app)) != rest[1]) continue;
    json.Field("@odata.context", context + "/$entity");
    write(app, true);
    json.Close('}');
    return response;
  }
  Response missing = GraphError(404, "itemNotFound", "The permission does not exist.");
  missing.units = response.units;
  missing.route = response.route;
  return missing;
}

}  // namespace spa::sim
