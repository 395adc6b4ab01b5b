// MemoryStore: the first cache level: entries in this process's memory, bounded in number and
// bytes.
//
// An index (libcuckoo, sized once: it never grows) finds an entry by fingerprint and the whole key
// is compared after it. Up to 128 shards keep the order of eviction (cache/eviction.h), each under
// its own mutex. Lock order: shard mutex, then index bucket; one shard at a time. Under a bucket
// lock a shared pointer is copied or swapped and nothing else; values are destroyed outside every
// lock. A Get takes no shard's mutex (but for kLru), allocates nothing and writes only to the entry
// it found.
//
// Walking never stops the others: a slice is at most 256 entries of one shard under its mutex. What
// is there from the first slice to the last is seen, what comes or goes meanwhile may be, and an
// entry may be seen twice.
//
// Threads: any method from any thread.
// Errors: none. What cannot be kept is not kept; the caller merely misses later.
// Time is a parameter: `now` decides what has expired. An entry is servable until its last
// deadline.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "cache/cache_key.h"
#include "cache/entry.h"
#include "cache/eviction.h"

namespace spa {

class MemoryStore {
 public:
  struct Limits {
    std::size_t entries = 10'000;
    std::size_t bytes = std::size_t{64} << 20;  // Keys, values and kOverhead of each entry.
  };
  static constexpr std::size_t kMostShards = 128;
  static constexpr std::size_t kSlice = 256;  // Entries

  // An entry where it lies, with the key's text right behind it in the same allocation. Outlives
  // its eviction for whoever holds it.
  class Kept : public Entry, private Eviction::Node {
   public:
    Kept(const CacheKey& key, Entry entry);
    std::string_view key() const { return {reinterpret_cast<const char*>(this + 1), key_size_}; }
    std::size_t bytes() const;   // Key, value and kOverhead.
    using Eviction::Node::hits;  // Since it was stored.

   private:
    friend class MemoryStore;
    const std::uint32_t key_size_;
    std::uint32_t roster_at_ = 0;
  };
  using KeptPtr = std::shared_ptr<const Kept>;

  // What an entry costs besides its key and value: itself, its place in roster, index and sketch,
  // and what the heap adds to its allocations (`cache bench memory` compares the sum with what the
  // process grew by).
  static constexpr std::size_t kOverhead = 288;

  // `evicted` is told of each entry that goes to make room, under no lock of the store's.
  explicit MemoryStore(Limits limits, EvictionPolicy policy = EvictionPolicy::kHybrid,
                       std::function<void(const Kept&)> evicted = {});
  ~MemoryStore();
  MemoryStore(const MemoryStore&) = delete;

  // The entry under the key, unless it has expired: then it is dropped. Null where there is none.
  KeptPtr Get(const CacheKey& key, CacheTime now);
  // The same, but neither a hit nor a cleaning: for those who only ask about an entry.
  KeptPtr Peek(const CacheKey& key, CacheTime now) const;

  // Replaces what is under the key. False: dearer than the whole budget, not kept (and whatever was
  // under the key is gone).
  bool Set(const CacheKey& key, Entry entry);

  // True where there was an entry, fresh or not.
  bool Erase(const CacheKey& key);
  // The same for this very entry and none that has replaced it.
  bool Erase(const Kept& entry);
  // All of them; how many. Entries that come meanwhile may stay.
  std::size_t Clear();

  // Where a walk stands. Default: at its start.
  struct Cursor {
    std::size_t shard = 0;
    std::size_t below = std::numeric_limits<std::size_t>::max();
  };
  // Fills `slice` with the next entries, expired ones included; false: the walk had ended.
  bool NextSlice(Cursor& cursor, std::vector<KeptPtr>& slice) const;
  // Calls visit(const KeptPtr&) for every entry, under no lock.
  template <class Visit>
  void Walk(Visit visit) const {
    Cursor cursor;
    for (std::vector<KeptPtr> slice; NextSlice(cursor, slice); slice.clear()) {
      for (const KeptPtr& entry : slice) visit(entry);
    }
  }

  struct Swept {
    std::size_t dropped = 0;
    bool done = false;  // That was the last slice of the round; the next begins anew.
  };
  // Drops what has expired from the next slice of a walk that goes round and round.
  Swept SweepSlice(CacheTime now);
  // Gives up to `count` entries up, as if room were needed; how many.
  std::size_t EvictSome(std::size_t count);

  std::size_t entries() const;
  std::size_t bytes() const;
  std::uint64_t evictions() const;  // Entries that went to make room;
  std::uint64_t expired() const;    // that were found to have expired.
  std::uint64_t waits() const;      // For a shard's mutex that somebody else had.
  std::size_t shards() const;
  const Limits& limits() const { return limits_; }
  EvictionPolicy policy() const { return policy_; }

 private:
  struct Shard;
  struct Table;
  using NodePtr = std::shared_ptr<Kept>;
  using Gone = boost::container::small_vector<NodePtr, 4>;  // Destroyed after the locks.

  void MakeRoom(Shard& shard, const Kept& keep, Gone& gone);
  NodePtr Leave(Shard& shard, const Fingerprint& print, const Kept* only);
  bool Drop(const Fingerprint& print, const Kept* only);
  bool OverLimit() const;

  const Limits limits_;
  const EvictionPolicy policy_;
  const std::function<void(const Kept&)> evicted_;
  std::unique_ptr<Table> table_;
};

}  // namespace spa
