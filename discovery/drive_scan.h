// DriveScan: one drive's delta into the store, and which of its items own a scope.
//
// Reads pages until the delta link (graph.md 4.2), writes each while the next is on its way, and
// ends in one merge, so that a drive that fails half-way leaves what an earlier run knew. 410
// starts the drive anew (4.7). Then it decides how far the `shared` facet can be trusted
// (scope_method.h), asks SharePoint REST for the flags where it cannot and REST is there, and falls
// back to reading the permissions of every item where neither works.
//
// Threads: the io_context's thread. One DriveScan serves many drives at once.
#pragma once

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
    SharePointClient* sharepoint;  // null: Graph-only mode
    StoreWriter& store;
    RunProgress& progress;
  };

  explicit DriveScan(Parts parts) : parts_(parts) {}

  // The method used, or nothing when it could not be read (then it is in the ledger).
  [[nodiscard]] Task<std::optional<ScopeMethod>> Scan(FoundContainer found);

 private:
  [[nodiscard]] Task<Result<std::string>> ReadDelta(const FoundContainer& found);
  [[nodiscard]] Task<Result<std::string>> ReadDeltaOnce(const FoundContainer& found,
                                                        std::string first);
  [[nodiscard]] Task<Result<std::string>> ReadPages(const FoundContainer& found, std::string first,
                                                    TaskGroup& staging);
  [[nodiscard]] Task<void> StageFlags(Oid library, std::vector<ListItem> page);
  [[nodiscard]] Task<void> Stage(Oid library, std::vector<DriveItem> items);
  [[nodiscard]] Task<ScopeMethod> DecideMethod(const FoundContainer& found);

  Parts parts_;
};

}  // namespace spa
