// Service: every route of the simulator behind one function, without a socket. server.cpp gives it
// requests from the wire; tests may give it their own.
//
// Threads: any.
// Lifetime: the tenant must outlive it and every stream it hands out.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/graph_service.h"
#include "simulator/http.h"
#include "simulator/login_service.h"
#include "simulator/rest_service.h"
#include "simulator/simulated_tenant.h"
#include "simulator/traffic.h"
#include "simulator/truth.h"

namespace spa::sim {

class Service {
 public:
  explicit Service(const SimulatedTenant& tenant);

  // Answers and keeps the books. Finish must follow once the answer is out.
  Response Handle(const Request& request);
  void Finish(const Request& request, std::size_t bytes);

  LoginService& login() { return login_; }
  Traffic& traffic() { return traffic_; }
  const Floor& floor();  // computed at the first call

 private:
  Response Route(const Request& request);
  Response Graph(const Request& request);
  Response GraphPart(const Request& part, std::vector<std::string>& waits);
  Response SharePoint(const Request& request);
  Response SharePointPart(const Request& part, std::vector<std::string>& waits);
  Response Control(const Request& request);
  std::string CountersJson();

  const SimulatedTenant& t_;
  LoginService login_;
  GraphService graph_;
  RestService rest_;
  Traffic traffic_;
  std::mutex floor_mutex_;
  std::optional<Floor> floor_;
};

Family FamilyOf(const Request& request);

}  // namespace spa::sim
