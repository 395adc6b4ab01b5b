// InTurns: times an operation too short to be timed alone, by turns of kDifferent of them.
//
// Threads: one.
#pragma once

#include <algorithm>

#include "bench/laps.h"

namespace spa {

inline constexpr std::size_t kDifferent = 64;  // Tokens, answers: so that none is special.

// `operation(i)` of all kDifferent in turn, again and again. Percentiles are of whole turns, each
// too short for a busy machine to fall into many of them: the median is the figure to compare.
template <class Operation>
BenchResult InTurns(const char* operation_type, std::size_t turns, Operation operation) {
  Laps laps;
  for (std::size_t turn = 0; turn < std::max<std::size_t>(turns, 50); ++turn) {
    bool right = true;
    laps.Start();
    for (std::size_t i = 0; i < kDifferent; ++i) right = operation(i) && right;
    laps.Lap(right);
  }
  BenchResult result = laps.SumUp("ratios", operation_type, kDifferent);
  for (double* of_turn : {&result.avg_ms, &result.p50_ms, &result.p95_ms, &result.p99_ms,
                          &result.p99_9_ms, &result.max_ms}) {
    *of_turn /= kDifferent;
  }
  return result;
}

// `result` beside what it stands in for.
inline void Compare(BenchResult& result, const BenchResult& cold) {
  result.more["cold_ns"] = cold.p50_ms * 1e6;
  result.more["cached_ns"] = result.p50_ms * 1e6;
  result.more["ratio"] = cold.p50_ms / result.p50_ms;
}

}  // namespace spa
