// The cache or a store, opened for the length of one verb of `cache`.
//
// Each With… makes an io_context, opens, runs the work to its end on this thread, closes, and gives
// its result on. SIGINT and SIGTERM cancel the work: exit code 130.
//
// A second level that does not answer is a warning in the log, and WithCache goes on with
// memory alone, as an audit does. WithStore needs the store and fails: kUnreachable; kUsage where
// there is none.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "cache/cache_manager.h"
#include "cache/store.h"
#include "cli/cache/verbs.h"
#include "core/async/task.h"

namespace spa {

Result<ExitCode> WithCache(const CacheCall& call,
                           std::function<Task<Result<ExitCode>>(CacheManager& caches)> work);

// The store of the configuration.
Result<ExitCode> WithStore(const CacheCall& call,
                           std::function<Task<Result<ExitCode>>(Store& store)> work);
// Neither: only the loop to run on.
Result<ExitCode> WithLoop(std::function<Task<Result<ExitCode>>()> work);
// Two by their URLs.
Result<ExitCode> WithStores(const CacheCall& call, const std::string& from, const std::string& to,
                            std::function<Task<Result<ExitCode>>(Store& from, Store& to)> work);

// Waits; ends early by cancellation alone.
[[nodiscard]] Task<void> Sleep(std::chrono::milliseconds time);

// Runs the work; false where it took longer than `limit` (0: none): then it was cancelled, and has
// ended.
[[nodiscard]] Task<bool> Within(std::chrono::milliseconds limit, std::function<Task<void>()> work);

}  // namespace spa
