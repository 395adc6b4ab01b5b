#include "cli/exit_code.h"

namespace spa {

ExitCode ExitCodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUsage:
      return ExitCode::kUsage;
    case ErrorCode::kAuth:
    case ErrorCode::kForbidden:
      return ExitCode::kAuth;
    case ErrorCode::kUnreachable:
    case ErrorCode::kUntrusted:
    case ErrorCode::kThrottled:
      return ExitCode::kUnreachable;
    case ErrorCode::kBusy:
      return ExitCode::kBusy;
    case ErrorCode::kNotFound:
    case ErrorCode::kLocked:
    case ErrorCode::kGone:
    case ErrorCode::kUnsupported:
    case ErrorCode::kRefused:
    case ErrorCode::kMalformed:
    case ErrorCode::kStorage:
    case ErrorCode::kInternal:
      return ExitCode::kFailure;
  }
  return ExitCode::kFailure;
}

}  // namespace spa
