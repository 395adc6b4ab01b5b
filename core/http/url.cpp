#include "core/http/url.h"

#include <algorithm>
#include <cctype>

#include "core/ascii.h"

namespace spa {
namespace {

std::string Port(const Url& url) {
  const auto colon = url.authority.rfind(':');
  const bool in_brackets = url.authority.find(']', colon) != std::string::npos;
  if (colon != std::string::npos && !in_brackets && colon + 1 < url.authority.size()) {
    return url.authority.substr(colon + 1);
  }
  return url.scheme == "https" ? "443" : "80";
}

}  // namespace

Url SplitUrl(std::string_view text) {
  const std::string_view whole = text;
  Url url;
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return url;
  url.scheme = AsciiLower(text.substr(0, scheme_end));
  text.remove_prefix(scheme_end + 3);
  const auto authority_end = text.find_first_of("/?#\\");
  url.authority = AsciiLower(text.substr(0, authority_end));
  url.path = authority_end == std::string_view::npos ? "" : std::string(text.substr(authority_end));
  if (url.path.empty() || url.path[0] != '/') url.path.insert(0, "/");
  if (url.authority.starts_with('[')) {
    const auto close = url.authority.find(']');
    if (close == std::string::npos) return url;
    url.host = url.authority.substr(1, close - 1);
  } else {
    url.host = url.authority.substr(0, url.authority.find(':'));
  }
  // libcurl and others end the authority elsewhere at a backslash or a control character: whoever
  // checks and whoever sends must see the same host, so such a URL is no URL.
  const auto unfit = [](unsigned char c) { return c <= ' ' || c == '\\' || c == 0x7f; };
  const bool plain = std::none_of(whole.begin(), whole.end(), unfit) &&
                     url.authority.find('@') == std::string::npos;
  url.valid = plain && !url.host.empty() && (url.scheme == "http" || url.scheme == "https");
  return url;
}

std::string EncodedUrl(std::string_view url) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  constexpr std::string_view kUnfit = " #\"<>\\^`{|}";
  std::string out;
  out.reserve(url.size());
  for (const unsigned char c : url) {
    if (c <= ' ' || c >= 0x7f || kUnfit.find(static_cast<char>(c)) != std::string_view::npos) {
      out += {'%', kHex[c >> 4], kHex[c & 15]};
    } else {
      out += static_cast<char>(c);
    }
  }
  return out;
}

bool IsLoopbackHost(std::string_view host) {
  const bool digits = std::all_of(host.begin(), host.end(),
                                  [](unsigned char c) { return std::isdigit(c) || c == '.'; });
  return host == "localhost" || host == "::1" || (digits && host.starts_with("127."));
}

bool SameOrigin(const Url& a, const Url& b) {
  return a.valid && b.valid && a.scheme == b.scheme && a.host == b.host && Port(a) == Port(b);
}

}  // namespace spa
