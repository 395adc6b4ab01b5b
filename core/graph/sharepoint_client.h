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
    Result<T> decoded = Fail(ErrorCode::kMalformed, "no answer");
    ServiceRequest request = Request(std::move(url), std::move(what));
    auto answer =
        co_await service_.Exchange(std::move(request), [&](const HttpResponse& response) -> Status {
          decoded = decode(response.body);
          if (!decoded) return Fail(decoded.error());
          return {};
        });
    if (!answer) co_return Fail(std::move(answer.error()));
    co_return std::move(decoded);
  }

  // Follows next links to the end. All or an Error: never a part.
  template <class T>
  [[nodiscard]] Task<Result<std::vector<T>>> List(std::string url, std::string what,
                                                  Decoder<Page<T>> decode) {
    std::vector<T> all;
    for (;;) {
      auto page = co_await Get(url, what, decode);
      if (!page) co_return Fail(std::move(page.error()));
      std::move(page->items.begin(), page->items.end(), std::back_inserter(all));
      if (page->next_link.empty()) co_return std::move(all);
      url = std::move(page->next_link);
    }
  }

  ServiceClient& service() { return service_; }

 private:
  static ServiceRequest Request(std::string url, std::string what);

  ServiceClient& service_;
};

}  // namespace spa
