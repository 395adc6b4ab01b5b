#include "core/async/task_group.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <cassert>

namespace spa {
namespace {

bool WasCancelled(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error& error) {
    return IsCancellation(error);
  } catch (...) {
    return false;
  }
}

}  // namespace

TaskGroup::TaskGroup(asio::any_io_executor executor, int limit)
    : executor_(std::move(executor)),
      limit_(limit),
      room_(executor_, asio::steady_timer::time_point::max()),
      ended_(executor_, asio::steady_timer::time_point::max()) {}

TaskGroup::~TaskGroup() { assert(running_ == 0 && "RunGroup waits for every task"); }

void TaskGroup::Start(Task<void> task) {
  ++running_;
  auto signal = signals_.emplace(signals_.end());
  asio::co_spawn(executor_, std::move(task),
                 asio::bind_cancellation_slot(signal->slot(), [this, signal](std::exception_ptr e) {
                   Finished(signal, e);
                 }));
}

Task<void> TaskGroup::Spawn(Task<void> task) {
  while (limit_ > 0 && running_ >= limit_ && !failure_) {
    boost::system::error_code woken;
    co_await room_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
      room_.cancel_one();  // The turn may have been ours.
      throw boost::system::system_error(asio::error::operation_aborted);
    }
  }
  if (!failure_ && !stopping_) Start(std::move(task));
}

void TaskGroup::Stop() {
  stopping_ = true;
  // In a turn of its own: who calls may be one of the tasks, and a coroutine that is cancelled
  // before it was ever suspended never tells its end.
  asio::post(executor_, [this] { Cancel(); });
}

void TaskGroup::Cancel() {
  for (auto it = signals_.begin(); it != signals_.end();)
    (it++)->emit(asio::cancellation_type::terminal);
}

void TaskGroup::Finished(std::list<asio::cancellation_signal>::iterator signal,
                         std::exception_ptr failure) {
  --running_;
  signals_.erase(signal);
  const bool expected = failure && stopping_ && WasCancelled(failure);
  if (failure && !expected && !failure_) {
    failure_ = failure;
    // In a turn of its own: cancelling tears at coroutines, and we stand in the end of one. The
    // turn comes before RunGroup's, which is woken below.
    asio::post(executor_, [this] { Cancel(); });
  }
  // Room for one: who else waits would wait again.
  failure_ ? room_.cancel() : room_.cancel_one();
  if (failure_ || running_ == 0) ended_.cancel();
}

Task<void> RunGroup(asio::any_io_executor executor, int limit,
                    std::function<Task<void>(TaskGroup&)> body) {
  // From here on we look for cancellation ourselves: thrown at a co_await it would leave the tasks
  // behind.
  co_await asio::this_coro::throw_if_cancelled(false);
  TaskGroup group(executor, limit > 0 ? limit + 1 : 0);  // The body is one of them.
  group.Start(body(group));
  bool cancelled = false;
  for (;;) {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (!cancelled && state.cancelled() != asio::cancellation_type::none) {
      cancelled = true;
      co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
      group.Cancel();
    }
    if (group.running_ == 0) break;
    boost::system::error_code woken;
    co_await group.ended_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  // One more turn of the loop, so that a posted Cancel finds its group alive.
  co_await asio::post(executor, asio::use_awaitable);
  if (cancelled)
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
  co_await asio::this_coro::throw_if_cancelled(true);
  if (group.failure_ && !(cancelled && WasCancelled(group.failure_))) {
    std::rethrow_exception(group.failure_);
  }
  if (cancelled) throw boost::system::system_error(asio::error::operation_aborted);
}

}  // namespace spa
