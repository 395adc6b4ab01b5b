// GroupExpansion: who is in the groups that hold grants, through all nesting.
//
// Every occurrence of a group in a scope is looked up, through the cache: the first asks Graph for
// the transitive members (or the owners of an M365 group), the others find them (permissions.md 5).
// An empty group is an answer. Groups that hide their members, or that are gone, are in the ledger.
//
// Threads: the io_context's thread.
#pragma once

#include <set>

#include "cache/cache_manager.h"
#include "core/async/task_group.h"
#include "core/graph/batch_queue.h"
#include "core/run_progress.h"
#include "core/store/store_writer.h"
#include "permissions/packed_members.h"

namespace spa {

// A page of group members: `directoryObject`s with their kind in @odata.type.
Result<Page<Member>> DecodeMembers(std::string_view body);

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

  // Looks up every group that the grants of this run name.
  [[nodiscard]] Task<void> Run();

  // The members of one, through the cache.
  [[nodiscard]] Task<Result<Hit<PackedMembers>>> Find(GroupRef group);

 private:
  [[nodiscard]] Task<void> LookUp(GroupRef group);
  [[nodiscard]] Task<Result<PackedMembers>> Load(GroupRef group);

  Parts parts_;
  asio::any_io_executor executor_;
  Cache<PackedMembers> members_;
  std::set<std::string> failed_;
  std::set<std::string> stored_;  // groups that this run has entered already
};

}  // namespace spa
