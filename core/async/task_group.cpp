#include "core/async/task_group.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <cassert>

namespace spa {

TaskGroup::TaskGroup(asio::any_io_executor executor, int limit)
    : executor_(std::move(executor)),
      limit_(limit),
      changed_(executor_, asio::steady_timer::time_point::max()) {}

TaskGroup::~TaskGroup() { assert(running_ == 0 && "Join the group before its owner ends"); }

void TaskGroup::Start(Task<void> task) {
  ++running_;
  auto signal = signals_.emplace(signals_.end());
  asio::co_spawn(executor_, std::move(task),
                 asio::bind_cancellation_slot(signal->slot(), [this, signal](std::exception_ptr e) {
                   Finished(signal, e);
                 }));
}

Task<void> TaskGroup::Spawn(Task<void> task) {
  while (limit_ > 0 && running_ >= limit_ && !failure_) co_await WaitChange();
  if (!failure_) Start(std::move(task));
}

Task<void> TaskGroup::Join() {
  bool cancelled = false;
  while (running_ > 0) {
    try {
      co_await WaitChange();
    } catch (const boost::system::system_error&) {
      // The joiner was cancelled: so are the tasks. From here on wait to the end undisturbed.
      cancelled = true;
    }
    if (cancelled) {
      co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
      Cancel();
      while (running_ > 0) co_await WaitChange();
      co_await asio::this_coro::reset_cancellation_state();
    }
  }
  if (cancelled) throw boost::system::system_error(asio::error::operation_aborted);
  if (failure_) std::rethrow_exception(failure_);
}

void TaskGroup::Cancel() {
  for (auto it = signals_.begin(); it != signals_.end();) (it++)->emit(asio::cancellation_type::terminal);
}

// Ends when a task finished, or throws when the waiting task is cancelled.
Task<void> TaskGroup::WaitChange() {
  boost::system::error_code woken;
  co_await changed_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) {
    throw boost::system::system_error(asio::error::operation_aborted);
  }
}

void TaskGroup::Finished(std::list<asio::cancellation_signal>::iterator signal,
                         std::exception_ptr failure) {
  --running_;
  signals_.erase(signal);
  if (failure && !failure_) {
    failure_ = failure;
    asio::post(executor_, [this] { if (running_ > 0) Cancel(); });
  }
  changed_.cancel();
}

}  // namespace spa
