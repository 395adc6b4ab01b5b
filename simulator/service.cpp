#include "simulator/service.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "simulator/access_truth.h"
#include "simulator/json_out.h"
#include "simulator/mutation.h"

namespace spa::sim {
namespace {

constexpr std::string_view kTokenEnd = "/oauth2/v2.0/token";
constexpr std::string_view kImds = "/metadata/identity/oauth2/token";
constexpr std::string_view kAppService = "/msi/token";

Response Unauthorized(std::string_view message) {
  Response response = GraphError(401, "InvalidAuthenticationToken", message);
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  response.route = "graph refused";
  return response;
}

Response Lines(std::string body) {
  Response response;
  response.content_type = "application/x-ndjson";
  response.body = std::move(body);
  return response;
}

}  // namespace

Family FamilyOf(const Request& request) {
  const std::string_view path = request.path;
  if (path.starts_with("/__sim")) return Family::kControl;
  if (path.starts_with("/v1.0/groups") || path.starts_with("/v1.0/users") ||
      path.starts_with("/v1.0/directoryObjects")) {
    return Family::kDirectory;
  }
  if (path.starts_with("/v1.0")) return Family::kGraph;
  if (path.ends_with(kTokenEnd) || path == kImds || path == kAppService) return Family::kLogin;
  return Family::kSharePoint;
}

Service::Service(SimulatedTenant& tenant)
    : t_(tenant),
      login_(tenant.spec()),
      graph_(tenant),
      rest_(tenant),
      traffic_(tenant.spec().seed, tenant.spec().faults) {}

Response Service::Handle(const Request& request) {
  const Family family = FamilyOf(request);
  if (family == Family::kControl) return Control(request);
  const std::uint64_t number = traffic_.Arrive(request, family);
  Response response;
  {
    const std::shared_lock lock(tenant_mutex_);
    response = Route(request);
  }
  if (response.family != Family::kDirectory) response.family = family;
  traffic_.Judge(request, number, response);
  const std::string id = Text(MakeGuid(Hash(t_.spec().seed, number, 5)));
  response.headers.emplace_back(family == Family::kSharePoint ? "SPRequestGuid" : "request-id", id);
  if (const auto own = request.Header("client-request-id"); !own.empty()) {
    response.headers.emplace_back("client-request-id", std::string(own));
  }
  response.headers.emplace_back("Cache-Control", "no-store, no-cache");
  return response;
}

void Service::Finish(const Request& request, std::size_t bytes) {
  if (FamilyOf(request) != Family::kControl) traffic_.Leave(bytes);
}

Floor Service::floor() {
  const std::shared_lock tenant(tenant_mutex_);
  const std::lock_guard lock(floor_mutex_);
  if (!floor_ || floor_position_ != t_.position()) floor_ = FloorOf(t_);
  floor_position_ = t_.position();
  return *floor_;
}

Result<std::string> Service::Mutate(std::string_view body) {
  const std::unique_lock lock(tenant_mutex_);
  return Mutation(t_).Apply(body);
}

LineStream Service::Guarded(LineStream stream) {
  return [this, stream = std::move(stream)](std::string& piece) {
    const std::shared_lock lock(tenant_mutex_);
    return stream(piece);
  };
}

// {"drives": [ids]}, or nothing for all.
Response Service::ExpireTokens(const Request& request) {
  Response response;
  response.body = "{}";
  const auto ask = nlohmann::json::parse(request.body, nullptr, false);
  if (!ask.is_object() || !ask.contains("drives")) {
    graph_.ExpireTokens(nullptr);
    return response;
  }
  std::vector<std::uint32_t> libraries;
  const std::shared_lock lock(tenant_mutex_);
  for (const auto& id : ask["drives"]) {
    const auto library = id.is_string() ? t_.FindLibrary(id.get<std::string>()) : std::nullopt;
    if (!library) {
      response.status = 400;
      response.body = R"({"error":"there is no such drive"})";
      return response;
    }
    libraries.push_back(*library);
  }
  graph_.ExpireTokens(&libraries);
  return response;
}

Response Service::Route(const Request& request) {
  const std::string_view path = request.path;
  if (path.starts_with("/v1.0/") || path == "/v1.0") return Graph(request);
  if (path.ends_with(kTokenEnd)) {
    return login_.Token(request, PercentDecode(path.substr(1, path.size() - kTokenEnd.size() - 1)));
  }
  if (path == kImds) return login_.ManagedIdentity(request, false);
  if (path == kAppService) return login_.ManagedIdentity(request, true);
  if (path.find("/_api/") != std::string_view::npos || path.ends_with("/_api")) {
    return SharePoint(request);
  }
  Response response;
  response.status = 404;
  response.content_type = "text/html";
  response.body = "<html><body>404 NOT FOUND</body></html>";
  response.family = Family::kSharePoint;
  return response;
}

Response Service::Graph(const Request& request) {
  switch (login_.Check(request, false)) {
    case Bearer::kGood:
    case Bearer::kSecretMade:
      break;
    case Bearer::kMissing:
      return Unauthorized("Access token is empty.");
    case Bearer::kExpired:
      return Unauthorized("Lifetime validation failed, the token is expired.");
    case Bearer::kWrongAudience:
      return Unauthorized("Access token validation failure. Invalid audience.");
    case Bearer::kUnknown:
      return Unauthorized("CompactToken parsing failed with error code: 80049217");
    case Bearer::kNoRoles: {
      Response response = GraphError(403, "accessDenied", "Access denied");
      response.route = "graph refused";
      return response;
    }
  }
  std::vector<std::string> waits;
  Response response =
      graph_.Handle(request, [&](const Request& part) { return GraphPart(part, waits); });
  response.part_waits = std::move(waits);
  return response;
}

Response Service::GraphPart(const Request& part, std::vector<std::string>& waits) {
  Response response = graph_.Handle(part, nullptr);
  if (response.family != Family::kDirectory) response.family = FamilyOf(part);
  traffic_.JudgePart(part, response, waits);
  return response;
}

Response Service::SharePoint(const Request& request) {
  const Bearer bearer = login_.Check(request, true);
  if (bearer == Bearer::kGood) {
    std::vector<std::string> waits;
    Response response =
        rest_.Handle(request, [&](const Request& part) { return SharePointPart(part, waits); });
    response.part_waits = std::move(waits);
    return response;
  }
  Response response;
  response.family = Family::kSharePoint;
  response.route = "rest refused";
  response.status = bearer == Bearer::kNoRoles ? 403 : 401;
  // graph.md 1.8
  response.body = bearer == Bearer::kSecretMade
                      ? R"({"error_description":"Unsupported app only token."})"
                      : R"({"error_description":"Invalid issuer or signature."})";
  const char* reason = bearer == Bearer::kExpired
                           ? "3000003;reason=\"Invalid lifetime.\";category=\"invalid_client\""
                           : "3000006;reason=\"Token contains invalid signature.\";"
                             "category=\"invalid_client\"";
  response.headers.emplace_back("x-ms-diagnostics", reason);
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

Response Service::SharePointPart(const Request& part, std::vector<std::string>& waits) {
  Response response = rest_.Handle(part, nullptr);
  response.family = Family::kSharePoint;
  traffic_.JudgePart(part, response, waits);
  return response;
}

Response Service::Control(const Request& request) {
  const std::string_view path = request.path;
  Response response;
  if (path == "/__sim/truth/permissions" || path == "/__sim/truth/objects" ||
      path == "/__sim/truth/groups" || path == "/__sim/truth/access") {
    const std::string origin = SharePointOrigin(t_.spec(), request);
    response.content_type = "application/x-ndjson";
    response.stream =
        Guarded(path.ends_with("permissions") ? TruePermissions(t_, origin)
                : path.ends_with("objects")   ? TrueObjects(t_, origin)
                : path.ends_with("access")
                    ? TrueAccess(t_, origin,
                                 fmt::format("{:%FT%TZ}", std::chrono::floor<std::chrono::seconds>(
                                                              std::chrono::system_clock::now())))
                    : TrueGroups(t_));
  } else if (path == "/__sim/mutate" && request.method == "POST") {
    auto done = Mutate(request.body);
    response.status = done ? 200 : 400;
    response.body =
        done ? *std::move(done) : nlohmann::json{{"error", done.error().message}}.dump();
  } else if (path == "/__sim/expire-tokens" && request.method == "POST") {
    response = ExpireTokens(request);
  } else if (path == "/__sim/counters") {
    response.body = CountersJson();
  } else if (path == "/__sim/requests") {
    response = Lines(traffic_.LogLines());
  } else if (path == "/__sim/reset" && request.method == "POST") {
    traffic_.Reset();
    graph_.Reset();
    login_.Reset();
    response.body = "{}";
  } else {
    response.status = 404;
    response.body = R"({"error":"no such control route"})";
  }
  response.family = Family::kControl;
  return response;
}

std::string Service::CountersJson() {
  const TrafficCounters c = traffic_.counters();
  const Floor f = floor();
  std::string body;
  JsonOut json(body);
  json.Open('{').Field("http_requests", c.http_requests).Field("graph_requests", c.graph);
  json.Field("directory_requests", c.directory).Field("sharepoint_requests", c.sharepoint);
  json.Field("token_requests", c.token).Field("batches", c.batches);
  json.Field("batch_parts", c.batch_parts).Field("resource_units", c.resource_units);
  json.Field("directory_units", c.directory_units).Field("throttled_429", c.throttled);
  json.Field("unavailable_503", c.unavailable).Field("gateway_errors", c.gateway_errors);
  json.Field("resets", c.resets).Field("truncations", c.truncations);
  json.Field("html_answers", c.html_answers).Field("slow_bodies", c.slow_bodies);
  json.Field("early_retries", c.early_retries);
  json.Field("requests_while_throttled", c.requests_while_throttled);
  json.Field("bytes_sent", c.bytes_sent).Field("in_flight", c.in_flight);
  json.Field("peak_in_flight", c.peak_in_flight);
  json.Open("by_route", '{');
  for (const auto& [route, count] : c.by_route) json.Field(route, count);
  json.Close('}').Open("by_status", '{');
  for (const auto& [status, count] : c.by_status) json.Field(std::to_string(status), count);
  json.Close('}').Field("floor_requests", f.requests).Open("floor", '{');
  json.Field("site_pages", f.site_pages).Field("webs", f.webs).Field("web_batches", f.web_batches);
  json.Field("drives", f.drives).Field("delta_pages", f.delta_pages);
  json.Field("unique_items", f.unique_items).Field("permission_batches", f.permission_batches);
  json.Field("groups", f.groups).Field("group_batches", f.group_batches);
  json.Field("drive_batches", f.drive_batches).Field("quiet_requests", f.quiet_requests);
  json.Close('}').Close('}');
  return body;
}

}  // namespace spa::sim
