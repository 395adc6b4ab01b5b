// RedisNodes: the servers behind one URL as one: which of them has a key, and asking it.
//
// For a single server and a ring that is fixed. For a cluster it is the slot table, read at Open
// and again when a server says MOVED or fails, at most once a second.
//
// Threads: the io_context's thread.
// Lifetime: Open before use; Close awaits. A listener is called from Open to Close.
// Errors: per command, as a RedisConnection's; what a server answers as an error is one, too:
// kAuth (NOPERM, NOAUTH), kUnreachable (LOADING, CLUSTERDOWN, …: passes), else kStorage.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/node_ring.h"
#include "cache/redis/connection.h"
#include "cache/redis/scripts.h"
#include "cache/redis/slots.h"

namespace spa {

struct RedisCommand {
  RedisCommand() = default;
  RedisCommand(std::string key, std::initializer_list<std::string_view> words)
      : key(std::move(key)) {
    AppendCommand(bytes, words);
  }
  std::string key;    // Decides the server.
  std::string bytes;  // Encoded; of a script: what follows its name.
  std::optional<RedisScript> script;
  std::size_t words = 0;  // In `bytes`, of a script.
  // Of a script that leaves what it wrote under one key, to be moved to another in the same step;
  // where it left nothing, nothing moves. The server tells a script's own writes back to its caller
  // in spite of NOLOOP, but not a plain command's; hence the RENAME.
  std::string move_from, move_to;
  // `keys` and `arguments` of a script.
  static RedisCommand Script(RedisScript script, std::string key,
                             std::initializer_list<std::string_view> keys,
                             std::span<const std::string_view> arguments);
  RedisCommand Moving(std::string from, std::string to) &&;
};

using RedisAnswers = std::vector<Result<Resp>>;

class RedisNodes {
 public:
  RedisNodes(asio::any_io_executor executor, RedisEndpoint endpoint, RedisOptions options,
             RedisConnection::Listener listener);

  // Fine when one server answered (of a cluster: also told its slots); else the first failure.
  [[nodiscard]] Task<Status> Open();
  [[nodiscard]] Task<void> Close();

  // One answer a command, in order; never an error Resp. What goes to one server leaves together.
  [[nodiscard]] Task<RedisAnswers> Ask(std::vector<RedisCommand> commands);
  [[nodiscard]] Task<Result<Resp>> AskOne(RedisCommand command);
  // All to one server, by its place in all(), whoever has the keys. No scripts.
  [[nodiscard]] Task<RedisAnswers> AskAt(std::size_t node, std::vector<RedisCommand> commands);

  // The servers that hold keys, in a stable order; those of a cluster that lost all are not there.
  std::vector<std::size_t> Holders() const;
  const std::vector<std::unique_ptr<RedisConnection>>& all() const { return nodes_; }
  bool watching() const;

 private:
  std::optional<std::size_t> NodeOf(std::string_view key) const;
  std::size_t AddNode(const RedisHost& host);
  Task<Status> ReadSlots();
  Task<void> AskNode(std::size_t node, const std::vector<RedisCommand>& commands,
                     std::vector<std::size_t> which, RedisAnswers& answers);
  Task<void> Settle(std::size_t node, const RedisCommand& command, Result<Resp>& answer);
  Task<Result<std::vector<Resp>>> Send(std::size_t node,
                                       const std::vector<const RedisCommand*>& commands, bool ask);

  asio::any_io_executor executor_;
  RedisEndpoint endpoint_;
  RedisOptions options_;
  RedisConnection::Listener listener_;
  std::vector<std::unique_ptr<RedisConnection>> nodes_;
  std::optional<NodeRing> ring_;
  std::vector<int> slots_;  // Of a cluster: an index into nodes_, or -1.
  std::chrono::steady_clock::time_point slots_read_{};
};

}  // namespace spa
