// Url: the parts of an absolute URL that decide where a token may go.
#pragma once

#include <string>
#include <string_view>

namespace spa {

struct Url {
  Url() = default;
  std::string scheme;     // lower case, "https"
  std::string host;       // lower case, without port; IPv6 without brackets
  std::string authority;  // host[:port] as written, lower case, without user info
  std::string path;       // from the first "/", with query; "/" where absent
  bool valid = false;     // http or https, with a host and without user info
};

Url SplitUrl(std::string_view text);

// The URL with what cannot stand in one percent-encoded: spaces, "#", quotes, control and non-ASCII
// bytes. Addresses of sites come encoded or raw (graph.md 7.11); a "%" is left as it is.
std::string EncodedUrl(std::string_view url);

// 127.0.0.0/8, ::1 and localhost.
bool IsLoopbackHost(std::string_view host);

// Same scheme, host and port (default ports equal their absence).
bool SameOrigin(const Url& a, const Url& b);

}  // namespace spa
