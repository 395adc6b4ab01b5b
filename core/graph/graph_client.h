// GraphClient: Microsoft Graph v1.0 as typed reads.
//
// A decoder turns a body into T; a body it calls kMalformed is asked for again (a truncated page,
// an HTML page with status 200), so that decoding belongs to the exchange and not to the caller.
//
// To add a Graph call: write its decoder (discovery/graph_decoders.h or permissions/…), then call
// Get with the path and its price.
//
// Threads: the io_context's thread; decoders are plain functions and must not share state.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/graph/service_client.h"

namespace spa {

// A part of a collection. Exactly as the service sent it: `next_link` may be there with no items,
// and only its absence ends a listing (graph.md 4.2).
template <class T>
struct Page {
  Page() = default;
  std::vector<T> items;
  std::string next_link, delta_link;
};

template <class T>
using Decoder = Result<T> (*)(std::string_view body);

struct GraphRead {
  GraphRead() = default;
  GraphRead(std::string path, std::string what, int units = 1, Family family = Family::kSharePoint)
      : path(std::move(path)), what(std::move(what)), units(units), family(family) {}
  std::string path;  // "/sites/…" below the base URL, or an absolute link the service gave
  std::string what;
  int units = 1;
  Family family = Family::kSharePoint;
  std::string prefer;  // Prefer header; empty: none
};

class GraphClient {
 public:
  GraphClient(ServiceClient& service, std::string base_url);

  template <class T>
  [[nodiscard]] Task<Result<T>> Get(GraphRead read, Decoder<T> decode) {
    Result<T> decoded = Fail(ErrorCode::kMalformed, "no answer");
    auto request = Request(read);
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
  [[nodiscard]] Task<Result<std::vector<T>>> List(GraphRead read, Decoder<Page<T>> decode) {
    std::vector<T> all;
    for (;;) {
      auto page = co_await Get(read, decode);
      if (!page) co_return Fail(std::move(page.error()));
      std::move(page->items.begin(), page->items.end(), std::back_inserter(all));
      if (page->next_link.empty()) co_return std::move(all);
      read.path = std::move(page->next_link);
    }
  }

  ServiceRequest Request(const GraphRead& read) const;
  ServiceClient& service() { return service_; }
  const std::string& base_url() const { return base_url_; }
  // The path below the base URL of a link that leads there, for use in a batch; else empty.
  std::string PathOf(const std::string& link) const;

 private:
  ServiceClient& service_;
  std::string base_url_;
};

}  // namespace spa
