// DriveScan: one drive's delta into the store, and which of its items own a scope.
//
// Reads pages until the delta link (graph.md 4.2), writes each while the next is on its way, and
// ends in one merge, so that a drive that fails half-way leaves what an earlier run knew. 410
// starts the drive anew (4.7). Each page but the last leaves a checkpoint, where a resumed run goes
// on.
//
// Where an earlier run left a delta link, made by the same questions, `Update` asks what changed
// since: one read in a batch for a drive where nothing did.
//
// After a whole pass it decides how far the `shared` facet can be trusted
// (scope_method.h), asks SharePoint REST for the flags where it cannot and REST is there, and falls
// back to reading the permissions of every item where neither works.
//
// Threads: the io_context's thread. One DriveScan serves many drives at once.
#pragma once

#include "core/graph/batch_queue.h"
#include "core/graph/sharepoint_client.h"
#include "core/run_progress.h"
#include "core/store/store_writer.h"
#include "discovery/list_pages.h"
#include "discovery/site_walk.h"

namespace spa {

class DriveScan {
 public:
  struct Parts {
    GraphClient& graph;
    BatchQueue& batches;
    SharePointClient* sharepoint;  // null: Graph-only mode
    StoreWriter& store;
    RunProgress& progress;
  };

  explicit DriveScan(Parts parts) : parts_(parts) {}

  enum class Updated { kDone, kUnread, kNeedsScan };
  struct Update {
    Update() = default;
    Updated how = Updated::kNeedsScan;
    ScopeMethod method = ScopeMethod::kDeltaHierarchy;  // kDone
  };

  // The whole drive. The method used, or nothing when it could not be read (then it is in the
  // ledger).
  [[nodiscard]] Task<std::optional<ScopeMethod>> Scan(FoundContainer found);
  // What changed, where that can be told. kUnread: it is in the ledger.
  [[nodiscard]] Task<Update> ReadChanges(const FoundContainer& found);

 private:
  [[nodiscard]] Task<Result<std::string>> ReadDelta(const FoundContainer& found, DriveState state);
  [[nodiscard]] Task<Result<std::string>> ReadDeltaOnce(const FoundContainer& found,
                                                        std::string first, bool batched);
  [[nodiscard]] Task<Result<std::string>> ReadPages(const FoundContainer& found, std::string first,
                                                    bool batched, TaskGroup& staging);
  [[nodiscard]] Task<void> StagePage(Oid library, std::vector<DriveItem> items, std::string next);
  [[nodiscard]] Task<void> StageFlags(Oid library, std::vector<ListItem> page);
  [[nodiscard]] Task<ScopeMethod> DecideMethod(const FoundContainer& found);

  Parts parts_;
};

}  // namespace spa
