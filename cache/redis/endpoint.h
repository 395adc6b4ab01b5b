// RedisEndpoint: where the servers are and how to reach them, from a URL and the security options.
//
//   redis://[user[:password]@]host[:port][/db]        one server
//   rediss://…                                        the same over TLS
//   redis+ring://host[:port],host[:port],…            independent servers, keys dealt by NodeRing
//   redis+cluster://host[:port],…[?tls=1]             a Redis Cluster, found from any of these
//
// The port is 6379 where none is given; IPv6 addresses stand in brackets; user and password are
// percent-encoded. `?tls=1` is for all schemes. A ring node may carry a weight: host:port*2. User
// and password of the options go before those of the URL; TLS is on if either asks for it.
//
// Plain text to a host elsewhere is possible, because some networks are private; but it is an error
// finding of `cache security check` (cache/redis/security.h), which then exits with 3.
//
// Errors: kUsage with one line that says what is wrong. Neither it nor place() holds a password.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cache/store_security.h"
#include "core/result.h"

namespace spa {

enum class RedisLayout { kSingle, kRing, kCluster };

struct RedisHost {
  RedisHost() = default;
  RedisHost(std::string host, std::uint16_t port) : host(std::move(host)), port(port) {}
  std::string host;
  std::uint16_t port = 6379;
  double weight = 1;         // In a ring.
  std::string Name() const;  // "host:port", "[::1]:port"
  bool loopback() const;     // localhost, 127.0.0.0/8, ::1
};

struct RedisEndpoint {
  RedisEndpoint() = default;
  RedisLayout layout = RedisLayout::kSingle;
  std::vector<RedisHost> hosts;  // At least one.
  int db = 0;
  bool tls = false;
  std::string ca_file, cert_file, key_file;
  std::string user;  // Empty: the default user.
  Secret password;   // Empty: none.

  std::string_view kind() const;  // "redis", "redis+ring", "redis+cluster"
  std::string place() const;      // As a URL, without user and password.
};

Result<RedisEndpoint> ParseRedisUrl(std::string_view url, const StoreSecurity& security);

}  // namespace spa
