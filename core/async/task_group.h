// TaskGroup: structured concurrency. Work is started in a group and awaited before its owner ends.
//
// If a task throws (a bug or a cancellation), the others are cancelled and Join rethrows. When the
// Join itself is cancelled, all tasks are cancelled and awaited before the cancellation goes on.
// Errors that are values are the tasks' own business.
//
// Threads: the io_context's thread only.
// Lifetime: Join must have returned before the group is destroyed (asserted), and whatever the tasks
// refer to must outlive the Join.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <list>

#include "core/async/task.h"

namespace spa {

class TaskGroup {
 public:
  // `limit`: how many tasks may be unfinished before Spawn waits; 0 for no bound.
  explicit TaskGroup(asio::any_io_executor executor, int limit = 0);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;

  // Starts the task now. Ignores the limit.
  void Start(Task<void> task);
  // Waits until the group has room, then starts the task. After a failure the task is dropped.
  [[nodiscard]] Task<void> Spawn(Task<void> task);
  // Waits for every task, also for those that tasks start meanwhile.
  [[nodiscard]] Task<void> Join();

  int running() const { return running_; }
  void Cancel();

 private:
  [[nodiscard]] Task<void> WaitChange();
  void Finished(std::list<asio::cancellation_signal>::iterator signal, std::exception_ptr failure);

  asio::any_io_executor executor_;
  int limit_;
  int running_ = 0;
  std::list<asio::cancellation_signal> signals_;
  std::exception_ptr failure_;
  asio::steady_timer changed_;
};

}  // namespace spa
