// The suites' functions, for the table in bench.cpp.
#pragma once

#include <vector>

#include "bench/bench.h"

namespace spa {

using BenchResults = Result<std::vector<BenchResult>>;

// memory_suites.cpp
BenchResults BenchBasic(const BenchOptions& options);
BenchResults BenchL1(const BenchOptions& options);
BenchResults BenchMixed(const BenchOptions& options);
BenchResults BenchWrite(const BenchOptions& options);
BenchResults BenchHitRatio(const BenchOptions& options);
BenchResults BenchMemory(const BenchOptions& options);
BenchResults BenchSweep(const BenchOptions& options);
BenchResults BenchPattern(const BenchOptions& options);
// bytes_suites.cpp
BenchResults BenchKey(const BenchOptions& options);
BenchResults BenchCompression(const BenchOptions& options);
// load_suites.cpp
BenchResults BenchSingleKey(const BenchOptions& options);
BenchResults BenchDedup(const BenchOptions& options);
// ratio_suites.cpp
BenchResults BenchRatios(const BenchOptions& options);
// error_suite.cpp
BenchResults BenchErrors(const BenchOptions& options);
// level_suites.cpp
BenchResults BenchCallers(const BenchOptions& options);
BenchResults BenchDisk(const BenchOptions& options);
BenchResults BenchRedis(const BenchOptions& options);
BenchResults BenchUpdate(const BenchOptions& options);
BenchResults BenchBatch(const BenchOptions& options);
BenchResults BenchCounter(const BenchOptions& options);
BenchResults BenchTag(const BenchOptions& options);
BenchResults BenchHealthLoop(const BenchOptions& options);
// ring_suite.cpp
BenchResults BenchRing(const BenchOptions& options);

}  // namespace spa
