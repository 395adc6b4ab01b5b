// Measure: runs one operation many times on some threads and sums it up in a BenchResult.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "bench/allocations.h"
#include "bench/bench.h"

namespace spa {

double ProcessMegabytes();  // Resident now.
// Sorts `nanoseconds`.
void SumUpLatencies(std::vector<double>& nanoseconds, BenchResult& result);

// `operation(thread, i)` is true where it succeeded. `count` operations a thread and round; every
// `sample_every`th is timed alone. Allocations are those of the operations themselves.
template <class Operation>
BenchResult Measure(std::string suite, std::string operation_type, int threads, std::size_t count,
                    int repeats, Operation operation, std::size_t sample_every = 16) {
  using Steady = std::chrono::steady_clock;
  using Nanoseconds = std::chrono::duration<double, std::nano>;
  BenchResult result;
  result.suite = std::move(suite);
  result.operation_type = std::move(operation_type);
  std::vector<double> latencies;
  std::atomic<std::uint64_t> succeeded{0}, allocated{0};
  for (int round = 0; round < repeats; ++round) {
    std::vector<std::vector<double>> samples(static_cast<std::size_t>(threads));
    std::vector<std::thread> running;
    const auto started = Steady::now();
    for (int t = 0; t < threads; ++t) {
      running.emplace_back([&, t, mine = &samples[static_cast<std::size_t>(t)]] {
        std::uint64_t good = 0;
        mine->reserve(count / sample_every + 1);
        const Allocations allocations;
        for (std::size_t i = 0; i < count; ++i) {
          if (i % sample_every != 0) {
            good += operation(t, i);
            continue;
          }
          const auto before = Steady::now();
          good += operation(t, i);
          mine->push_back(Nanoseconds(Steady::now() - before).count());
        }
        allocated += allocations.count();
        succeeded += good;
      });
    }
    for (auto& thread : running) thread.join();
    const std::chrono::duration<double> took = Steady::now() - started;
    result.operations_per_second =
        std::max(result.operations_per_second,
                 static_cast<double>(count) * threads / std::max(took.count(), 1e-9));
    for (const auto& of_thread : samples) {
      latencies.insert(latencies.end(), of_thread.begin(), of_thread.end());
    }
  }
  SumUpLatencies(latencies, result);
  const double operations = std::max(static_cast<double>(count) * threads * repeats, 1.0);
  result.success_rate = static_cast<double>(succeeded) / operations;
  result.more["allocations_per_operation"] = static_cast<double>(allocated) / operations;
  result.memory_usage_mb = ProcessMegabytes();
  return result;
}

}  // namespace spa
