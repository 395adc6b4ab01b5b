// SingleFlight: one load per key, whatever the number of callers.
//
// The first caller of a key starts the load in a coroutine of its own; everybody who asks while it
// runs waits for it and gets what it got: the same result, or the same exception.
//
// Cancellation: a caller may leave at any time without harm to the others. When the last one
// leaves, the load is cancelled and that caller waits for its end before its own cancellation goes
// on. So no load outlives all who wait for it, and none outlives this object if no Run does.
//
// Publishing: `publish` is called with the result before the flight is released, so that there is
// no moment in which neither the result nor the flight can be found. It is not called for a load
// that threw, was abandoned, or was detached meanwhile.
//
// Beware: a load must not ask for its own key, also not through others: it would wait for itself.
//
// Threads: the io_context's thread.
// Lifetime: must outlive every Run. The load function is kept until its Task has ended, and may
// therefore be a capturing lambda; what it refers to must outlive every caller's Run, not just the
// first one's.
#pragma once

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <cassert>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "cache/cache_key.h"
#include "core/async/task.h"

namespace spa {

template <class R>
class SingleFlight {
 public:
  using Load = std::function<Task<R>()>;
  using Publish = std::function<void(const R&)>;

  SingleFlight() = default;
  SingleFlight(const SingleFlight&) = delete;
  ~SingleFlight() { assert(flights_.empty() && "every Run must have ended"); }

  // A load for the key is under way, and Run would join it.
  bool Has(const CacheKey& key) const { return flights_.contains(key); }

  // What is under way was overtaken by an erase or a write: its callers still get its result, but
  // it is not published, and whoever asks from now on starts a new load.
  void Detach(const CacheKey& key) { flights_.erase(key); }

  [[nodiscard]] Task<R> Run(CacheKey key, Load load, Publish publish) {
    std::shared_ptr<Flight> flight = Find(key);
    if (!flight) {
      const auto executor = co_await asio::this_coro::executor;
      flight = std::make_shared<Flight>(executor, std::move(key), std::move(publish));
      flights_.emplace(flight->key, flight);
      ++flight->waiting;
      Depart(executor, flight, std::move(load));
    } else {
      ++flight->waiting;
    }
    bool left = false;
    try {
      boost::system::error_code woken;
      while (!flight->landed && !left) {
        co_await flight->changed.async_wait(asio::redirect_error(asio::use_awaitable, woken));
        left = !flight->landed;  // Only a landing and a cancellation end the wait.
      }
    } catch (const boost::system::system_error&) {
      left = true;  // Cancelled before the wait began.
    }
    if (left) {
      if (--flight->waiting == 0) {
        // This caller is cancelled already: wait for the load's end undisturbed.
        const bool throws = co_await asio::this_coro::throw_if_cancelled();
        co_await asio::this_coro::throw_if_cancelled(false);
        co_await Abandon(flight);
        co_await asio::this_coro::throw_if_cancelled(throws);
      }
      throw boost::system::system_error(asio::error::operation_aborted);
    }
    if (flight->failure) std::rethrow_exception(flight->failure);
    co_return *flight->result;
  }

 private:
  struct Flight {
    Flight(const asio::any_io_executor& executor, CacheKey key, Publish publish)
        : key(std::move(key)),
          publish(std::move(publish)),
          changed(executor, asio::steady_timer::time_point::max()) {}

    CacheKey key;
    Publish publish;
    asio::steady_timer changed;  // Never expires; cancelled when the load has landed.
    asio::cancellation_signal cancel;
    std::size_t waiting = 0;
    bool landed = false;
    std::optional<R> result;
    std::exception_ptr failure;
  };
  using FlightPtr = std::shared_ptr<Flight>;

  FlightPtr Find(const CacheKey& key) const {
    const auto at = flights_.find(key);
    return at == flights_.end() ? nullptr : at->second;
  }

  bool IsCurrent(const FlightPtr& flight) const { return Find(flight->key) == flight; }

  static Task<void> Drive(FlightPtr flight, Load load) { flight->result.emplace(co_await load()); }

  void Depart(const asio::any_io_executor& executor, FlightPtr flight, Load load) {
    auto slot = flight->cancel.slot();
    auto driven = Drive(flight, std::move(load));
    asio::co_spawn(executor, std::move(driven),
                   asio::bind_cancellation_slot(
                       slot, [this, flight = std::move(flight)](std::exception_ptr failure) {
                         Land(flight, failure);
                       }));
  }

  void Land(const FlightPtr& flight, std::exception_ptr failure) {
    flight->failure = failure;
    flight->landed = true;
    if (IsCurrent(flight)) {
      if (!failure) flight->publish(*flight->result);
      flights_.erase(flight->key);
    }
    flight->changed.cancel();
  }

  Task<void> Abandon(FlightPtr flight) {
    if (IsCurrent(flight)) flights_.erase(flight->key);
    flight->cancel.emit(asio::cancellation_type::terminal);
    boost::system::error_code woken;
    while (!flight->landed) {
      co_await flight->changed.async_wait(asio::bind_cancellation_slot(
          asio::cancellation_slot(), asio::redirect_error(asio::use_awaitable, woken)));
    }
  }

  std::unordered_map<CacheKey, FlightPtr, CacheKeyHash> flights_;
};

}  // namespace spa
