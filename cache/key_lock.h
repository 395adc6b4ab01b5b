// KeyLock: writers of one key take turns, in the order they came.
//
//   const auto turn = co_await locks.Lock(key);   // until it goes out of scope
//
// A turn is held across waits (it is no mutex: nobody's thread stands still). Who takes several
// takes them in the order of Before, or two could wait for each other.
//
// Threads: any.
// Lifetime: must outlive every Turn and every Lock.
#pragma once

#include <array>
#include <deque>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "cache/cache_key.h"
#include "core/async/park.h"

namespace spa {

class KeyLock {
 public:
  class Turn {
   public:
    Turn() = default;
    Turn(KeyLock& lock, CacheKey key) : lock_(&lock), key_(std::move(key)) {}
    Turn(Turn&& other) noexcept
        : lock_(std::exchange(other.lock_, nullptr)), key_(std::move(other.key_)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (lock_) lock_->Unlock(*key_);
    }

   private:
    KeyLock* lock_ = nullptr;
    std::optional<CacheKey> key_;
  };

  static bool Before(const CacheKey& a, const CacheKey& b) { return a.text() < b.text(); }

  [[nodiscard]] Task<Turn> Lock(CacheKey key) {
    Shard& shard = ShardOf(key);
    auto admit = [&shard, &key](ParkedPtr me) {
      std::lock_guard lock(shard.mutex);
      const auto [at, free] = shard.held.try_emplace(key);
      if (free) return false;
      at->second.push_back(std::move(me));
      return true;
    };
    auto withdraw = [&shard, &key](const ParkedPtr& me) {
      std::lock_guard lock(shard.mutex);
      const auto at = shard.held.find(key);
      return at != shard.held.end() && std::erase(at->second, me) > 0;
    };
    // Free as a rule: then nobody need be suspended.
    bool mine;
    {
      std::lock_guard lock(shard.mutex);
      mine = shard.held.try_emplace(key).second;
    }
    if (!mine) mine = co_await Park(admit, withdraw);
    if (!mine) throw boost::system::system_error(asio::error::operation_aborted);
    co_return Turn(*this, std::move(key));
  }

 private:
  struct alignas(64) Shard {
    std::mutex mutex;
    std::unordered_map<CacheKey, std::deque<ParkedPtr>, CacheKeyHash> held;  // And who waits.
  };

  Shard& ShardOf(const CacheKey& key) { return shards_[key.fingerprint().high % shards_.size()]; }

  void Unlock(const CacheKey& key) {
    ParkedPtr next;
    Shard& shard = ShardOf(key);
    {
      std::lock_guard lock(shard.mutex);
      const auto at = shard.held.find(key);
      if (at->second.empty()) {
        shard.held.erase(at);
      } else {
        next = std::move(at->second.front());
        at->second.pop_front();
      }
    }
    if (next) next->Resume();
  }

  std::array<Shard, 128> shards_;
};

}  // namespace spa
