// Real Redis servers for tests: redis-server processes on free loopback ports, in a folder that
// goes away with them, without persistence. They end with their owner, and with the test process,
// too.
//
// Threads: one at a time.
// Errors: a server that does not start throws std::runtime_error.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cache/redis/resp3.h"
#include "cache/store_security.h"

namespace spa::testing {

inline constexpr char kRedisPassword[] = "correct-horse-battery";
inline constexpr char kRedisUser[] = "auditor";

// What a server is to be. All by default: plain text, no password.
struct RedisSetup {
  RedisSetup() = default;
  bool password = false;  // requirepass kRedisPassword
  bool tls = false;       // Certificates from a CA of our own; clients must show one, too.
  std::string acl;        // The rights of kRedisUser; empty: there is no such user.
  bool cluster = false;
  std::vector<std::string> more;  // Further arguments of redis-server.
};

// Made once a process: a CA, a server's and a client's certificate, PEM, for 127.0.0.1 and
// localhost.
struct RedisCertificates {
  RedisCertificates();
  std::string ca, server_cert, server_key, client_cert, client_key;  // Paths.
  std::shared_ptr<void> folder;
};
const RedisCertificates& TestCertificates();

class RedisServer {
 public:
  explicit RedisServer(RedisSetup setup = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;

  int port() const { return port_; }
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url() const { return (setup_.tls ? "rediss://" : "redis://") + host(); }
  StoreSecurity security() const;  // What a client needs.

  void Stop();     // SIGTERM, and waits.
  void Kill();     // SIGKILL, and waits.
  void Restart();  // On the same port. Empty again.
  void Pause();    // SIGSTOP: alive, but silent.
  void Resume();

  // Asks as an administrator, blocking, on a connection of its own.
  Resp Ask(const std::vector<std::string>& words) const;

 private:
  void Start();
  void AwaitReady();

  RedisSetup setup_;
  std::filesystem::path folder_;
  int port_ = 0;
  pid_t pid_ = 0;
};

// Three masters that share the slots.
class RedisCluster {
 public:
  RedisCluster();
  RedisServer& operator[](std::size_t i) { return *servers_[i]; }
  std::size_t size() const { return servers_.size(); }
  std::string url() const;

  // A fourth server that copies that master and takes over where it dies.
  void AddReplica(std::size_t of);
  void AwaitReplica();  // Until it has all that its master has.

 private:
  std::vector<std::unique_ptr<RedisServer>> servers_;
  std::unique_ptr<RedisServer> replica_;
  std::size_t replica_of_ = 0;
};

}  // namespace spa::testing
