#include "simulator/graph_service.h"

#include "simulator/directory.h"
#include "simulator/json_out.h"

namespace spa::sim {
namespace {

std::vector<std::string> Split(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    const auto slash = path.find('/');
    if (slash != 0) segments.push_back(PercentDecode(path.substr(0, slash)));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return segments;
}

}  // namespace

Response GraphError(int status, std::string_view code, std::string_view message) {
  Response response;
  response.status = status;
  JsonOut json(response.body);
  json.Open('{').Open("error", '{').Field("code", code).Field("message", message);
  json.Open("innerError", '{').Field("date", TimeStamp());
  json.Field("request-id", Text(MakeGuid(HashText(message)))).Close('}').Close('}').Close('}');
  return response;
}

std::string SharePointOrigin(const TenantSpec& spec, const Request& request) {
  if (!spec.wire.separate_sharepoint_host) return request.Origin();
  const std::string_view host = request.Header("host");
  const auto colon = host.rfind(':');
  return request.scheme + "://localhost" +
         std::string(colon == std::string_view::npos ? "" : host.substr(colon));
}

Response SiteRefusal(const Web& web) {
  switch (web.state) {
    case SiteState::kOpen:
      return Response();
    case SiteState::kLocked:
      return GraphError(423, "notAllowed", "Access to this site has been blocked.");
    case SiteState::kArchived:
      return GraphError(423, "notAllowed", "This site is archived.");
    case SiteState::kForbidden:
      return GraphError(403, "accessDenied", "Access denied");
    case SiteState::kMissing:
    case SiteState::kDeleted:
      return GraphError(404, "itemNotFound", "Requested site could not be found");
  }
  return Response();
}

bool SelectsAll(const Request& request) { return !request.HasQuery("$select"); }

bool Selects(const Request& request, std::string_view lower_name) {
  const std::string list = Lower(request.Query("$select"));
  std::string_view rest = list;
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    auto name = rest.substr(0, comma);
    while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
    while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
    if (name == lower_name || name == "*") return name == lower_name || lower_name != "system";
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  return false;
}

std::string GraphService::SiteOrigin(const Request& request) const {
  return SharePointOrigin(t_.spec(), request);
}

void GraphService::Reset() {
  const std::lock_guard lock(mutex_);
  gone_.clear();
}

Response GraphService::Handle(const Request& request, const PartHandler& part) {
  std::string_view path = request.path;
  if (path.starts_with("/v1.0")) path.remove_prefix(5);
  const Segments segments = Split(path);
  if (segments.empty()) return GraphError(400, "BadRequest", "Empty path.");
  const std::string& first = segments[0];
  if (first == "$batch") return Batch(request, part);
  if (first == "directoryObjects") return GetByIds(request);
  if (request.method != "GET") {
    return GraphError(405, "BadRequest", "The simulated tenant is read only.");
  }
  if (first == "sites") return Sites(request, segments);
  if (first == "drives") return Drives(request, segments);
  if (first == "groups" || first == "directoryRoles") return Groups(request, segments);
  if (first == "users") return Users(request, segments);
  if (first == "admin" && segments.size() == 3 && segments[1] == "sharepoint" &&
      segments[2] == "settings") {
    return TenantSettings(request);
  }
  if (first == "directory") return DeletedItems(request, segments);
  if (first == "subscribedSkus") return Licences(request);
  if (first.starts_with("applications(")) return Registration(request);
  return GraphError(400, "BadRequest", "Resource not found for the segment '" + first + "'.");
}

}  // namespace spa::sim
