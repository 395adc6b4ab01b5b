// What the last finished run used: the directory groups that held access, those used most first,
// and the sites. For filling a cache before the next run; reads the audit database and no more.
//
// Threads: blocks; not for the io_context's thread while others wait.
// Errors: kUsage where there is no finished run; else as AuditStore has them.
#pragma once

#include <string>
#include <vector>

#include "core/model.h"
#include "core/result.h"

namespace spa {

struct RunUse {
  RunUse() = default;
  std::string run_id;
  std::vector<GroupRef> groups;
  std::vector<Site> sites;  // Without those that the run left out by its configuration.
};

// `most`: how many groups at most.
Result<RunUse> UseOfLastRun(const std::string& db_path, std::int64_t most);

}  // namespace spa
