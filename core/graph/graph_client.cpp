#include "core/graph/graph_client.h"

namespace spa {

GraphClient::GraphClient(ServiceClient& service, std::string base_url)
    : service_(service), base_url_(std::move(base_url)) {
  while (base_url_.ends_with('/')) base_url_.pop_back();
}

ServiceRequest GraphClient::Request(const GraphRead& read) const {
  ServiceRequest request;
  request.url = read.path.starts_with('/') ? base_url_ + read.path : read.path;
  request.headers.emplace_back("Accept", "application/json");
  if (!read.prefer.empty()) request.headers.emplace_back("Prefer", read.prefer);
  request.what = read.what;
  request.units = read.units;
  request.family = read.family;
  return request;
}

std::string GraphClient::PathOf(const std::string& link) const {
  if (link.starts_with('/')) return link;
  const Url url = SplitUrl(link), base = SplitUrl(base_url_);
  if (!SameOrigin(url, base) || !url.path.starts_with(base.path + "/")) return {};
  return url.path.substr(base.path.size());
}

}  // namespace spa
