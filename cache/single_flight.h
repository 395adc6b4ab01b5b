// SingleFlight: one load per key, whatever the number of callers.
//
// The first caller of a key starts the load in a coroutine of its own, on a strand of that caller's
// executor; everybody who asks while it runs waits for it and gets what it got: the same result, or
// the same exception.
//
// Cancellation: a caller may leave at any time without harm to the others. When the last one
// leaves, the load is cancelled and that caller waits for its end before its own cancellation goes
// on. So no load outlives all who wait for it, and none outlives this object if no Run does.
//
// Publishing: `publish` is called with the result before the flight is released, so that there is
// no moment in which neither the result nor the flight can be found. It is not called for a load
// that threw, was abandoned, or was overtaken meanwhile.
//
// Versions: each Overtake and Disturb raises the version of the key's shard. Who reads a value
// somewhere else notes the version before, and publishes by IfUndisturbed: so an old value never
// comes back after a write.
//
// Beware: a load must not ask for its own key, also not through others: it would wait for itself.
//
// Threads: any. Flights lie in 128 shards, each under a mutex of its own, which is held while
// `publish` and the functions given to Overtake and IfUndisturbed run: these must be short and must
// not wait. Lock order: this mutex, then those of MemoryStore.
// Lifetime: must outlive every Run. The load function is kept until its Task has ended, and may
// therefore be a capturing lambda; what it refers to must outlive every caller's Run, not just the
// first one's.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <cassert>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "cache/cache_key.h"
#include "core/async/park.h"
#include "core/async/task.h"

namespace spa {

// A strand of its own upon what the executor runs on.
inline asio::any_io_executor FreshStrand(const asio::any_io_executor& executor) {
  using Strand = asio::strand<asio::any_io_executor>;
  if (const auto* strand = executor.target<Strand>()) {
    return asio::make_strand(strand->get_inner_executor());
  }
  return asio::make_strand(executor);
}

template <class R>
class SingleFlight {
 public:
  static constexpr std::size_t kShards = 128;
  using Load = std::function<Task<R>()>;
  using Publish = std::function<void(const R&)>;
  using Boarded = std::function<void(bool joined)>;

  struct Counters {
    std::atomic<std::uint64_t> started{0}, joined{0}, cancelled{0}, failed{0}, active{0};
    mutable std::atomic<std::uint64_t> waits{0};  // For a shard's mutex that somebody else had.
  };

  SingleFlight() = default;
  SingleFlight(const SingleFlight&) = delete;
  ~SingleFlight() { assert(counters_.active == 0 && "every Run must have ended"); }

  // A load for the key is under way, and Run would join it.
  bool Has(const CacheKey& key) const {
    const Shard& shard = ShardOf(key);
    const auto lock = Lock(shard);
    return shard.flights.contains(key);
  }

  // What is under way was overtaken by an erase or a write: its callers still get its result, but
  // it is not published, and whoever asks from now on starts a new load. Then `fn` runs, before
  // any of these; its result is returned.
  template <class Fn>
  auto Overtake(const CacheKey& key, Fn fn) {
    Shard& shard = ShardOf(key);
    const auto lock = Lock(shard);
    ++shard.version;
    shard.flights.erase(key);
    return fn();
  }
  void Detach(const CacheKey& key) {
    Overtake(key, [] {});
  }
  void DetachAll() {
    for (Shard& shard : shards_) {
      const auto lock = Lock(shard);
      ++shard.version;
      shard.flights.clear();
    }
  }
  // Somebody else changed the key: `fn` runs, and what was read elsewhere before is not published.
  template <class Fn>
  auto Disturb(const CacheKey& key, Fn fn) {
    Shard& shard = ShardOf(key);
    const auto lock = Lock(shard);
    ++shard.version;
    return fn();
  }
  std::uint64_t Version(const CacheKey& key) const {
    const Shard& shard = ShardOf(key);
    const auto lock = Lock(shard);
    return shard.version;
  }
  // Runs `fn` where nothing of the shard has changed since; false where something has.
  template <class Fn>
  bool IfUndisturbed(const CacheKey& key, std::uint64_t version, Fn fn) {
    Shard& shard = ShardOf(key);
    const auto lock = Lock(shard);
    if (shard.version != version) return false;
    fn();
    return true;
  }

  // `boarded` is told at once whether the call joined a load or started one.
  [[nodiscard]] Task<R> Run(CacheKey key, Load load, Publish publish, Boarded boarded = {}) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    bool joined = true;
    FlightPtr flight = Board(std::move(key), executor, std::move(publish), joined);
    if (boarded) boarded(joined);
    if (!joined) Depart(flight, std::move(load));
    bool landed = false;
    try {
      landed = co_await Wait(flight);
    } catch (const boost::system::system_error&) {
      // Cancelled before the wait began.
    }
    if (!landed) {
      if (Leave(flight)) {
        // This caller is cancelled already: wait for the load's end undisturbed.
        const bool throws = co_await asio::this_coro::throw_if_cancelled();
        co_await asio::this_coro::throw_if_cancelled(false);
        asio::post(flight->executor,
                   [flight] { flight->cancel.emit(asio::cancellation_type::terminal); });
        while (!co_await Wait(flight)) {
        }
        co_await asio::this_coro::throw_if_cancelled(throws);
      }
      throw boost::system::system_error(asio::error::operation_aborted);
    }
    if (flight->failure) std::rethrow_exception(flight->failure);
    co_return *flight->result;
  }

  const Counters& counters() const { return counters_; }

 private:
  struct Flight {
    Flight(asio::any_io_executor executor, CacheKey key, Publish publish)
        : executor(std::move(executor)), key(std::move(key)), publish(std::move(publish)) {}

    const asio::any_io_executor executor;  // A strand: of the load, and of its cancellation.
    const CacheKey key;
    const Publish publish;
    asio::cancellation_signal cancel;
    std::optional<R> result;
    std::exception_ptr failure;
    // Under the shard's mutex:
    std::unordered_set<ParkedPtr> waiters;
    std::size_t waiting = 0;  // Callers that have not left; more than those parked.
    bool landed = false;
  };
  using FlightPtr = std::shared_ptr<Flight>;

  struct alignas(64) Shard {
    mutable std::recursive_mutex mutex;  // `publish` may look around.
    std::uint64_t version = 0;
    std::unordered_map<CacheKey, FlightPtr, CacheKeyHash> flights;
  };

  Shard& ShardOf(const CacheKey& key) { return shards_[(key.fingerprint().high >> 8) % kShards]; }
  const Shard& ShardOf(const CacheKey& key) const {
    return shards_[(key.fingerprint().high >> 8) % kShards];
  }

  std::unique_lock<std::recursive_mutex> Lock(const Shard& shard) const {
    std::unique_lock lock(shard.mutex, std::try_to_lock);
    if (lock) return lock;
    counters_.waits.fetch_add(1, std::memory_order_relaxed);
    lock.lock();
    return lock;
  }

  FlightPtr Board(CacheKey key, const asio::any_io_executor& executor, Publish publish,
                  bool& joined) {
    Shard& shard = ShardOf(key);
    const auto lock = Lock(shard);
    FlightPtr& slot = shard.flights[key];
    joined = slot != nullptr;
    if (!joined) {
      slot = std::make_shared<Flight>(FreshStrand(executor), std::move(key), std::move(publish));
      counters_.started.fetch_add(1, std::memory_order_relaxed);
      counters_.active.fetch_add(1, std::memory_order_relaxed);
    } else {
      counters_.joined.fetch_add(1, std::memory_order_relaxed);
    }
    ++slot->waiting;
    return slot;
  }

  // True where the load has landed, false where the caller was cancelled.
  Task<bool> Wait(FlightPtr flight) {
    Shard& shard = ShardOf(flight->key);
    auto admit = [this, &shard, &flight](ParkedPtr me) {
      const auto lock = Lock(shard);
      if (flight->landed) return false;
      flight->waiters.insert(std::move(me));
      return true;
    };
    auto withdraw = [this, &shard, &flight](const ParkedPtr& me) {
      const auto lock = Lock(shard);
      return flight->waiters.erase(me) > 0;
    };
    co_return co_await Park(admit, withdraw);
  }

  // True where that was the last caller of a load under way: it is nobody's from now on.
  bool Leave(const FlightPtr& flight) {
    Shard& shard = ShardOf(flight->key);
    const auto lock = Lock(shard);
    if (--flight->waiting > 0 || flight->landed) return false;
    Release(shard, flight);
    counters_.cancelled.fetch_add(1, std::memory_order_relaxed);
    return true;
  }

  // Takes the flight out of the map, if it is still the one under its key.
  bool Release(Shard& shard, const FlightPtr& flight) {
    const auto at = shard.flights.find(flight->key);
    if (at == shard.flights.end() || at->second != flight) return false;
    shard.flights.erase(at);
    return true;
  }

  static Task<void> Drive(FlightPtr flight, Load load) { flight->result.emplace(co_await load()); }

  void Depart(const FlightPtr& flight, Load load) {
    auto slot = flight->cancel.slot();
    auto driven = Drive(flight, std::move(load));
    asio::co_spawn(flight->executor, std::move(driven),
                   asio::bind_cancellation_slot(slot, [this, flight](std::exception_ptr failure) {
                     Land(flight, failure);
                   }));
  }

  void Land(const FlightPtr& flight, std::exception_ptr failure) {
    std::unordered_set<ParkedPtr> waiters;
    {
      Shard& shard = ShardOf(flight->key);
      const auto lock = Lock(shard);
      const auto at = shard.flights.find(flight->key);
      if (!failure && at != shard.flights.end() && at->second == flight) {
        flight->publish(*flight->result);
      }
      Release(shard, flight);
      flight->failure = failure;
      flight->landed = true;
      waiters.swap(flight->waiters);
      if (failure) counters_.failed.fetch_add(1, std::memory_order_relaxed);
      counters_.active.fetch_sub(1, std::memory_order_relaxed);
    }
    for (const ParkedPtr& waiter : waiters) waiter->Resume();
  }

  std::array<Shard, kShards> shards_;
  Counters counters_;
};

}  // namespace spa
