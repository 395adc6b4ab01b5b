// MemoryStore: the first cache level: entries in this process's memory, bounded in number and
// bytes.
//
// An index (libcuckoo, sized once: it never grows) finds an entry by fingerprint and the whole key
// is compared after it. Shards keep the order of eviction (cache/eviction.h), each under its own
// mutex. Lock order: shard mutex, then index bucket; one shard at a time. Under a bucket lock a
// shared pointer is copied or swapped and nothing else; values are destroyed outside every lock.
//
// Threads: any method from any thread.
// Errors: none. What cannot be kept is not kept; the caller merely misses later.
// Time is a parameter: `now` decides what has expired.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "cache/cache_key.h"
#include "cache/entry.h"

namespace spa {

class MemoryStore {
 public:
  struct Limits {
    std::size_t entries = 10'000;
    std::size_t bytes = std::size_t{64} << 20;  // Keys, values and kOverhead of each entry.
  };
  // What an entry costs besides its key and value: node, index slot, links.
  static constexpr std::size_t kOverhead = 160;

  explicit MemoryStore(Limits limits);
  ~MemoryStore();
  MemoryStore(const MemoryStore&) = delete;

  // The entry under the key, unless it has expired: then it is dropped. Null where there is none.
  std::shared_ptr<const Entry> Get(const CacheKey& key, CacheTime now);

  // Replaces what is under the key. False: dearer than the whole budget, not kept (and whatever was
  // under the key is gone).
  bool Set(const CacheKey& key, Entry entry);

  // True where there was an entry, fresh or not.
  bool Erase(const CacheKey& key);

  std::size_t entries() const;
  std::size_t bytes() const;
  std::uint64_t evictions() const;  // Entries that went to make room.

 private:
  struct Node;
  struct Shard;
  struct Table;
  using NodePtr = std::shared_ptr<Node>;

  void MakeRoom(Shard& shard, const Node& keep, std::vector<NodePtr>& gone);
  bool Drop(const CacheKey& key, const Node* only);
  bool OverLimit() const;

  Limits limits_;
  std::unique_ptr<Table> table_;
};

}  // namespace spa
