// CachePolicy: what is remembered and for how long, as data. One row per kind, and one table for
// failures; there is no other place that decides it (cache.md C.4 "Default rows", "Negative
// caching").
//
// A kind is added by adding an enumerator and its row. `schema` is raised whenever the meaning of
// the remembered type changes.
#pragma once

#include <chrono>
#include <cstddef>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cache/entry.h"
#include "core/result.h"

namespace spa {

enum class CacheKind {
  kSite,
  kDrive,
  kList,
  kItem,
  kGroupMembers,
  kSiteGroups,
  kUser,
  kPermissionSet,
  kAccessToken,
  kTokenValidation,
  kRevokedJti,
  kServiceError,
  kHealth,
  kSigningKeys,
  kUnnamed,  // Whatever else somebody keeps under a kind of their own.
};

// How far from this process's memory a kind may go.
enum class Residence {
  kMemory,      // Never leaves it: tokens, failures.
  kEverywhere,  // Also the second level.
};

// What was loaded, as far as its time depends on it.
enum class Outcome {
  kGood,
  kStable,     // A failure whose cause stays (graph_error).
  kUnhealthy,  // An unhealthy host, a token that was refused: asked again soon.
};
std::string_view NameOf(Outcome outcome);  // "good", "stable", "unhealthy"
std::optional<Outcome> OutcomeNamed(std::string_view name);

// What a configuration may change of a row.
struct PolicyOverride {
  PolicyOverride() = default;
  std::optional<bool> enabled;
  std::optional<std::chrono::seconds> ttl;  // `fresh`.
  std::optional<std::size_t> entries, bytes;
};

struct CachePolicy {
  CacheKind kind;
  std::string_view name;       // As in the key and in the run summary.
  int schema;                  // As in the key.
  std::chrono::seconds fresh;  // How long a value is served as it is.
  // After that: how long it is still served, marked stale, while a new one is being loaded;
  std::chrono::seconds stale_while_revalidate;
  // and, from the end of `fresh`, how long it still stands in where a load fails (RFC 5861).
  std::chrono::seconds stale_if_error;
  int entries;       // At most, in memory; 0: cache.local_cache_size.
  int byte_percent;  // The kind's share of the byte budget.
  Residence residence;
  // Another `fresh` for what came out in that way; 0: the same.
  std::chrono::seconds fresh_stable{0}, fresh_unhealthy{0};
  std::chrono::seconds margin{0};  // That long before its own end a value is no longer served.

  // The row as a configuration changes it; bytes and `enabled` are no part of a row.
  CachePolicy With(const PolicyOverride& change) const;

  // How long a value is fresh: the row's time, or less where it has an end of its own (a token).
  // Never below 0, also where clocks disagree.
  std::chrono::seconds Ttl(Outcome outcome, std::optional<CacheTime> ends, CacheTime now) const;
};

// A permission set lives as long as the run and stays in its memory: delta does not tell every
// change of permissions (graph.md 4.7), so it must not be carried to another one.
inline constexpr CachePolicy kCachePolicies[] = {
    // clang-format off
    //                            name            schema  fresh                       swr                       if error            entries   %  residence
    {CacheKind::kSite,            "site",             1, std::chrono::hours(1),      std::chrono::minutes(10), std::chrono::hours(24),    0,  5, Residence::kEverywhere},
    {CacheKind::kDrive,           "drive",            1, std::chrono::hours(1),      std::chrono::minutes(10), std::chrono::hours(24),    0,  4, Residence::kEverywhere},
    {CacheKind::kList,            "list",             1, std::chrono::hours(1),      std::chrono::minutes(10), std::chrono::hours(24),    0,  4, Residence::kEverywhere},
    {CacheKind::kItem,            "item",             1, std::chrono::minutes(15),   std::chrono::seconds(0),  std::chrono::hours(1),     0, 12, Residence::kEverywhere},
    {CacheKind::kGroupMembers,    "group_members",    2, std::chrono::hours(6),      std::chrono::minutes(30), std::chrono::hours(24),    0, 34, Residence::kEverywhere},
    {CacheKind::kSiteGroups,      "site_groups",      2, std::chrono::hours(1),      std::chrono::minutes(10), std::chrono::hours(24),    0,  5, Residence::kEverywhere},
    {CacheKind::kUser,            "user",             1, std::chrono::hours(6),      std::chrono::minutes(30), std::chrono::hours(24),    0, 12, Residence::kEverywhere},
    {CacheKind::kPermissionSet,   "permission_set",   1, std::chrono::hours(24),     std::chrono::seconds(0),  std::chrono::seconds(0),   0, 12, Residence::kMemory},
    {CacheKind::kAccessToken,     "access_token",     1, std::chrono::hours(24),     std::chrono::seconds(0),  std::chrono::seconds(0),   100, 1, Residence::kMemory, {}, {}, std::chrono::minutes(5)},
    {CacheKind::kTokenValidation, "token_validation", 1, std::chrono::seconds(300),  std::chrono::seconds(0),  std::chrono::seconds(0),  5000, 2, Residence::kMemory, {}, std::chrono::seconds(60)},
    {CacheKind::kRevokedJti,      "revoked_jti",      1, std::chrono::hours(24),     std::chrono::seconds(0),  std::chrono::seconds(0),  5000, 1, Residence::kEverywhere},
    {CacheKind::kServiceError,    "graph_error",      1, std::chrono::seconds(300),  std::chrono::seconds(0),  std::chrono::seconds(0),  2000, 2, Residence::kMemory, std::chrono::seconds(600), std::chrono::seconds(60)},
    {CacheKind::kHealth,          "health",           1, std::chrono::seconds(180),  std::chrono::seconds(0),  std::chrono::seconds(0),   100, 1, Residence::kMemory, {}, std::chrono::seconds(60)},
    {CacheKind::kSigningKeys,     "signing_keys",     1, std::chrono::hours(1),      std::chrono::hours(23),   std::chrono::hours(24),   10,  1, Residence::kMemory},
    {CacheKind::kUnnamed,         "unnamed",          1, std::chrono::hours(1),      std::chrono::seconds(0),  std::chrono::hours(1),    1000, 4, Residence::kEverywhere},
    // clang-format on
};

inline constexpr std::size_t kCacheKinds = std::size(kCachePolicies);

constexpr const CachePolicy& PolicyOf(CacheKind kind) {
  return kCachePolicies[static_cast<std::size_t>(kind)];
}

std::optional<CacheKind> KindNamed(std::string_view name);

// Values dearer than this stay out of memory where the second level has them;
inline constexpr std::size_t kMostInMemory = std::size_t{1} << 20;
// and payloads longer than this out of the second level.
inline constexpr std::size_t kMostInStore = std::size_t{8} << 20;

// Where a value would live and for how long, for people.
struct PolicyExplanation {
  PolicyExplanation() = default;
  std::chrono::seconds fresh{0}, stale_while_revalidate{0}, stale_if_error{0};
  bool in_memory = true, in_store = true, compressed = false;
  std::vector<std::string> reasons;  // One sentence each.
};
PolicyExplanation Explain(const CachePolicy& policy, Outcome outcome, std::size_t bytes,
                          std::size_t compress_from = 1000);

// What is remembered of failures, as a table.
struct NegativeRow {
  std::string_view name;  // "not_found"
  ErrorCode code;
  std::chrono::seconds ttl;
};
std::span<const NegativeRow> NegativeRows();

// How long a failed load is remembered; nothing where it must be tried again at once: a token to
// renew (401), throttling, an unreachable host, a delta token to reset (410), our own trouble.
std::optional<std::chrono::seconds> NegativeTtl(const Error& error);

}  // namespace spa
