// NodeRing: which of several independent servers a key belongs to, by weighted rendezvous hashing.
//
// Every node scores every key by a fixed hash of both; the highest score has it. So all processes
// agree without talking, a node's share is in proportion to its weight, and taking a node away or
// adding one moves only the keys that were or become its own. The order in which nodes are named
// does not matter. There is no table to build; routing costs one hash of the key and a few
// operations a node (cache.md C.4, D.2 "ring").
//
// The hash is frozen: were it changed, processes of both kinds would look for a key in different
// places. A test holds the digest of 10,000 routes.
//
// Threads: const members any; otherwise one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace spa {

class NodeRing {
 public:
  struct Node {
    Node() = default;
    Node(std::string name, double weight = 1) : name(std::move(name)), weight(weight) {}
    std::string name;   // Part of the hash: the same node is to be named alike everywhere.
    double weight = 1;  // > 0
  };

  explicit NodeRing(std::vector<Node> nodes);  // At least one.

  std::size_t Route(std::string_view key) const;  // An index into nodes().
  const std::vector<Node>& nodes() const { return nodes_; }

 private:
  std::vector<Node> nodes_;
  std::vector<std::uint64_t> seeds_;
  bool weighted_ = false;
};

}  // namespace spa
