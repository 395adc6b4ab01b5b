// Exit codes: the one place that turns how a command ended into the number scripts branch on
// (contract.md "Exit codes").
#pragma once

#include "core/result.h"

namespace spa {

enum class ExitCode {
  kDone = 0,
  kFailure = 1,
  kUsage = 2,
  kFindings = 3,       // Findings at or over --fail-on.
  kAuth = 4,           // Authentication or consent.
  kUnreachable = 5,    // Tenant unreachable, or throttled past the patience limit; resumable.
  kCoverage = 6,       // Coverage under --min-coverage.
  kBusy = 75,          // Another run holds the lock.
  kInterrupted = 130,  // Resumable.
};

ExitCode ExitCodeOf(ErrorCode code);

}  // namespace spa
