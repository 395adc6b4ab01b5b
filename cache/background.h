// Background: work that nobody waits for at the moment: refreshes, comparisons, maintenance. It is
// a group all the same: Settle waits for it, Close ends it, and none of it outlives the cache.
//
// Threads: any. Each task runs on a strand of its own.
// Errors: what a task throws ends that task alone; `failed` is told.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_set>

#include "core/async/park.h"
#include "core/async/task.h"

namespace spa {

class Background {
 public:
  explicit Background(std::function<void(std::exception_ptr)> failed = {});
  ~Background();
  Background(const Background&) = delete;

  // From now on tasks are taken, and run on `executor`.
  void Open(asio::any_io_executor executor);
  bool open() const;
  // False, and the task never begins, where it is not open. `lasting`: a loop that Settle does not
  // wait for.
  bool Start(Task<void> task, bool lasting = false);
  // Waits until nothing but lasting tasks runs. Where the caller is cancelled meanwhile, so are the
  // tasks, and they are still awaited.
  [[nodiscard]] Task<void> Settle();
  // Takes no more; settles, then cancels the lasting tasks and waits for them.
  [[nodiscard]] Task<void> Close();

 private:
  struct Running;
  void Ended(std::list<Running>::iterator which, std::exception_ptr failure);
  void CancelAll();
  Task<void> AwaitIdle(bool lasting_too);
  bool Idle(bool lasting_too) const;

  std::function<void(std::exception_ptr)> failed_;
  mutable std::mutex mutex_;
  std::optional<asio::any_io_executor> executor_;
  std::list<Running> running_;
  std::unordered_set<ParkedPtr> waiters_;
};

}  // namespace spa
