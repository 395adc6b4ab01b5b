// GroupExpansion: who is in the groups that hold grants, level by level.
//
// Every occurrence of a group in a scope, a site group or another group is looked up, through the
// cache: the first asks Graph for the group and its direct members (or the owners of an M365
// group), the others find them (permissions.md 5). So each group is read once, cycles end, and
// every membership keeps its path. An empty group is an answer; so is one that is a directory role,
// or that is gone: then nobody is in it, and the store says why. Groups that hide their members, or
// that could not be read, are in the ledger, each for itself.
//
// Threads: the io_context's thread.
#pragma once

#include <set>
#include <vector>

#include "cache/cache_manager.h"
#include "core/async/task_group.h"
#include "core/graph/batch_queue.h"
#include "core/run_progress.h"
#include "core/store/store_writer.h"
#include "permissions/directory_group.h"

namespace spa {

class GroupExpansion {
 public:
  struct Parts {
    BatchQueue& directory;
    CacheManager& cache;
    std::string tenant;  // What keys begin with: groups of two tenants never meet.
    StoreWriter& store;
    RunProgress& progress;
  };

  GroupExpansion(Parts parts, asio::any_io_executor executor);

  // Looks up every group that the grants of this run name, and those within them.
  [[nodiscard]] Task<void> Run();

  // One group, through the cache.
  [[nodiscard]] Task<Result<Hit<DirectoryGroup>>> Find(GroupRef group);

 private:
  [[nodiscard]] Task<void> LookUp(GroupRef group);
  [[nodiscard]] Task<void> Enter(GroupRef group, Hit<DirectoryGroup> hit);
  [[nodiscard]] Task<Result<DirectoryGroup>> Load(GroupRef group);
  [[nodiscard]] Task<Result<DirectoryGroup>> LoadMissing(GroupRef group);
  [[nodiscard]] Task<void> ReadFacts(GroupRef group, Result<DirectoryObject>& facts);
  [[nodiscard]] Task<void> ReadMembers(std::string path, std::string what,
                                       Result<std::vector<Member>>& members);

  Parts parts_;
  asio::any_io_executor executor_;
  Cache<DirectoryGroup> groups_;
  std::set<std::string> failed_;
  std::set<std::string> stored_;  // groups that this run has entered already
  std::vector<GroupRef> next_;    // groups in groups of this level, as often as they occur
};

}  // namespace spa
