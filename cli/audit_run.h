// RunAudit: one audit from sign-in to summary. The command line checks and fills AuditOptions; the
// run knows nothing of flags, files of configuration or exit codes.
//
// Threads: call from the main thread; it runs its own io_context and returns when all work has
// ended. Signals: SIGINT and SIGTERM end the run early with a checkpoint; the outcome then says
// interrupted. Errors: what stopped the run as a whole. What could not be read is in the summary's
// coverage.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "cache/cache_stats.h"
#include "core/config/config.h"
#include "core/result.h"
#include "core/shard.h"
#include "core/store/audit_store.h"
#include "report/summary.h"

namespace spa {

struct AuditOptions {
  AuditOptions() = default;

  Config config;          // Checked; --sites, --max-sites and the like are already in it.
  bool no_cache = false;  // Neither cache level nor coalescing, for the comparison run.
  RunMode mode = RunMode::kAuto;
  std::optional<Shard> shard;  // The part to audit; a run that goes on keeps its own.
  std::string resume;          // "last" or the id of a run to go on with; empty: a new run.
  std::string record;          // Every answer is kept in this directory; everything is read.
  bool pseudonymise = false;   // … with other names.
  std::string replay;          // All answers come from this directory, nothing is sent.
  std::optional<std::chrono::seconds>
      max_age;  // What was remembered or last read longer ago is asked for again.
  std::chrono::seconds patience{15 * 60};  // Without progress, before a throttled run gives up.
  bool quiet = false;                      // No progress, no heartbeat.
};

struct AuditOutcome {
  AuditOutcome() = default;
  RunSummary summary;            // run_id empty: the run ended before it began
  bool interrupted = false;      // By a signal.
  std::optional<Error> aborted;  // What ended the run early; the summary tells what was reached.
};

Result<AuditOutcome> RunAudit(const AuditOptions& options);

struct WarmOutcome {
  WarmOutcome() = default;
  std::string run_id;                 // Whose use it was.
  std::size_t sites = 0, groups = 0;  // Asked for.
  CacheStats stats;                   // Misses were loaded, hits were there.
  struct Failed {
    std::string what;  // "group:GUID", or the address of a site
    Error error;
  };
  std::vector<Failed> failed;
  bool interrupted = false;
};

// Fills both levels of the cache with what the last run in the database used: its sites, and the
// `groups` directory groups that held most grants. The database is read and not written.
Result<WarmOutcome> RunWarm(const AuditOptions& options, std::int64_t groups);

}  // namespace spa
