// ScopeReader: the permissions of a drive's scope owners, in batches, into the store.
//
// Threads: the io_context's thread.
// Ends: ReadDrive returns when the drive's reads are started in `reads`; or, where every item is a
// target, when all were read and compared.
#pragma once

#include "core/async/task_group.h"
#include "core/config/config.h"
#include "core/graph/batch_queue.h"
#include "core/run_progress.h"
#include "core/store/store_writer.h"

namespace spa {

class ScopeReader {
 public:
  struct Parts {
    BatchQueue& batches;
    StoreWriter& store;
    RunProgress& progress;
  };

  static constexpr int kMaxReads = 400;  // waiting in the queue at once: twenty full batches

  ScopeReader(Parts parts, PermissionsConfig config, asio::any_io_executor executor);

  [[nodiscard]] Task<void> ReadDrive(Oid library, ScopeMethod method, TaskGroup& reads);

 private:
  [[nodiscard]] Task<void> ReadTargets(Oid library, TaskGroup& reads);
  [[nodiscard]] Task<void> ReadScope(ScopeTarget target);

  Parts parts_;
  PermissionsConfig config_;
  asio::any_io_executor executor_;
};

}  // namespace spa
