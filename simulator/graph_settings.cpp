// What Graph tells of the tenant itself, and of when guests signed in (permissions.md 2.4, 5).
#include <fmt/format.h>

#include <algorithm>

#include "simulator/graph_service.h"
#include "simulator/json_out.h"
#include "simulator/sharing.h"

namespace spa::sim {

bool GraphService::Holds(std::string_view role) const {
  const auto& held = t_.spec().wire.roles;
  return std::find(held.begin(), held.end(), role) != held.end();
}

// /admin/sharepoint/settings
Response GraphService::TenantSettings(const Request& request) {
  const TenantSpec& spec = t_.spec();
  if (!Holds("SharePointTenantSettings.Read.All")) {
    Response refused = GraphError(403, "accessDenied", "Access denied");
    refused.route = "graph tenant settings";
    refused.units = 1;
    return refused;
  }
  Response response;
  response.route = "graph tenant settings";
  response.units = 1;
  JsonOut json(response.body);
  json.Open('{');
  json.Field("@odata.context",
             request.Origin() + "/v1.0/$metadata#admin/sharepoint/settings/$entity");
  if (spec.wire.settings_in_value) json.Open("value", '{');
  json.Field("sharingCapability", spec.sharing_capability);
  json.Field("sharingDomainRestrictionMode", spec.sharing_domain_mode);
  const auto domains = [&](const char* key, const char* mode) {
    json.Open(key, '[');
    if (spec.sharing_domain_mode == mode) {
      for (const std::string& domain : spec.sharing_domains) json.String(domain);
    }
    json.Close(']');
  };
  domains("sharingAllowedDomainList", "allowList");
  domains("sharingBlockedDomainList", "blockList");
  json.Field("isResharingByExternalUsersEnabled", spec.resharing_by_guests);
  json.Field("isRequireAcceptingUserToMatchInvitedUserEnabled", true);
  json.Field("isLegacyAuthProtocolsEnabled", false);
  if (spec.wire.settings_in_value) json.Close('}');
  json.Close('}');
  return response;
}

// /users?$filter=userType eq 'Guest'&$select=id,signInActivity: the one listing there is.
Response GraphService::ListGuests(const Request& request) {
  constexpr char kRoute[] = "directory guests";
  Response response;
  if (Lower(request.Query("$filter")) != "usertype eq 'guest'") {
    response = GraphError(501, "NotImplemented", "Only guests are listed in the simulation.");
  } else if (!Holds("AuditLog.Read.All")) {
    response = GraphError(403, "Authorization_RequestDenied",
                          "Insufficient privileges to complete the operation.");
  } else if (!t_.spec().wire.sign_in_activity) {
    response = GraphError(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
                          "Neither tenant is B2C or tenant doesn't have premium license");
  }
  response.family = Family::kDirectory;
  response.route = kRoute;
  response.units = 2;
  if (response.status != 200) return response;
  const auto page = static_cast<std::size_t>(t_.spec().wire.members_page);
  std::uint32_t next = 0;
  if (const auto token = FromBase64(request.Query("$skiptoken")); token && !token->empty()) {
    next = static_cast<std::uint32_t>(std::strtoul(token->c_str() + 1, nullptr, 10));
  }
  const Directory& directory = t_.directory();
  JsonOut json(response.body);
  json.Open('{').Field("@odata.context", request.Origin() + "/v1.0/$metadata#users");
  json.Open("value", '[');
  std::size_t written = 0;
  for (; next < directory.user_count() && written < page; ++next) {
    if (!directory.IsGuest(next) || directory.IsDeleted(next)) continue;
    ++written;
    json.Open('{').Field("id", directory.UserAt(next).id);
    const std::string last = LastSignIn(t_, next);
    if (!last.empty()) {
      json.Open("signInActivity", '{').Field("lastSignInDateTime", last);
      json.Null("lastNonInteractiveSignInDateTime");
      json.Field("lastSuccessfulSignInDateTime", last).Close('}');
    }
    json.Close('}');
  }
  json.Close(']');
  if (next < directory.user_count()) {
    json.Field(
        "@odata.nextLink",
        fmt::format("{}/users?$filter={}&$select={}&$skiptoken={}", Base(request),
                    PercentEncode(request.Query("$filter")),
                    PercentEncode(request.Query("$select")), Base64Url(fmt::format("R{}", next))));
  }
  json.Close('}');
  return response;
}

}  // namespace spa::sim
