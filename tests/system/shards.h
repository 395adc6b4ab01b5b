// Audits of one tenant by several processes, each a shard.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/system/changes.h"

namespace spa::testing {

Words And(Words words, const Words& more);

std::string DatabaseOf(const Tenant& tenant, int number, int count);
std::vector<int> UpTo(int count);

// All shards at once, a process each.
std::vector<std::unique_ptr<Program>> StartShards(const Tenant& tenant, int count,
                                                  const Words& more = {});
// What they printed. Each must end with 0.
std::vector<nlohmann::json> AwaitShards(const std::vector<std::unique_ptr<Program>>& programs);
inline std::vector<nlohmann::json> AuditShards(const Tenant& tenant, int count,
                                               const Words& more = {}) {
  return AwaitShards(StartShards(tenant, count, more));
}

Words MergeWords(const Tenant& tenant, const std::vector<int>& numbers, int count,
                 const std::string& into);

}  // namespace spa::testing
