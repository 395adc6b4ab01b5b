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
#include <string_view>

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
  kUnnamed,  // Whatever else somebody keeps under a kind of their own.
};

// How far from this process's memory a kind may go.
enum class Residence {
  kMemory,      // Never leaves it: tokens, failures.
  kEverywhere,  // Also the second level.
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
  int entries;                 // At most, in memory; 0: cache.local_cache_size.
  int byte_percent;            // The kind's share of the byte budget.
  Residence residence;
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
    {CacheKind::kGroupMembers,    "group_members",    1, std::chrono::hours(6),      std::chrono::minutes(30), std::chrono::hours(24),    0, 34, Residence::kEverywhere},
    {CacheKind::kSiteGroups,      "site_groups",      1, std::chrono::hours(1),      std::chrono::minutes(10), std::chrono::hours(24),    0,  5, Residence::kEverywhere},
    {CacheKind::kUser,            "user",             1, std::chrono::hours(6),      std::chrono::minutes(30), std::chrono::hours(24),    0, 12, Residence::kEverywhere},
    {CacheKind::kPermissionSet,   "permission_set",   1, std::chrono::hours(24),     std::chrono::seconds(0),  std::chrono::seconds(0),   0, 12, Residence::kMemory},
    {CacheKind::kAccessToken,     "access_token",     1, std::chrono::hours(24),     std::chrono::seconds(0),  std::chrono::seconds(0),   100, 1, Residence::kMemory},
    {CacheKind::kTokenValidation, "token_validation", 1, std::chrono::seconds(300),  std::chrono::seconds(0),  std::chrono::seconds(0),  5000, 2, Residence::kMemory},
    {CacheKind::kRevokedJti,      "revoked_jti",      1, std::chrono::hours(24),     std::chrono::seconds(0),  std::chrono::seconds(0),  5000, 1, Residence::kEverywhere},
    {CacheKind::kServiceError,    "graph_error",      1, std::chrono::seconds(300),  std::chrono::seconds(0),  std::chrono::seconds(0),  2000, 2, Residence::kMemory},
    {CacheKind::kHealth,          "health",           1, std::chrono::seconds(180),  std::chrono::seconds(0),  std::chrono::seconds(0),   100, 1, Residence::kMemory},
    {CacheKind::kUnnamed,         "unnamed",          1, std::chrono::hours(1),      std::chrono::seconds(0),  std::chrono::hours(1),    1000, 5, Residence::kEverywhere},
    // clang-format on
};

inline constexpr std::size_t kCacheKinds = std::size(kCachePolicies);

constexpr const CachePolicy& PolicyOf(CacheKind kind) {
  return kCachePolicies[static_cast<std::size_t>(kind)];
}

// How long a failed load is remembered; nothing where it must be tried again at once: a token to
// renew (401), throttling, an unreachable host, a delta token to reset (410), our own trouble.
std::optional<std::chrono::seconds> NegativeTtl(const Error& error);

}  // namespace spa
