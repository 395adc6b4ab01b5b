// ScopeReader: the permissions of a drive's scope owners, in batches, into the store.
//
// Threads: the io_context's thread.
// Ends: ReadDrive returns when the drive's targets are handed over (or, where every item is a target,
// when all were read and compared); Join when everything was read.
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

  ScopeReader(Parts parts, PermissionsConfig config, asio::any_io_executor executor);

  [[nodiscard]] Task<void> ReadDrive(Oid library, ScopeMethod method);
  [[nodiscard]] Task<void> Join() { return reading_.Join(); }
  void Cancel() { reading_.Cancel(); }

 private:
  [[nodiscard]] Task<void> ReadTargets(Oid library, TaskGroup& reads);
  [[nodiscard]] Task<void> ReadScope(ScopeTarget target);

  Parts parts_;
  PermissionsConfig config_;
  asio::any_io_executor executor_;
  TaskGroup reading_;
};

}  // namespace spa
