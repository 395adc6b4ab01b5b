#include "core/graph/sharepoint_client.h"

namespace spa {

ServiceRequest SharePointClient::Request(std::string url, std::string what) {
  ServiceRequest request;
  request.url = std::move(url);
  request.headers.emplace_back("Accept", "application/json;odata=nometadata");
  request.what = std::move(what);
  request.units = 0;  // REST has no published price (graph.md 4.9).
  return request;
}

}  // namespace spa
