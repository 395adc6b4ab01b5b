#include "cache/memory_store.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <libcuckoo/cuckoohash_map.hh>
#include <mutex>
#include <new>
#include <utility>

namespace spa {
namespace {

constexpr std::size_t kSmallestShard = 64;

// Leaves room behind what it allocates: for the key's text.
template <class T>
struct TailAllocator {
  using value_type = T;
  explicit TailAllocator(std::size_t tail) : tail(tail) {}
  template <class U>
  explicit(false) TailAllocator(const TailAllocator<U>& other) : tail(other.tail) {}

  T* allocate(std::size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T) + tail));
  }
  void deallocate(T* memory, std::size_t) { ::operator delete(memory); }
  friend bool operator==(const TailAllocator&, const TailAllocator&) = default;

  std::size_t tail;
};

}  // namespace

MemoryStore::Kept::Kept(const CacheKey& key, Entry entry)
    : Entry(std::move(entry)),
      Eviction::Node(key.fingerprint()),
      key_size_(static_cast<std::uint32_t>(key.text().size())) {
  std::memcpy(reinterpret_cast<char*>(this + 1), key.text().data(), key_size_);
}

std::size_t MemoryStore::Kept::bytes() const { return kOverhead + key_size_ + cost; }

struct alignas(64) MemoryStore::Shard {
  Shard(EvictionPolicy policy, std::size_t entries) : eviction(policy, entries) {}

  // The roster lists all entries. The last takes the place of one that leaves, so a walk from the
  // end to the start misses none.
  void Enlist(Kept& node) {
    node.roster_at_ = static_cast<std::uint32_t>(roster.size());
    roster.push_back(&node);
    eviction.Add(node);
  }
  void Strike(Kept& node) {
    roster.back()->roster_at_ = node.roster_at_;
    roster[node.roster_at_] = roster.back();
    roster.pop_back();
  }

  // The mutex; counts where somebody else had it.
  std::unique_lock<std::mutex> Lock() {
    std::unique_lock lock(mutex, std::try_to_lock);
    if (lock) return lock;
    waits.fetch_add(1, std::memory_order_relaxed);
    lock.lock();
    return lock;
  }

  std::mutex mutex;
  std::atomic<std::uint64_t> waits{0};
  Eviction eviction;
  std::vector<Kept*> roster;
};

struct MemoryStore::Table {
  Table(const Limits& limits, EvictionPolicy policy, std::size_t shard_count)
      : index(std::max<std::size_t>(limits.entries + limits.entries / 3, 64)) {
    // Version 0.3.1 can crash when two resizes race with a reader. At three quarters of its load
    // none is ever due.
    index.maximum_hashpower(index.hashpower());
    for (std::size_t i = 0; i < shard_count; ++i) {
      shards.push_back(std::make_unique<Shard>(policy, limits.entries / shard_count + 1));
    }
  }

  Shard& HomeOf(const Fingerprint& print) const { return *shards[HomeAt(print)]; }
  std::size_t HomeAt(const Fingerprint& print) const {
    return (print.low >> 32) & (shards.size() - 1);
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
          node->fingerprint(),
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

  // Takes out what is under the fingerprint, where `only` is null or the very node.
  NodePtr Take(const Fingerprint& print, const Kept* only) {
    NodePtr taken;
    index.erase_fn(print, [&](NodePtr& slot) {
      if (only && slot.get() != only) return false;
      taken = std::move(slot);
      return true;
    });
    if (taken) Uncount(*taken);
    return taken;
  }

  void Count(const Kept& node) {
    entries.fetch_add(1, std::memory_order_relaxed);
    bytes.fetch_add(node.bytes(), std::memory_order_relaxed);
  }
  void Uncount(const Kept& node) {
    entries.fetch_sub(1, std::memory_order_relaxed);
    bytes.fetch_sub(node.bytes(), std::memory_order_relaxed);
  }

  libcuckoo::cuckoohash_map<Fingerprint, NodePtr, FingerprintHash> index;
  std::vector<std::unique_ptr<Shard>> shards;  // A power of two of them. After the index: unlinks
                                               // nodes that are still alive.
  std::atomic<std::size_t> entries{0};
  std::atomic<std::size_t> bytes{0};
  std::atomic<std::uint64_t> evictions{0};
  std::atomic<std::uint64_t> expired{0};
  std::atomic<std::size_t> next_to_evict{0};

  std::mutex sweep_mutex;  // Before any shard's.
  Cursor sweep;
};

MemoryStore::MemoryStore(Limits limits, EvictionPolicy policy,
                         std::function<void(const Kept&)> evicted)
    : limits_(limits),
      policy_(policy),
      evicted_(std::move(evicted)),
      table_(std::make_unique<Table>(
          limits, policy,
          std::clamp<std::size_t>(std::bit_floor(limits.entries / kSmallestShard), 1,
                                  kMostShards))) {}

MemoryStore::~MemoryStore() = default;

bool MemoryStore::OverLimit() const {
  return entries() > limits_.entries || bytes() > limits_.bytes;
}

MemoryStore::KeptPtr MemoryStore::Peek(const CacheKey& key, CacheTime now) const {
  auto node = table_->Find(key.fingerprint());
  if (!node || node->key() != key.text() || node->expires <= now) return nullptr;
  return node;
}

MemoryStore::KeptPtr MemoryStore::Get(const CacheKey& key, CacheTime now) {
  auto node = table_->Find(key.fingerprint());
  if (!node || node->key() != key.text()) return nullptr;
  if (node->expires <= now) {
    if (Erase(*node)) table_->expired.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  node->Hit();
  if (policy_ == EvictionPolicy::kLru) {
    Shard& shard = table_->HomeOf(key.fingerprint());
    const auto lock = shard.Lock();
    shard.eviction.Touch(*node);
  }
  return node;
}

bool MemoryStore::Set(const CacheKey& key, Entry entry) {
  const auto node =
      std::allocate_shared<Kept>(TailAllocator<Kept>(key.text().size()), key, std::move(entry));
  if (node->bytes() > limits_.bytes || limits_.entries == 0) {
    Drop(key.fingerprint(), nullptr);
    return false;
  }
  Gone gone, evicted;
  const std::size_t home = table_->HomeAt(key.fingerprint());
  {
    Shard& shard = *table_->shards[home];
    const auto lock = shard.Lock();
    NodePtr replaced;
    if (!table_->Exchange(node, replaced)) return false;
    if (replaced) {
      shard.eviction.Remove(*replaced);
      shard.Strike(*replaced);
      table_->Uncount(*replaced);
      gone.push_back(std::move(replaced));
    }
    shard.Enlist(*node);
    table_->Count(*node);
    MakeRoom(shard, *node, evicted);
  }
  // A dear value takes its room from every shard in turn.
  for (std::size_t i = home + 1; OverLimit(); ++i) {
    Shard& shard = *table_->shards[i % table_->shards.size()];
    const auto lock = shard.Lock();
    MakeRoom(shard, *node, evicted);
  }
  if (evicted_) {
    for (const NodePtr& entry : evicted) evicted_(*entry);
  }
  return true;
}

// Gives up at most one entry of the shard; its mutex is held.
void MemoryStore::MakeRoom(Shard& shard, const Kept& keep, Gone& gone) {
  if (OverLimit()) {
    if (auto* victim = static_cast<Kept*>(shard.eviction.PickVictim(&keep))) {
      shard.Strike(*victim);
      gone.push_back(table_->Take(victim->fingerprint(), victim));
      table_->evictions.fetch_add(1, std::memory_order_relaxed);
    }
  }
  shard.eviction.Settle();
}

// Takes it out of the index and the shard, whose mutex is held.
MemoryStore::NodePtr MemoryStore::Leave(Shard& shard, const Fingerprint& print, const Kept* only) {
  auto taken = table_->Take(print, only);
  if (taken) {
    shard.eviction.Remove(*taken);
    shard.Strike(*taken);
  }
  return taken;
}

bool MemoryStore::Drop(const Fingerprint& print, const Kept* only) {
  NodePtr taken;  // Destroyed after the lock.
  Shard& shard = table_->HomeOf(print);
  const auto lock = shard.Lock();
  taken = Leave(shard, print, only);
  return taken != nullptr;
}

bool MemoryStore::Erase(const CacheKey& key) { return Drop(key.fingerprint(), nullptr); }
bool MemoryStore::Erase(const Kept& entry) { return Drop(entry.fingerprint(), &entry); }

std::size_t MemoryStore::Clear() {
  std::size_t cleared = 0;
  for (const auto& shard : table_->shards) {
    for (Gone gone;; gone.clear()) {
      const auto lock = shard->Lock();
      while (!shard->roster.empty() && gone.size() < kSlice) {
        Kept& last = *shard->roster.back();
        gone.push_back(Leave(*shard, last.fingerprint(), &last));
      }
      cleared += gone.size();
      if (gone.empty()) break;
    }
  }
  return cleared;
}

bool MemoryStore::NextSlice(Cursor& cursor, std::vector<KeptPtr>& slice) const {
  while (cursor.shard < table_->shards.size()) {
    Shard& shard = *table_->shards[cursor.shard];
    const auto lock = shard.Lock();
    cursor.below = std::min(cursor.below, shard.roster.size());
    for (std::size_t seen = 0; cursor.below > 0 && seen < kSlice; ++seen) {
      slice.push_back(table_->Find(shard.roster[--cursor.below]->fingerprint()));
    }
    if (cursor.below == 0) cursor = {cursor.shard + 1};
    if (!slice.empty()) return true;
  }
  return false;
}

MemoryStore::Swept MemoryStore::SweepSlice(CacheTime now) {
  std::lock_guard one_at_a_time(table_->sweep_mutex);
  Cursor& cursor = table_->sweep;
  Gone gone;
  {
    Shard& shard = *table_->shards[cursor.shard];
    const auto lock = shard.Lock();
    cursor.below = std::min(cursor.below, shard.roster.size());
    for (std::size_t seen = 0; cursor.below > 0 && seen < kSlice; ++seen) {
      Kept& node = *shard.roster[--cursor.below];
      if (node.expires <= now) gone.push_back(Leave(shard, node.fingerprint(), &node));
    }
  }
  if (cursor.below == 0) cursor = {cursor.shard + 1};
  Swept swept;
  swept.dropped = gone.size();
  swept.done = cursor.shard == table_->shards.size();
  if (swept.done) cursor = {};
  table_->expired.fetch_add(swept.dropped, std::memory_order_relaxed);
  return swept;
}

std::size_t MemoryStore::EvictSome(std::size_t count) {
  std::size_t evicted = 0;
  for (std::size_t barren = 0; evicted < count && barren < table_->shards.size();) {
    const auto at = table_->next_to_evict.fetch_add(1, std::memory_order_relaxed);
    NodePtr gone;
    {
      Shard& shard = *table_->shards[at % table_->shards.size()];
      const auto lock = shard.Lock();
      if (auto* victim = static_cast<Kept*>(shard.eviction.PickVictim(nullptr))) {
        shard.Strike(*victim);
        gone = table_->Take(victim->fingerprint(), victim);
      }
    }
    if (gone && evicted_) evicted_(*gone);
    evicted += gone ? 1 : 0;
    barren = gone ? 0 : barren + 1;
  }
  table_->evictions.fetch_add(evicted, std::memory_order_relaxed);
  return evicted;
}

std::size_t MemoryStore::entries() const { return table_->entries.load(std::memory_order_relaxed); }
std::size_t MemoryStore::bytes() const { return table_->bytes.load(std::memory_order_relaxed); }
std::uint64_t MemoryStore::waits() const {
  std::uint64_t waits = 0;
  for (const auto& shard : table_->shards) waits += shard->waits.load(std::memory_order_relaxed);
  return waits;
}
std::size_t MemoryStore::shards() const { return table_->shards.size(); }
std::uint64_t MemoryStore::evictions() const {
  return table_->evictions.load(std::memory_order_relaxed);
}
std::uint64_t MemoryStore::expired() const {
  return table_->expired.load(std::memory_order_relaxed);
}

}  // namespace spa
