// The suites' functions that are not in stress.cpp itself, for the table there.
#pragma once

#include "bench/stress.h"

namespace spa {

// level_stress.cpp
Result<StressReport> StressChaos(const StressOptions& options);
Result<StressReport> StressContract(const StressOptions& options);
Result<StressReport> StressObservers(const StressOptions& options);
// timing_stress.cpp
Result<StressReport> StressTiming(const StressOptions& options);

}  // namespace spa
