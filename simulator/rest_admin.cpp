// SharePoint's administration: what a site lets people share (permissions.md 3.8). On loopback the
// host of the sites is that of the administration, too.
#include <fmt/format.h>

#include "simulator/graph_service.h"
#include "simulator/json_out.h"
#include "simulator/rest_service.h"
#include "simulator/sharing.h"

namespace spa::sim {
namespace {

constexpr char kNoId[] = "00000000-0000-0000-0000-000000000000";

}  // namespace

// /_api/SPO.Tenant/sites('GUID')
Response RestService::Admin(const Request& request, const Steps& steps) {
  const std::string& mode = t_.spec().wire.admin_api;
  const auto refuse = [](Response response) {
    response.route = "rest site properties";
    return response;
  };
  if (mode == "refused") {
    return refuse(RestError(t_.spec().wire.rest_refuses_401 ? 401 : 403,
                            "-2147024891, System.UnauthorizedAccessException",
                            "Attempted to perform an unauthorized operation."));
  }
  const bool site = steps.size() == 1 && steps[0].name == "sites" && !steps[0].argument.empty();
  if (mode == "absent" || !site) {
    return refuse(RestError(404, "-1, Microsoft.SharePoint.Client.ResourceNotFoundException",
                            "Cannot find resource for the request SPO.Tenant."));
  }
  const auto number = ParseGuid(steps[0].argument) ? t_.FindWeb(steps[0].argument) : std::nullopt;
  if (!number || t_.webs()[*number].parent >= 0) {
    return refuse(RestError(404, "-1, Microsoft.Online.SharePoint.Common.SpoNoSiteException",
                            "Cannot get site."));
  }
  const Web& root = t_.webs()[*number];
  const bool all = SelectsAll(request);
  const auto wants = [&](const char* lower) { return all || Selects(request, lower); };
  std::string group;
  for (const Principal& admin : root.admins) {
    if (admin.kind == Principal::Kind::kGroupOwners) {
      group = t_.directory().groups()[admin.number].id;
    }
  }
  const std::string label = SiteLabel(t_, root);
  Response response;
  response.route = "rest site properties";
  JsonOut json(response.body);
  json.Open('{');
  if (wants("groupid")) json.Field("GroupId", group.empty() ? kNoId : group);
  if (wants("isteamschannelconnected")) json.Field("IsTeamsChannelConnected", root.channel);
  if (wants("lockstate")) json.Field("LockState", "Unlock");
  if (wants("sensitivitylabel")) json.Field("SensitivityLabel", label.empty() ? kNoId : label);
  if (wants("sharingcapability")) json.Field("SharingCapability", SiteSharing(t_, root));
  if (wants("siteid")) json.Field("SiteId", Text(root.site_id));
  if (wants("url")) json.Field("Url", request.Origin() + root.path);
  json.Close('}');
  return response;
}

}  // namespace spa::sim
