// RedisConnection: the one connection to one Redis server, shared by all who ask of it.
//
// Commands of many callers go out together: what queues up while a write is under way leaves with
// the next one, in one system call. Answers come back in order. So one connection carries more than
// 100,000 commands a second, and there is no pool (cache.md C.4 "Backplane": NOLOOP covers only the
// connection that writes, and on one connection an answer cannot overtake an invalidation).
//
// On connecting it says HELLO 3 with user and password, names itself kClientName, asks for the
// database, turns on CLIENT TRACKING for `watch` and loads `scripts`, all in one round trip.
//
// When the connection breaks, calls under way fail, and it is made anew in the background: after
// 50 ms doubling to 1 s, and only when its HealthGate lets it. Until then calls fail at once. Every
// reconnect is told as a change of everything. A call that is not answered in `timeout` fails; the
// connection is given up when nothing at all came for four times as long.
//
// Threads: the io_context's thread.
// Lifetime: Open before use; Close awaits what is under way and ends the background work. If
// dropped without Close, the connection ends by itself.
// Cancellation: a caller that leaves harms nobody; its answer is dropped.
// Errors: kUnreachable, kUntrusted (TLS), kAuth, kUnsupported (older than Redis 6), kMalformed,
// kUsage (a TLS file cannot be read). An error that the server answers to a command is a Resp.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/redis/endpoint.h"
#include "cache/redis/resp3.h"
#include "cache/store.h"
#include "core/async/task.h"
#include "core/result.h"

namespace spa {

inline constexpr std::string_view kRedisClientName = "sharepoint-audit";

// Commands, encoded, that leave together.
struct RedisBatch {
  RedisBatch() = default;
  void Add(std::initializer_list<std::string_view> words) {
    Add(std::span(words.begin(), words.size()));
  }
  void Add(std::span<const std::string_view> words) {
    const std::size_t at = bytes.size();
    AppendCommand(bytes, words);
    Name(at);
  }
  void AddEncoded(std::string_view command) {
    const std::size_t at = bytes.size();
    bytes += command;
    Name(at);
  }
  std::size_t count() const { return names.size(); }

  std::string bytes;
  std::vector<std::string> names;  // Of the commands, in lower case: "get".

 private:
  void Name(std::size_t at);  // The command whose bytes begin there.
};

struct RedisOptions {
  RedisOptions() = default;
  RedisHost host;
  RedisEndpoint endpoint;  // Of it: TLS, user, password, db.
  std::chrono::milliseconds timeout{250};
  CacheClock clock = std::chrono::system_clock::now;
  std::vector<std::string> watch;    // Key prefixes; empty: no tracking.
  std::vector<std::string> scripts;  // Lua
};

// What both ends agreed on.
struct RedisSession {
  RedisSession() = default;
  std::string server_version;  // "7.0.15"
  bool tracking = false;
  std::vector<std::string> script_ids;  // SHA-1, in the order of RedisOptions::scripts
  std::string tls_version, tls_cipher;  // Empty: plain text.
  std::string peer_subject;
  std::optional<CacheTime> peer_expires;
};

class RedisConnection {
 public:
  // Keys are as the server has them.
  using Listener = std::function<void(const StoreChange&)>;

  RedisConnection(asio::any_io_executor executor, RedisOptions options, Listener listener = {});
  ~RedisConnection();
  RedisConnection(const RedisConnection&) = delete;

  // The outcome of the first attempt. After a failure it goes on trying in the background.
  [[nodiscard]] Task<Status> Open();
  [[nodiscard]] Task<void> Close();

  // One answer a command, in order. At least one command.
  [[nodiscard]] Task<Result<std::vector<Resp>>> Call(RedisBatch batch);

  const RedisHost& host() const;
  bool connected() const;
  const RedisSession& session() const;  // Of the last connection.
  StoreNode Snapshot() const;

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace spa
