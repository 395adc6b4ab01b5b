// Keys, patterns and tags as they are typed after a verb of `cache`.
//
//   sharepoint_audit:group_members:2:4711   a key in full, its id already escaped
//   group_members:2:4711                    the same without the prefix
//   group_members:4711                      a known kind and the id as it is
//   4711                                    an id of the kind "unnamed", whatever is in it
//
// A pattern may leave out the same parts; without a kind it means kinds and unnamed ids alike.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cache/cache_key.h"
#include "cache/entry.h"
#include "cache/tag.h"
#include "core/result.h"

namespace spa {

CacheKey KeyTyped(std::string_view text);
// kUsage where it names no kind of the table.
Result<CacheKind> KindTyped(std::string_view name);
// Over whole key texts; what matches any of them is meant.
std::vector<Glob> PatternTyped(std::string_view text);
// That matches the key alone.
Glob GlobOf(const CacheKey& key);
// "index=value". kUsage where it is none.
Result<Tag> TagTyped(std::string_view text);

// "+90s", "2026-11-20T08:14:05Z", or seconds since the epoch. kUsage where it is none.
Result<CacheTime> MomentTyped(std::string_view text, CacheTime now);

}  // namespace spa
