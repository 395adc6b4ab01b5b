#include "cache/memory_store.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <libcuckoo/cuckoohash_map.hh>
#include <mutex>
#include <utility>
#include <vector>

#include "cache/eviction.h"

namespace spa {

struct MemoryStore::Node : Eviction::Node {
  Node(const CacheKey& key, Entry entry)
      : Eviction::Node(key.fingerprint()),
        key(key),
        entry(std::move(entry)),
        cost(kOverhead + key.text().size() + this->entry.cost) {}

  const CacheKey key;
  const Entry entry;
  const std::size_t cost;
};

struct alignas(64) MemoryStore::Shard {
  explicit Shard(std::size_t entries) : eviction(entries) {}

  std::mutex mutex;
  Eviction eviction;
};

struct MemoryStore::Table {
  Table(const Limits& limits, std::size_t shard_count)
      : index(2 * std::max<std::size_t>(limits.entries, 64)) {
    // Version 0.3.1 can crash when two resizes race with a reader. At half load none is ever due.
    index.maximum_hashpower(index.hashpower());
    for (std::size_t i = 0; i < shard_count; ++i) {
      shards.push_back(std::make_unique<Shard>(limits.entries / shard_count + 1));
    }
  }

  std::size_t HomeOf(const CacheKey& key) const {
    return (key.fingerprint().low >> 32) % shards.size();
  }

  NodePtr Find(const Fingerprint& print) const {
    NodePtr found;
    index.find_fn(print, [&found](const NodePtr& node) { found = node; });
    return found;
  }

  // Puts the node in and the one it replaces out; false where the index had no room.
  bool Exchange(const NodePtr& node, NodePtr& replaced) {
    try {
      index.upsert(
          node->key.fingerprint(),
          [&](NodePtr& slot) {
            replaced = node;
            slot.swap(replaced);
          },
          node);
      return true;
    } catch (const libcuckoo::maximum_hashpower_exceeded&) {
      return false;
    } catch (const libcuckoo::load_factor_too_low&) {
      return false;
    }
  }

  // Takes out what is under the fingerprint, where `wanted` is null or the very node.
  NodePtr Take(const Fingerprint& print, const Eviction::Node* wanted) {
    NodePtr taken;
    index.erase_fn(print, [&](NodePtr& slot) {
      if (wanted && slot.get() != wanted) return false;
      taken = std::move(slot);
      return true;
    });
    if (taken) Uncount(*taken);
    return taken;
  }

  void Count(const Node& node) {
    entries.fetch_add(1, std::memory_order_relaxed);
    bytes.fetch_add(node.cost, std::memory_order_relaxed);
  }
  void Uncount(const Node& node) {
    entries.fetch_sub(1, std::memory_order_relaxed);
    bytes.fetch_sub(node.cost, std::memory_order_relaxed);
  }

  libcuckoo::cuckoohash_map<Fingerprint, NodePtr, FingerprintHash> index;
  std::vector<std::unique_ptr<Shard>>
      shards;  // After the index: unlinks nodes that are still alive.
  std::atomic<std::size_t> entries{0};
  std::atomic<std::size_t> bytes{0};
  std::atomic<std::uint64_t> evictions{0};
};

MemoryStore::MemoryStore(Limits limits)
    : limits_(limits),
      table_(std::make_unique<Table>(
          limits, std::clamp<std::size_t>(std::bit_floor(limits.entries / 512), 1, 16))) {}

MemoryStore::~MemoryStore() = default;

bool MemoryStore::OverLimit() const {
  return entries() > limits_.entries || bytes() > limits_.bytes;
}

std::shared_ptr<const Entry> MemoryStore::Get(const CacheKey& key, CacheTime now) {
  table_->shards[table_->HomeOf(key)]->eviction.Asked(key.fingerprint());
  auto node = table_->Find(key.fingerprint());
  if (!node || node->key.text() != key.text()) return nullptr;
  if (node->entry.expires <= now) {
    Drop(key, node.get());
    return nullptr;
  }
  node->Touch();
  const Entry* entry = &node->entry;
  return std::shared_ptr<const Entry>(std::move(node), entry);
}

bool MemoryStore::Set(const CacheKey& key, Entry entry) {
  const auto node = std::make_shared<Node>(key, std::move(entry));
  if (node->cost > limits_.bytes || limits_.entries == 0) {
    Drop(key, nullptr);
    return false;
  }
  std::vector<NodePtr> gone;  // Destroyed after the locks.
  const std::size_t home = table_->HomeOf(key);
  {
    Shard& shard = *table_->shards[home];
    std::lock_guard lock(shard.mutex);
    NodePtr replaced;
    if (!table_->Exchange(node, replaced)) return false;
    if (replaced) {
      shard.eviction.Remove(*replaced);
      table_->Uncount(*replaced);
      gone.push_back(std::move(replaced));
    }
    shard.eviction.Add(*node);
    table_->Count(*node);
    MakeRoom(shard, *node, gone);
  }
  // A dear value takes its room from every shard in turn.
  for (std::size_t i = home + 1; OverLimit(); ++i) {
    Shard& shard = *table_->shards[i % table_->shards.size()];
    std::lock_guard lock(shard.mutex);
    MakeRoom(shard, *node, gone);
  }
  return true;
}

// Gives up at most one entry of the shard; its mutex is held.
void MemoryStore::MakeRoom(Shard& shard, const Node& keep, std::vector<NodePtr>& gone) {
  if (OverLimit()) {
    if (auto* victim = static_cast<Node*>(shard.eviction.PickVictim(&keep))) {
      gone.push_back(table_->Take(victim->key.fingerprint(), victim));
      table_->evictions.fetch_add(1, std::memory_order_relaxed);
    }
  }
  shard.eviction.Settle();
}

bool MemoryStore::Drop(const CacheKey& key, const Node* only) {
  NodePtr taken;  // Destroyed after the lock.
  Shard& shard = *table_->shards[table_->HomeOf(key)];
  std::lock_guard lock(shard.mutex);
  taken = table_->Take(key.fingerprint(), only);
  if (taken) shard.eviction.Remove(*taken);
  return taken != nullptr;
}

bool MemoryStore::Erase(const CacheKey& key) { return Drop(key, nullptr); }

std::size_t MemoryStore::entries() const { return table_->entries.load(std::memory_order_relaxed); }
std::size_t MemoryStore::bytes() const { return table_->bytes.load(std::memory_order_relaxed); }
std::uint64_t MemoryStore::evictions() const {
  return table_->evictions.load(std::memory_order_relaxed);
}

}  // namespace spa
