// Error and Result: how every part of the program says that something went wrong.
//
// Errors are values. A function that can fail returns Result<T>; exceptions are for bugs, exhausted
// memory and cancellation (see core/async/task.h), and stop in main.
//
// The code is what a caller branches on; the message is what a person reads: what was being done,
// to which object. The remedy says what to do about it. Neither ever holds a token or a secret.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace spa {

enum class ErrorCode {
  kUsage,        // Arguments or configuration: exit 2.
  kAuth,         // Credentials or consent refused: exit 4.
  kUnreachable,  // Host never answered, or the connection broke for good: exit 5.
  kUntrusted,    // The host's certificate is not trusted, for good: exit 5.
  kThrottled,    // Still throttled when patience ran out: exit 5.
  kNotFound,     // 404.
  kForbidden,    // 401 after a fresh token, or 403.
  kLocked,       // 423: locked or archived.
  kGone,         // 410: a delta token no longer valid.
  kUnsupported,  // 400 or 501: the service does not do this.
  kRefused,      // We refused: for example a link that leaves the allowed hosts.
  kMalformed,    // An answer that could not be read, also after retries.
  kStorage,      // SQLite, disk.
  kBusy,         // Another run holds the lock: exit 75.
  kInternal,     // A bug.
};

struct Error {
  Error(ErrorCode code, std::string message, std::string remedy = {})
      : code(code), message(std::move(message)), remedy(std::move(remedy)) {}

  ErrorCode code;
  std::string message;
  std::string remedy;        // May be empty.
  int http_status = 0;       // 0 where no HTTP answer was involved.
  std::string service_code;  // For example "accessDenied", as the service spelled it.
  std::string request_id;    // The service's own id of the failed call, for support cases.
  std::optional<std::chrono::duration<double>> retry_after;
};

template <class T>
using Result = tl::expected<T, Error>;  // The one line to change for std::expected.

using Status = Result<void>;

// Fail(ErrorCode::kNotFound, "…") reads better at a return than the library's spelling.
inline tl::unexpected<Error> Fail(Error error) { return tl::unexpected<Error>(std::move(error)); }
inline tl::unexpected<Error> Fail(ErrorCode code, std::string message, std::string remedy = {}) {
  return tl::unexpected<Error>(Error(code, std::move(message), std::move(remedy)));
}

}  // namespace spa
