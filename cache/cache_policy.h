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
  kPermissionSet
};

struct CachePolicy {
  CacheKind kind;
  std::string_view name;       // As in the key and in the run summary.
  int schema;                  // As in the key.
  std::chrono::seconds fresh;  // How long a value is served.
  int byte_percent;            // The kind's share of the byte budget.
};

// A permission set lives as long as the run: delta does not tell every change of permissions
// (graph.md 4.7), so it must not be carried to another one.
inline constexpr CachePolicy kCachePolicies[] = {
    {CacheKind::kSite, "site", 1, std::chrono::seconds(3600), 5},
    {CacheKind::kDrive, "drive", 1, std::chrono::seconds(3600), 5},
    {CacheKind::kList, "list", 1, std::chrono::seconds(3600), 5},
    {CacheKind::kItem, "item", 1, std::chrono::seconds(900), 15},
    {CacheKind::kGroupMembers, "group_members", 1, std::chrono::seconds(21600), 35},
    {CacheKind::kSiteGroups, "site_groups", 1, std::chrono::seconds(3600), 5},
    {CacheKind::kUser, "user", 1, std::chrono::seconds(21600), 15},
    {CacheKind::kPermissionSet, "permission_set", 1, std::chrono::hours(24), 15},
};

inline constexpr std::size_t kCacheKinds = std::size(kCachePolicies);

constexpr const CachePolicy& PolicyOf(CacheKind kind) {
  return kCachePolicies[static_cast<std::size_t>(kind)];
}

// How long a failed load is remembered; nothing where it must be tried again at once: a token to
// renew (401), throttling, an unreachable host, a delta token to reset (410), our own trouble.
std::optional<std::chrono::seconds> NegativeTtl(const Error& error);

}  // namespace spa
