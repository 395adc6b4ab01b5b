// SharePointClient: SharePoint's own REST interface, for what Graph does not show: role
// assignments, site groups, which objects own a scope (permissions.md 2.4, 3).
//
// Answers come as `odata=nometadata`: {"value":[…]} or the bare object; next pages are named by
// `odata.nextLink`, without the @ of Graph (permissions.md 3.1). Only a token made with a
// certificate (or a federated or managed identity) is listened to (graph.md 1.8).
//
// Threads: the io_context's thread.
#pragma once

#include <string>
#include <vector>

#include "core/graph/graph_client.h"

namespace spa {

class SharePointClient {
 public:
  explicit SharePointClient(ServiceClient& service) : service_(service) {}

  // `url` is absolute: the web's URL with "/_api/…" behind it, or a link the service gave.
  template <class T>
  [[nodiscard]] Task<Result<T>> Get(std::string url, std::string what, Decoder<T> decode) {
    return service_.Fetch(Request(std::move(url), std::move(what)), decode);
  }

  // Every page of a collection.
  template <class T>
  [[nodiscard]] Task<Result<std::vector<T>>> List(std::string url, std::string what,
                                                  Decoder<Page<T>> decode) {
    return CollectPages<T>(std::move(url),
                           [this, what = std::move(what), decode](std::string link) {
                             return Get(std::move(link), what, decode);
                           });
  }

  ServiceClient& service() { return service_; }

 private:
  static ServiceRequest Request(std::string url, std::string what);

  ServiceClient& service_;
};

}  // namespace spa
