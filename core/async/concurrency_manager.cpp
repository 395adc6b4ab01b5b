#include "core/async/concurrency_manager.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <thread>

namespace spa {

// A waiter lives in its coroutine's frame; Take() hands it a permit by expiring its timer.
struct Semaphore::Waiter {
  explicit Waiter(const asio::any_io_executor& executor)
      : timer(executor, asio::steady_timer::time_point::max()) {}

  asio::steady_timer timer;
  bool granted = false;
};

Semaphore::Semaphore(asio::any_io_executor executor, int permits)
    : executor_(std::move(executor)), limit_(std::max(1, permits)) {}

void Semaphore::Take() {
  ++in_use_;
  peak_ = std::max(peak_, in_use_);
}

void Semaphore::Release() {
  --in_use_;
  Grant();
}

// Hands free permits to those who wait longest. They run again in a later turn of the loop, and
// until then nobody may overtake them.
void Semaphore::Grant() {
  while (in_use_ < limit_ && !waiters_.empty()) {
    Waiter* next = waiters_.front();
    waiters_.pop_front();
    next->granted = true;
    ++waking_;
    Take();
    next->timer.cancel();
  }
}

Task<Semaphore::Permit> Semaphore::Acquire() {
  if (in_use_ < limit_ && waiters_.empty() && waking_ == 0) {
    Take();
    co_return Permit(this);
  }
  Waiter waiter(executor_);
  waiters_.push_back(&waiter);
  // Whatever ends the wait, the waiter must not stay in the list, nor a granted permit be lost.
  struct Leave {
    Semaphore& semaphore;
    Waiter& waiter;
    ~Leave() {
      if (waiter.granted) {
        --semaphore.waking_;
        semaphore.Grant();
      } else {
        semaphore.waiters_.remove(&waiter);
      }
    }
  } leave{*this, waiter};
  boost::system::error_code woken;
  co_await waiter.timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  if (waiter.granted) co_return Permit(this);
  throw boost::system::system_error(asio::error::operation_aborted);
}

ConcurrencyManager::ConcurrencyManager(asio::io_context& io, Limits limits)
    : api_(io.get_executor(), limits.api_calls),
      db_(io.get_executor(), limits.db_connections),
      cpu_(io.get_executor(),
           limits.cpu_tasks > 0
               ? limits.cpu_tasks
               : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))),
      in_order_(limits.in_order),
      db_thread_(1),
      cpu_threads_(static_cast<std::size_t>(cpu_.limit())) {}

ConcurrencyManager::~ConcurrencyManager() {
  db_thread_.join();
  cpu_threads_.join();
}

}  // namespace spa
