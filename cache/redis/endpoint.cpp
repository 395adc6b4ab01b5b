#include "cache/redis/endpoint.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "core/encoding.h"

namespace spa {
namespace {

struct Scheme {
  std::string_view prefix;
  RedisLayout layout;
  bool tls;
};

constexpr std::array kSchemes = {
    Scheme{"redis://", RedisLayout::kSingle, false},
    Scheme{"rediss://", RedisLayout::kSingle, true},
    Scheme{"redis+ring://", RedisLayout::kRing, false},
    Scheme{"redis+cluster://", RedisLayout::kCluster, false},
};

template <class T>
std::optional<T> Number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

tl::unexpected<Error> Bad(std::string why) {
  return Fail(ErrorCode::kUsage, "the Redis URL " + std::move(why),
              "write it like redis://host:6379/0, redis+ring://a:6379,b:6379 or "
              "redis+cluster://a:6379");
}

// "host", "host:port", "[v6]:port", each perhaps with "*weight".
Result<RedisHost> ParseHost(std::string_view text, RedisLayout layout) {
  RedisHost host;
  if (const auto star = text.rfind('*'); star != std::string_view::npos) {
    const auto weight = Number<unsigned>(text.substr(star + 1));
    if (layout != RedisLayout::kRing) return Bad("gives a weight, which only a ring has");
    if (!weight || *weight == 0 || *weight > 1000) return Bad("has a weight outside 1 to 1000");
    host.weight = *weight;
    text = text.substr(0, star);
  }
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return Bad("has a bracket without its end");
    host.host = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return Bad("has text after an address in brackets");
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
  } else {
    const auto colon = text.find(':');
    host.host = text.substr(0, colon);
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon + 1);
  }
  if (host.host.empty()) return Bad("names no host");
  for (const char c : host.host) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '/' || c == '@') {
      return Bad("has a host name that is none");
    }
  }
  if (has_port) {
    const auto number = Number<std::uint16_t>(port);
    if (!number || *number == 0) {
      return Bad(
          fmt::format("has a port that is not a number from 1 to 65535, at host {}", host.host));
    }
    host.port = *number;
  }
  return host;
}

}  // namespace

std::string RedisHost::Name() const {
  const bool bare = host.find(':') == std::string::npos;
  return bare ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

bool RedisHost::loopback() const {
  if (host == "localhost" || host == "::1") return true;
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos;
}

std::string_view RedisEndpoint::kind() const {
  switch (layout) {
    case RedisLayout::kSingle:
      return "redis";
    case RedisLayout::kRing:
      return "redis+ring";
    case RedisLayout::kCluster:
      return "redis+cluster";
  }
  return "redis";
}

std::string RedisEndpoint::place() const {
  const bool single = layout == RedisLayout::kSingle;
  std::string text = fmt::format("{}://", single && tls ? "rediss" : kind());
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (i > 0) text += ',';
    text += hosts[i].Name();
    if (hosts[i].weight != 1) text += fmt::format("*{}", static_cast<unsigned>(hosts[i].weight));
  }
  if (db != 0) text += fmt::format("/{}", db);
  if (tls && !single) text += "?tls=1";
  return text;
}

Result<RedisEndpoint> ParseRedisUrl(std::string_view url, const StoreSecurity& security) {
  RedisEndpoint endpoint;
  bool known = false;
  for (const Scheme& scheme : kSchemes) {
    if (!url.starts_with(scheme.prefix)) continue;
    endpoint.layout = scheme.layout;
    endpoint.tls = scheme.tls;
    url.remove_prefix(scheme.prefix.size());
    known = true;
    break;
  }
  if (!known) {
    return Bad("does not begin with redis://, rediss://, redis+ring:// or redis+cluster://");
  }
  endpoint.ca_file = security.ca_file;
  endpoint.cert_file = security.cert_file;
  endpoint.key_file = security.key_file;

  // What is before the last "@" is user and password; nothing of it may reach a message.
  if (const auto at = url.rfind('@'); at != std::string_view::npos) {
    const std::string_view who = url.substr(0, at);
    const auto colon = who.find(':');
    endpoint.user = UrlDecode(who.substr(0, colon));
    if (colon != std::string_view::npos)
      endpoint.password = Secret(UrlDecode(who.substr(colon + 1)));
    url.remove_prefix(at + 1);
  }
  if (!security.user.empty()) endpoint.user = security.user;
  if (!security.password.empty()) endpoint.password = security.password;
  if (endpoint.user == "default") endpoint.user.clear();
  if (!endpoint.user.empty() && endpoint.password.empty()) {
    return Fail(ErrorCode::kUsage, "a Redis user is named, but no password is given",
                "set acl_password, best as env:NAME or file:PATH");
  }
  if (const auto question = url.find('?'); question != std::string_view::npos) {
    const std::string_view option = url.substr(question + 1);
    if (option != "tls=1" && option != "tls=0") return Bad("has an option that is not tls=1");
    endpoint.tls = endpoint.tls || option == "tls=1";
    url = url.substr(0, question);
  }
  if (security.tls) endpoint.tls = true;
  if (const auto slash = url.find('/'); slash != std::string_view::npos) {
    const std::string_view db = url.substr(slash + 1);
    url = url.substr(0, slash);
    if (!db.empty()) {
      const auto number = Number<std::uint16_t>(db);
      if (!number) return Bad("has a database that is no number");
      endpoint.db = *number;
    }
  }
  if (endpoint.db != 0 && endpoint.layout == RedisLayout::kCluster) {
    return Bad("names a database, but a cluster has only one");
  }
  for (;;) {
    const auto comma = url.find(',');
    auto host = ParseHost(url.substr(0, comma), endpoint.layout);
    if (!host) return tl::unexpected(host.error());
    for (const RedisHost& other : endpoint.hosts) {
      if (other.Name() == host->Name()) return Bad("names a host twice: " + other.Name());
    }
    endpoint.hosts.push_back(std::move(*host));
    if (comma == std::string_view::npos) break;
    url.remove_prefix(comma + 1);
  }
  if (endpoint.layout == RedisLayout::kSingle && endpoint.hosts.size() > 1) {
    return Bad("names several hosts; use redis+ring:// or redis+cluster://");
  }
  if (endpoint.cert_file.empty() != endpoint.key_file.empty()) {
    return Fail(ErrorCode::kUsage, "a TLS client certificate and its key go together",
                "set both tls_cert_path and tls_key_path, or none");
  }
  return endpoint;
}

}  // namespace spa
