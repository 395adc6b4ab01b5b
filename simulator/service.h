// Service: every route of the simulator behind one function, without a socket. server.cpp gives it
// requests from the wire; tests may give it their own.
//
// Threads: any. A change of the tenant waits until nobody asks it; streams of the truth let changes
// in between their pieces, so read them while nothing changes.
// Lifetime: the tenant must outlive it and every stream it hands out.
#pragma once

#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
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
  explicit Service(SimulatedTenant& tenant);

  // Answers and keeps the books. Finish must follow once the answer is out.
  Response Handle(const Request& request);
  void Finish(const Request& request, std::size_t bytes);

  LoginService& login() { return login_; }
  Traffic& traffic() { return traffic_; }
  Floor floor();  // computed at the first call after a change
  // POST /__sim/mutate (mutation.h): the answer's body. Waits for requests that are being answered.
  Result<std::string> Mutate(std::string_view body);

 private:
  Response Route(const Request& request);
  Response Graph(const Request& request);
  Response GraphPart(const Request& part, std::vector<std::string>& waits);
  Response SharePoint(const Request& request);
  Response SharePointPart(const Request& part, std::vector<std::string>& waits);
  Response Control(const Request& request);
  Response ExpireTokens(const Request& request);
  LineStream Guarded(LineStream stream);
  std::string CountersJson();

  SimulatedTenant& t_;
  std::shared_mutex tenant_mutex_;  // shared by those who ask, exclusive for changes
  LoginService login_;
  GraphService graph_;
  RestService rest_;
  Traffic traffic_;
  std::mutex floor_mutex_;
  std::optional<Floor> floor_;
  std::uint64_t floor_position_ = 0;
};

Family FamilyOf(const Request& request);

}  // namespace spa::sim
