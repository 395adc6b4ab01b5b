// AppGrants: applications with a grant of their own to a site collection (Sites.Selected), by
// Graph.
//
// The collection's listing tells their ids alone; what each may do is read one by one
// (permissions.md 2.1). All reads travel in batches with others.
//
// Threads: the io_context's thread. One AppGrants serves many sites at once.
#pragma once

#include "core/graph/batch_queue.h"
#include "core/store/store_writer.h"

namespace spa {

class AppGrants {
 public:
  AppGrants(BatchQueue& batches, StoreWriter& store) : batches_(batches), store_(store) {}

  // `site`: the topmost one of its collection. What cannot be read is in the ledger.
  [[nodiscard]] Task<void> Read(Site site, Oid oid);

 private:
  [[nodiscard]] Task<Result<std::vector<Grant>>> Load(const Site& site);

  BatchQueue& batches_;
  StoreWriter& store_;
};

}  // namespace spa
