// TaskGroup: structured concurrency. RunGroup starts a body that may start more tasks in the group,
// and returns when all of them have ended; nothing outlives it.
//
//   co_await RunGroup(executor, 0, [&](TaskGroup& group) -> Task<void> {
//     group.Start(OneThing());
//     co_await group.Spawn(Another());
//   });
//
// If a task throws (a bug, RunAborted or a cancellation), the others are cancelled and RunGroup
// rethrows the first failure. When the caller of RunGroup is cancelled, all tasks are cancelled and
// awaited before the cancellation goes on. Errors that are values are the tasks' own business.
//
// Threads: the io_context's thread only.
// Lifetime: a TaskGroup& is valid until its RunGroup returns.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <functional>
#include <list>

#include "core/async/task.h"

namespace spa {

class TaskGroup {
 public:
  TaskGroup(const TaskGroup&) = delete;
  ~TaskGroup();

  // Starts the task now. Ignores the limit.
  void Start(Task<void> task);
  // Waits until the group has room, then starts the task. After a failure the task is dropped.
  [[nodiscard]] Task<void> Spawn(Task<void> task);
  // Cancels all tasks on purpose: that they end so is no failure.
  void Stop();

  int running() const { return running_; }

 private:
  friend Task<void> RunGroup(asio::any_io_executor, int, std::function<Task<void>(TaskGroup&)>);

  TaskGroup(asio::any_io_executor executor, int limit);
  void Cancel();
  void Finished(std::list<asio::cancellation_signal>::iterator signal, std::exception_ptr failure);

  asio::any_io_executor executor_;
  int limit_;
  int running_ = 0;
  bool stopping_ = false;
  std::list<asio::cancellation_signal> signals_;
  std::exception_ptr failure_;
  asio::steady_timer room_, ended_;  // For Spawn, and for RunGroup.
};

// `limit`: how many spawned tasks may be unfinished before Spawn waits; 0 for no bound.
[[nodiscard]] Task<void> RunGroup(asio::any_io_executor executor, int limit,
                                  std::function<Task<void>(TaskGroup&)> body);

}  // namespace spa
