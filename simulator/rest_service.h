// RestService: SharePoint REST as the simulated tenant answers it (permissions.md 3), in
// odata=nometadata JSON. Tokens have been checked before.
//
// Threads: any. Lifetime: the tenant must outlive it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "simulator/http.h"
#include "simulator/simulated_tenant.h"

namespace spa::sim {

class RestService {
 public:
  explicit RestService(const SimulatedTenant& tenant) : t_(tenant) {}

  Response Handle(const Request& request);

 private:
  const SimulatedTenant& t_;
};

}  // namespace spa::sim
