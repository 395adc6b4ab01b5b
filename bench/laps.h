// Laps: times operations that a coroutine does one after the other. AtOnce: the same of many
// callers. And what suites of coroutines share: running one to its end, and a place for a file.
//
// Threads: one.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "bench/measure.h"
#include "core/async/task.h"
#include "core/async/task_group.h"
#include "core/encoding.h"

namespace spa {

class Laps {
 public:
  using Steady = std::chrono::steady_clock;

  // Time before it does not count.
  void Start() { lap_ = Steady::now(); }
  // An operation ended, and was right or not; the next begins.
  void Lap(bool right) {
    const auto now = Steady::now();
    const std::chrono::duration<double, std::nano> took = now - lap_;
    took_.push_back(took.count());
    sum_ += took.count();
    right_ += right;
    lap_ = now;
  }
  // `each`: how many operations a lap stands for.
  BenchResult SumUp(std::string suite, std::string operation_type, double each = 1) {
    BenchResult result;
    result.suite = std::move(suite);
    result.operation_type = std::move(operation_type);
    const auto laps = static_cast<double>(took_.size());
    result.operations_per_second = laps * each / std::max(sum_ / 1e9, 1e-9);
    result.success_rate = static_cast<double>(right_) / std::max(laps, 1.0);
    result.memory_usage_mb = ProcessMegabytes();
    SumUpLatencies(took_, result);
    return result;
  }

 private:
  Steady::time_point lap_ = Steady::now();
  std::vector<double> took_;
  double sum_ = 0;
  std::uint64_t right_ = 0;
};

// `count` operations by so many callers at the same time, each of which waits for one at a time.
// Throughput is of the best round, latencies of all.
class AtOnce {
 public:
  using Operation = std::function<Task<bool>(std::size_t number)>;

  AtOnce(std::size_t callers, std::size_t count, int rounds)
      : callers_(callers), count_(count), rounds_(rounds) {}

  Task<BenchResult> Run(asio::any_io_executor executor, Operation operation) {
    BenchResult result;
    std::function<Task<void>(TaskGroup&)> all = [this, &operation](TaskGroup& group) {
      return StartAll(group, operation);
    };
    for (int round = 0; round < rounds_; ++round) {
      const auto started = Laps::Steady::now();
      co_await RunGroup(executor, 0, all);
      const std::chrono::duration<double> whole = Laps::Steady::now() - started;
      result.operations_per_second =
          std::max(result.operations_per_second,
                   static_cast<double>(count_) / std::max(whole.count(), 1e-9));
    }
    result.success_rate =
        static_cast<double>(right_) / std::max(static_cast<double>(took_.size()), 1.0);
    result.memory_usage_mb = ProcessMegabytes();
    SumUpLatencies(took_, result);
    co_return result;
  }

 private:
  Task<void> StartAll(TaskGroup& group, const Operation& operation) {
    for (std::size_t i = 0; i < callers_; ++i) group.Start(Caller(i, operation));
    co_return;
  }
  Task<void> Caller(std::size_t first, const Operation& operation) {
    for (std::size_t i = first; i < count_; i += callers_) {
      const auto before = Laps::Steady::now();
      const bool right = co_await operation(i);
      const std::chrono::duration<double, std::nano> wait = Laps::Steady::now() - before;
      took_.push_back(wait.count());
      right_ += right;
    }
  }

  const std::size_t callers_, count_;
  const int rounds_;
  std::vector<double> took_;
  std::uint64_t right_ = 0;
};

// Runs `io` until `task` has ended, and rethrows what it threw.
inline void RunToEnd(asio::io_context& io, Task<void> task) {
  bool ended = false;
  std::exception_ptr failure;
  asio::co_spawn(io, std::move(task), [&](std::exception_ptr thrown) {
    failure = thrown;
    ended = true;
  });
  io.restart();
  while (!ended) io.run_one();
  if (failure) std::rethrow_exception(failure);
}

// A folder that goes with it.
class ScratchFolder {
 public:
  ScratchFolder() : path_(std::filesystem::temp_directory_path() / NewGuid()) {}
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  std::string StoreUrl() const { return "disk:" + (path_ / "cache.db").string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace spa
