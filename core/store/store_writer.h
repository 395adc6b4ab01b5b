// StoreWriter: the AuditStore as Tasks see it: every use runs on the database thread.
//
// A store that fails ends the run: nothing that was found may be lost silently. So Do throws
// RunAborted, which travels up through the task groups, cancels what is under way and is turned
// into the exit code at the top.
#pragma once

#include <chrono>
#include <exception>
#include <utility>

#include "core/async/concurrency_manager.h"
#include "core/store/audit_store.h"

namespace spa {

// Ends the whole run: the store failed, sign-in was refused, or patience ran out.
class RunAborted : public std::exception {
 public:
  explicit RunAborted(Error error) : error_(std::move(error)) {}
  const Error& error() const { return error_; }
  const char* what() const noexcept override { return error_.message.c_str(); }

 private:
  Error error_;
};

// Errors that no other site or drive would escape, either: they end the run.
inline void AbortIfFatal(const Error& error) {
  if (error.code == ErrorCode::kAuth || error.code == ErrorCode::kThrottled ||
      error.code == ErrorCode::kStorage) {
    throw RunAborted(error);
  }
}

class StoreWriter {
 public:
  StoreWriter(AuditStore& store, ConcurrencyManager& concurrency)
      : store_(store), concurrency_(concurrency) {}

  // Runs fn(store), which returns a Result or Status, and gives its value.
  template <class Fn>
  auto Do(Fn fn) -> Task<typename std::invoke_result_t<Fn&, AuditStore&>::value_type> {
    auto result = co_await concurrency_.RunDb([this, &fn] { return fn(store_); });
    if (!result) throw RunAborted(std::move(result.error()));
    if constexpr (!std::is_void_v<typename decltype(result)::value_type>)
      co_return std::move(*result);
  }

  // Enters an object, or something that is no object, into the coverage ledger.
  [[nodiscard]] Task<void> PutGap(std::optional<Oid> oid, std::string url, const Error& error);
  // What was read `age` ago stands in, because it could not be asked for again.
  [[nodiscard]] Task<void> PutStale(std::optional<Oid> oid, std::string url,
                                    std::chrono::seconds age);
  [[nodiscard]] Task<void> PutGap(std::optional<Oid> oid, std::string url, CoverageState state,
                                  std::string reason, std::string remedy);

 private:
  AuditStore& store_;
  ConcurrencyManager& concurrency_;
};

// The ledger's state for what could not be read because of `code`.
CoverageState StateFor(ErrorCode code);

}  // namespace spa
