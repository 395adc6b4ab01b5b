// ListScan: one generic list's items into the store, and which of them own a scope, by SharePoint
// REST (Graph has no bulk signal for them, graph.md 0.7).
//
// Threads: the io_context's thread. One ListScan serves many lists at once.
#pragma once

#include "core/graph/sharepoint_client.h"
#include "core/run_progress.h"
#include "core/store/store_writer.h"
#include "discovery/list_pages.h"
#include "discovery/site_walk.h"

namespace spa {

class ListScan {
 public:
  struct Parts {
    SharePointClient& sharepoint;
    StoreWriter& store;
    RunProgress& progress;
  };

  explicit ListScan(Parts parts) : parts_(parts) {}

  // False when the list could not be read; then it is in the ledger.
  [[nodiscard]] Task<bool> Scan(FoundContainer found);

 private:
  struct Seen;
  [[nodiscard]] Task<Result<void>> ReadItems(const FoundContainer& found, Seen& seen);
  [[nodiscard]] Task<void> StagePage(const FoundContainer& found, std::vector<ListItem> page,
                                     Seen& seen);
  [[nodiscard]] Task<void> StageNested(const FoundContainer& found, Seen& seen);

  Parts parts_;
};

}  // namespace spa
