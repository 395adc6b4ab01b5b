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
    return service_.Fetch(Request(read), decode);
  }

  // Every page of a collection.
  template <class T>
  [[nodiscard]] Task<Result<std::vector<T>>> List(GraphRead read, Decoder<Page<T>> decode) {
    std::string first = read.path;
    return CollectPages<T>(std::move(first),
                           [this, read = std::move(read), decode](std::string link) mutable {
                             read.path = std::move(link);
                             return Get(read, decode);
                           });
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
