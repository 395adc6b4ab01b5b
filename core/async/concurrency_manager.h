// ConcurrencyManager: how much may happen at once, per kind of resource.
//
// Three awaitable semaphores: API calls in flight (the only way to a socket: HttpClient takes a
// permit for every request it sends), database work, and CPU-bound work. Waiters are served in
// order of arrival.
//
// Threads: Acquire, Permit and all Tasks belong to the io_context's thread; the functions given to
// RunDb and RunCpu run on worker threads.
// Lifetime: must outlive every Task that uses it; Permits give back their slot when destroyed.
// Cancellation: a waiting Acquire can be cancelled and leaves no trace.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <list>
#include <memory>

#include "core/async/task.h"

namespace spa {

class Semaphore {
 public:
  class Permit {
   public:
    Permit() = default;
    explicit Permit(Semaphore* owner) : owner_(owner) {}
    Permit(Permit&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Permit& operator=(Permit&& other) noexcept {
      std::swap(owner_, other.owner_);
      return *this;
    }
    ~Permit() {
      if (owner_) owner_->Release();
    }

   private:
    Semaphore* owner_ = nullptr;
  };

  Semaphore(asio::any_io_executor executor, int permits);

  [[nodiscard]] Task<Permit> Acquire();

  int limit() const { return limit_; }
  int in_use() const { return in_use_; }
  int peak() const { return peak_; }

 private:
  struct Waiter;
  void Release();
  void Grant();
  void Take();

  asio::any_io_executor executor_;
  int limit_;
  int in_use_ = 0;
  int waking_ = 0;  // granted a permit, not yet running again: nobody overtakes them
  int peak_ = 0;
  std::list<Waiter*> waiters_;
};

class ConcurrencyManager {
 public:
  struct Limits {
    int api_calls = 20;
    int db_connections = 10;  // The store has one writer; the rest are readers.
    int cpu_tasks = 0;        // 0: one per hardware thread.
    // All work runs on the caller's thread, in the order it is asked for, so that what a run does
    // depends on its answers alone (--replay).
    bool in_order = false;
  };

  ConcurrencyManager(asio::io_context& io, Limits limits);
  ~ConcurrencyManager();

  Semaphore& api() { return api_; }
  Semaphore& db() { return db_; }
  Semaphore& cpu() { return cpu_; }

  // Runs fn on the database thread, one at a time, in order of arrival.
  template <class Fn>
  Task<std::invoke_result_t<Fn&>> RunDb(Fn fn) {
    auto permit = co_await db_.Acquire();
    if (in_order_) co_return fn();
    co_return co_await RunOn(db_thread_.get_executor(), std::move(fn));
  }

  // Runs fn on a worker thread; at most `cpu_tasks` at once.
  template <class Fn>
  Task<std::invoke_result_t<Fn&>> RunCpu(Fn fn) {
    auto permit = co_await cpu_.Acquire();
    if (in_order_) co_return fn();
    co_return co_await RunOn(cpu_threads_.get_executor(), std::move(fn));
  }

 private:
  Semaphore api_;
  Semaphore db_;
  Semaphore cpu_;
  bool in_order_;
  asio::thread_pool db_thread_;
  asio::thread_pool cpu_threads_;
};

}  // namespace spa
