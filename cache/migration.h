// Migration: moving what stores hold: from one to another, to a file and back, and the comparison
// that proves it.
//
// Kinds that must not leave memory (Residence::kMemory) never pass, even where somebody put them
// into a store. Times are absolute, so a copy lives exactly as long as its original; what has
// expired is not copied. Tags go along; leases, stamps and counters do not.
//
// Threads: the io_context's thread; the files are read and written there, a page at a time.
// Errors: the stores' own; kStorage for the file.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cache/store.h"
#include "core/async/task.h"
#include "core/result.h"

namespace spa {

struct MigrationResult {
  MigrationResult() = default;
  std::size_t entries = 0;
  std::size_t skipped = 0;  // Not of this program's form, of a kind for memory, or expired.
};

// Copies what matches. `from` and `to` must be open; what is under the same key in `to` is
// replaced.
[[nodiscard]] Task<Result<MigrationResult>> Migrate(Store& from, Store& to, Glob glob);

struct TtlMismatch {
  std::string key;
  std::chrono::milliseconds from{0}, to{0};  // What is left of each.
};

struct ValidationReport {
  ValidationReport() = default;
  bool is_consistent = true;  // None of the below.
  bool key_count_match = true;
  std::vector<std::string> value_mismatches;     // Keys: other bytes, or missing on one side.
  std::vector<TtlMismatch> ttl_mismatches;       // Deadlines that differ.
  std::vector<std::string> metadata_mismatches;  // Keys: another schema, compression or tags.
};

// Compares every entry; fences are each store's own and may differ.
[[nodiscard]] Task<Result<ValidationReport>> Validate(Store& from, Store& to);

struct BackupResult {
  BackupResult() = default;
  std::string path;
  std::size_t entries = 0;
  std::uint64_t bytes = 0;
  std::string sha256;  // Of the whole file.
  std::chrono::milliseconds duration{0};
};

// Writes all entries to one file (0600), which appears under its name when it is whole: a line
// "spa-cache-backup 1", records of key and envelope, their number, and a SHA-256 of it all.
[[nodiscard]] Task<Result<BackupResult>> Backup(Store& store, std::string path);

struct RestoreResult {
  RestoreResult() = default;
  std::string path;
  std::size_t entries = 0;
  std::size_t skipped = 0;  // Expired meanwhile, or of a kind for memory.
  std::chrono::milliseconds duration{0};
};

// Checks the whole file before it writes anything: kMalformed where it is damaged or no backup.
[[nodiscard]] Task<Result<RestoreResult>> Restore(std::string path, Store& store,
                                                  CacheTime now = std::chrono::system_clock::now());

}  // namespace spa
