// Measurements of the cache, by suites of a name each: `sharepoint-audit cache bench SUITE`.
//
// A suite runs operations and says how fast they were and how many succeeded. Throughput comes from
// whole rounds, the best of `repeats`; latencies from every 16th operation of all rounds, so that
// reading the clock does not weigh on the rest. Values of hits are checked: a wrong one counts as
// no success. Traces are in bench/traces.h.
//
// Threads: blocks its caller; starts and joins threads of its own.
// Errors: kMalformed for a name that is no suite; kUsage where a suite needs an option; the suite's
// own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/eviction.h"
#include "core/result.h"

namespace spa {

struct BenchOptions {
  BenchOptions() = default;
  std::vector<int> threads{1, 2};
  std::vector<EvictionPolicy> policies{EvictionPolicy::kHybrid, EvictionPolicy::kLru,
                                       EvictionPolicy::kS3Fifo};
  std::vector<std::string> traces;                          // Of hit-ratio; empty: all.
  std::vector<std::size_t> sizes{1'000, 5'000, 20'000};     // Entries of a store, in hit-ratio.
  std::vector<std::size_t> tasks{10'000, 50'000, 200'000};  // Of single-key.
  std::size_t keys = 100'000;
  std::size_t operations = 1'000'000;  // A round.
  std::size_t value_bytes = 200;
  int repeats = 3;
  int iterations = 100;  // Of health-loop.
  std::uint64_t seed = 1;
  std::string l2;  // Of suites with a second level: its URL; empty: a file of the suite's own.
  std::size_t concurrency = 2'000;  // Callers at once, of basic, disk and redis.
  bool pipeline = true;             // Of redis. False: those callers wait for each other.
  bool against_plain_lru = false;   // Of l1, mixed and write: also bench/plain_lru.h.
  std::optional<std::filesystem::path> trace_file;  // Instead of a trace made for the suite.
};

struct BenchResult {
  BenchResult() = default;
  std::string suite;
  std::string operation_type;
  double avg_ms = 0, p50_ms = 0, p95_ms = 0, p99_ms = 0, p99_9_ms = 0, max_ms = 0;
  double operations_per_second = 0;
  double memory_usage_mb = 0;          // Of the process, at the end.
  double success_rate = 1;             // 0 to 1
  std::optional<double> hit_ratio;     // 0 to 1, where there is one to speak of.
  std::map<std::string, double> more;  // What only this suite measures.
};

struct BenchSuite {
  std::string_view name;
  std::string_view help;
  Result<std::vector<BenchResult>> (*run)(const BenchOptions&);
};
std::span<const BenchSuite> BenchSuites();
Result<std::vector<BenchResult>> RunBench(std::string_view suite, const BenchOptions& options);

nlohmann::json ToJson(const std::vector<BenchResult>& results);
// Of what ToJson gave, as text. kMalformed: it is something else.
Result<std::vector<BenchResult>> BenchResultsFrom(const std::string& text);
std::string BenchMarkdown(const std::vector<BenchResult>& results);

// An operation that has become slower than in an earlier run.
struct Regression {
  Regression() = default;
  std::string operation_type;
  double percent = 0;  // Of operations a second, lost.
  bool fails = false;  // At least `fail_percent`; else at least `warn_percent`.
};
// `baseline` is what ToJson gave. kStorage: it cannot be read.
Result<std::vector<Regression>> CompareToBaseline(const std::vector<BenchResult>& results,
                                                  const std::filesystem::path& baseline,
                                                  double warn_percent, double fail_percent);

}  // namespace spa
