// What the tenant says of itself: its licences, and the registration of the application that asks.
// Each to those alone whose roles allow it.
#include "simulator/graph_service.h"
#include "simulator/json_out.h"

namespace spa::sim {
namespace {

Response Denied(const char* route) {
  Response response = GraphError(403, "Authorization_RequestDenied",
                                 "Insufficient privileges to complete the operation.");
  response.family = Family::kDirectory;
  response.route = route;
  response.units = 1;
  return response;
}

Response Granted(const char* route) {
  Response response;
  response.family = Family::kDirectory;
  response.route = route;
  response.units = 1;
  return response;
}

}  // namespace

// A licence with SharePoint for each person, and as many without.
Response GraphService::Licences(const Request&) {
  constexpr char kRoute[] = "directory subscribedSkus";
  if (!Holds("Organization.Read.All")) return Denied(kRoute);
  Response response = Granted(kRoute);
  JsonOut json(response.body);
  json.Open('{').Open("value", '[');
  for (const char* plan : {"SHAREPOINTENTERPRISE", "EXCHANGE_S_STANDARD"}) {
    json.Open('{').Open("prepaidUnits", '{').Field("enabled", t_.spec().users).Close('}');
    json.Open("servicePlans", '[').Open('{').Field("servicePlanName", plan).Close('}').Close(']');
    json.Close('}');
  }
  json.Close(']').Close('}');
  return response;
}

Response GraphService::Registration(const Request&) {
  constexpr char kRoute[] = "directory applications";
  if (!Holds("Application.Read.All")) return Denied(kRoute);
  Response response = Granted(kRoute);
  JsonOut json(response.body);
  json.Open('{').Open("passwordCredentials", '[').Open('{');
  json.Field("hint", t_.spec().client_secret.substr(0, 3));
  json.Field("endDateTime",
             t_.spec().wire.secret_expired ? "2025-01-01T00:00:00Z" : "2099-01-01T00:00:00Z");
  json.Close('}').Close(']').Close('}');
  return response;
}

}  // namespace spa::sim
