// SignIns: when guests signed in last (permissions.md 5). It needs AuditLog.Read.All and a licence
// that many tenants do not have; a refusal is no gap, for it says nothing of who has access: the
// rule that asks for it says so instead (docs/findings.md).
//
// Threads: the io_context's thread.
#pragma once

#include <string>
#include <string_view>

#include "core/graph/batch_queue.h"
#include "core/store/store_writer.h"

namespace spa {

class SignIns {
 public:
  SignIns(BatchQueue& directory, StoreWriter& store) : directory_(directory), store_(store) {}

  // Once groups and people were read; asks only where some guest is known.
  [[nodiscard]] Task<void> Run();

 private:
  BatchQueue& directory_;
  StoreWriter& store_;
};

struct SignIn {
  SignIn() = default;
  std::string id;    // directory id, lower case
  std::string last;  // of any kind; empty: none since the service keeps record
};
Result<Page<SignIn>> DecodeSignIns(std::string_view body);

}  // namespace spa
