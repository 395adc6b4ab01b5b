// A naive client of the simulated services for tests: asks Service directly, follows every link,
// and knows nothing of the model behind it.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "simulator/certificates.h"
#include "simulator/service.h"
#include "tests/catch.h"

namespace spa::sim {

inline TenantSpec SmallSpec(std::initializer_list<const char*> changes = {}) {
  TenantSpec spec = *TenantSpec::Preset("small");
  for (const char* change : changes) REQUIRE(spec.Set(change));
  return spec;
}

class SimulatorClient {
 public:
  explicit SimulatorClient(TenantSpec spec = SmallSpec())
      : tenant(std::move(spec)), service(tenant) {}

  Response Send(const std::string& method, std::string target, const std::string& body = "",
                std::map<std::string, std::string> headers = {}) {
    if (target.starts_with(kOrigin)) target.erase(0, std::string(kOrigin).size());
    Request request(method, target);
    request.headers = std::move(headers);
    request.headers["host"] = "127.0.0.1:1";
    request.headers.emplace("accept", "application/json;odata=nometadata");
    request.body = body;
    Response response = service.Handle(request);
    if (response.stream) {
      while (response.stream(response.body)) {
      }
    }
    service.Finish(request, response.body.size());
    return response;
  }

  Response PostToken(const std::string& fields,
                     const std::string& scope_host = "graph.microsoft.com") {
    return Send("POST", TokenPath(),
                "grant_type=client_credentials&client_id=" + tenant.spec().client_id +
                    "&scope=https%3A%2F%2F" + scope_host + "%2F.default&" + fields);
  }
  std::string TokenPath() const { return "/" + tenant.spec().tenant_id + "/oauth2/v2.0/token"; }

  std::string Secret() const {
    return "client_secret=" + PercentEncode(tenant.spec().client_secret);
  }

  // A GET to Graph with a token made from the secret.
  nlohmann::json Graph(const std::string& target, int status = 200,
                       std::map<std::string, std::string> headers = {}) {
    TakeToken();
    headers["authorization"] = "Bearer " + graph_token_;
    const Response response =
        Send("GET", target.starts_with("http") ? target : "/v1.0" + target, "", headers);
    INFO(target << " " << response.body.substr(0, 300));
    REQUIRE(response.status == status);
    return nlohmann::json::parse(response.body);
  }

  Response PostGraph(const std::string& target, const std::string& body) {
    TakeToken();
    return Send("POST", "/v1.0" + target, body, {{"authorization", "Bearer " + graph_token_}});
  }

  // A GET to SharePoint REST with a token of a managed identity (made without a secret).
  nlohmann::json Rest(const std::string& target, int status = 200) {
    const Response response = Send("GET", target, "", {{"authorization", RestBearer()}});
    INFO(target << " " << response.body.substr(0, 300));
    REQUIRE(response.status == status);
    return nlohmann::json::parse(response.body);
  }
  std::string RestBearer() {
    if (rest_token_.empty()) {
      const auto answer = Send("GET",
                               "/metadata/identity/oauth2/token?api-version=2018-02-01&resource="
                               "https%3A%2F%2Ffabrikam.sharepoint.com",
                               "", {{"metadata", "true"}});
      rest_token_ = nlohmann::json::parse(answer.body).at("access_token");
    }
    return "Bearer " + rest_token_;
  }

  // Every element of a paged listing.
  std::vector<nlohmann::json> All(std::string target,
                                  std::map<std::string, std::string> headers = {}) {
    std::vector<nlohmann::json> all;
    while (!target.empty()) {
      const auto page = Graph(target, 200, headers);
      for (const auto& element : page.at("value")) all.push_back(element);
      target = page.value("@odata.nextLink", "");
    }
    return all;
  }

  std::vector<nlohmann::json> Lines(const std::string& target) {
    std::vector<nlohmann::json> lines;
    std::istringstream text(Send("GET", target).body);
    for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }

  // POST /__sim/mutate; its answer.
  nlohmann::json Mutate(const nlohmann::json& body, int status = 200) {
    const Response response = Send("POST", "/__sim/mutate", body.dump());
    INFO(body.dump() << " " << response.body.substr(0, 300));
    REQUIRE(response.status == status);
    return nlohmann::json::parse(response.body);
  }
  // One named change, told.
  nlohmann::json Change(const nlohmann::json& change) {
    return Mutate({{"changes", {change}}}).at("changes").at(0);
  }

  static constexpr const char* kOrigin = "http://127.0.0.1:1";
  static constexpr const char* kPrefer =
      "deltashowremovedasdeleted, deltatraversepermissiongaps, deltashowsharingchanges, "
      "hierarchicalsharing";

  SimulatedTenant tenant;
  Service service;

 private:
  void TakeToken() {
    if (!graph_token_.empty()) return;
    graph_token_ = nlohmann::json::parse(PostToken(Secret()).body).at("access_token");
  }

  std::string graph_token_, rest_token_;
};

}  // namespace spa::sim
