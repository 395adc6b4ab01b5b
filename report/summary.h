// RunSummary: what a run did, found and could not read, as `audit` prints it at its end
// (contract: "Run summary"). Field names are the printed names.
//
// Plain data. Numbers nobody filled in print as 0. Printing never fails.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/store/audit_store.h"

namespace spa {

struct CacheKindSummary {
  CacheKindSummary() = default;
  std::int64_t hits = 0, misses = 0;
  double hit_rate = 0;
};

struct RunSummary {
  RunSummary() = default;

  std::string run_id, status, mode, tenant_id, started_at, finished_at;
  std::string shard;  // "2/4": the part of the tenant; empty: all of it, and nothing is printed.
  double duration_seconds = 0;

  StoreCounts counts;  // objects, scopes, grants and coverage

  FindingCounts findings;

  struct Api {
    std::int64_t http_requests = 0, graph_requests = 0, sharepoint_requests = 0;
    std::int64_t token_requests = 0, batched = 0, throttled = 0, retried = 0;
    std::int64_t resource_units = 0, peak_in_flight = 0;
    std::int64_t shared = 0;  // Reads that joined an identical one under way.
  } api;

  struct Cache {
    bool enabled = false;
    std::int64_t l1_hits = 0, l2_hits = 0, misses = 0, coalesced = 0;
    double hit_rate = 0;
    double repeat_hit_rate = 0;  // Lookups of a key from its second use on.
    std::int64_t stale = 0;      // Answers that stood in because none could be had.
    std::string mode;            // "readwrite", …
    // Hits loaded again to compare, and those that differed; in the mode observe: what would have
    // been hits.
    std::int64_t verified = 0, mismatch = 0, would_hit = 0;
    struct SecondLevel {
      SecondLevel() = default;
      std::string place;  // The URL without its secrets; empty: none.
      bool reachable = false;
      std::int64_t writes = 0, errors = 0;
      double degraded_seconds = 0;  // Out of reach, in all.
    } l2;
    std::map<std::string, CacheKindSummary> by_kind;
  } cache;

  std::vector<Gap> gaps;
  // How scope owners were found: drives per method. An extra key, "scope_methods".
  std::vector<std::pair<std::string, std::int64_t>> scope_methods;

  std::int64_t oldest_datum_seconds = 0, peak_rss_bytes = 0;
  double cpu_seconds = 0;
};

// Objects in the state read, inherited or skipped (which was asked for), of all discovered;
// 0 where there are none: nothing was looked at.
double CoveragePercent(const StoreCounts& counts);

std::string ToJson(const RunSummary& summary);  // One object on one line, with its newline.
// One "key,value" row per number, nested keys joined with dots, after a header row. Gaps are left
// out but for their number (coverage.gaps): `export coverage` lists them.
std::string ToCsv(const RunSummary& summary);
// For people: aligned, names escaped for a terminal. At most `max_gaps` gaps, then "and N more".
std::string ToTable(const RunSummary& summary, std::size_t max_gaps = 10);

}  // namespace spa
