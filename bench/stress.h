// Stress: the cache under load that should break it, by suites of a name each: `sharepoint-audit
// cache stress SUITE`.
//
// Threads: blocks its caller; starts and joins threads of its own.
// Errors: kMalformed for a name that is no suite. What the cache did wrong is no error but a
// problem in the report.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace spa {

struct StressOptions {
  StressOptions() = default;
  int threads = 8;
  std::optional<std::size_t> operations;       // In all; nothing: as many as suit the suite.
  std::size_t tasks = 50'000;                  // Callers of single-key.
  std::size_t bytes = std::size_t{256} << 20;  // What `fill` puts in.
  std::chrono::seconds duration{10};           // Of soak.
  std::string a = "none", b;  // Of contract: URLs of second levels; empty: a file of its own.
  std::uint64_t seed = 1;
};

struct StressReport {
  StressReport() = default;
  std::string suite;
  std::vector<std::string> problems;  // None: it held.
  std::map<std::string, double> figures;
};

struct StressSuite {
  std::string_view name;
  std::string_view help;
  Result<StressReport> (*run)(const StressOptions&);
};
std::span<const StressSuite> StressSuites();
Result<StressReport> RunStress(std::string_view suite, const StressOptions& options);

}  // namespace spa
