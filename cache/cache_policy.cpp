#include "cache/cache_policy.h"

namespace spa {
namespace {

constexpr bool RowsStandInOrder() {
  int percent = 0;
  for (std::size_t i = 0; i < kCacheKinds; ++i) {
    if (kCachePolicies[i].kind != static_cast<CacheKind>(i)) return false;
    percent += kCachePolicies[i].byte_percent;
  }
  return percent == 100;
}
static_assert(RowsStandInOrder(), "one row per kind, in the order of CacheKind, shares adding up");

struct NegativeRow {
  ErrorCode code;
  std::chrono::seconds ttl;
};

constexpr NegativeRow kNegativeRows[] = {
    {ErrorCode::kNotFound, std::chrono::seconds(300)},
    {ErrorCode::kForbidden, std::chrono::seconds(600)},
    {ErrorCode::kUnsupported, std::chrono::seconds(600)},
    {ErrorCode::kLocked, std::chrono::seconds(60)},
};

}  // namespace

std::optional<std::chrono::seconds> NegativeTtl(const Error& error) {
  // kForbidden also stands for a 401, and a service that names a time to come back means it.
  if (error.http_status == 401 || error.retry_after) return std::nullopt;
  for (const NegativeRow& row : kNegativeRows) {
    if (row.code == error.code) return row.ttl;
  }
  return std::nullopt;
}

}  // namespace spa
