#include "simulator/rest_service.h"

namespace spa::sim {

Response RestService::Handle(const Request&) {
  Response response;
  response.status = 501;
  response.family = Family::kSharePoint;
  response.route = "rest unknown";
  return response;
}

}  // namespace spa::sim
