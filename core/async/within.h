// Within: a task that is given up after a time.
//
//   std::optional<Answer> answer = co_await Within(50ms, Ask());  // Nothing: it took longer.
//
// The task is cancelled then and awaited, so nothing outlives the call. A task that ends the moment
// its time is up may be told either way. What it throws goes on to the caller.
//
// Threads: those of the calling coroutine's executor.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "core/async/task_group.h"

namespace spa {

template <class T>
[[nodiscard]] Task<std::optional<T>> Within(std::chrono::steady_clock::duration time,
                                            Task<T> task) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  std::optional<T> answer;
  const auto end = [&](TaskGroup& group) -> Task<void> {
    asio::steady_timer timer(executor, time);
    co_await timer.async_wait(asio::use_awaitable);
    group.Stop();
  };
  const auto run = [&](TaskGroup& group) -> Task<void> {
    group.Start(end(group));
    answer.emplace(co_await std::move(task));
    group.Stop();
  };
  co_await RunGroup(executor, 0, run);
  co_return answer;
}

}  // namespace spa
