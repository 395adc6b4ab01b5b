// ReadMemory: what one read may take over from another. ServiceClient and BatchQueue ask it where
// they were given one; cli/shared_reads.h makes it from the cache, which core does not know.
//
// Threads: the io_context's thread.
// Lifetime: must outlive every Task it gave out.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/async/task.h"
#include "core/http/http_client.h"
#include "core/result.h"

namespace spa {

class ReadMemory {
 public:
  using Answer = Result<std::shared_ptr<const HttpResponse>>;
  using Exchange = std::function<Task<Answer>()>;

  virtual ~ReadMemory() = default;

  // The failure that this read, or one of the object it lies under, met a while ago.
  virtual std::optional<Error> KnownFailure(const std::string& url) = 0;
  virtual Task<void> NoteFailure(std::string url, Error error) = 0;

  // The answer of an identical exchange under way, else of this one. `identity` is all that could
  // make two answers differ.
  [[nodiscard]] virtual Task<Answer> Share(std::string identity, Exchange exchange) = 0;
};

}  // namespace spa
