// SharedReads: the ReadMemory of a run. Identical GETs under way are one exchange, and failures
// that stay (404, 403, 423, 501, and 5xx that outlasted the tries) are remembered for some minutes
// (5xx: one) as the kind graph_error, in memory alone.
//
// A failure is kept under the URL that met it. Where a whole object is gone or locked (404, 423 of
// the drive, site, group or web itself), it is kept under that object: whatever lies below it gets
// the same diagnosis without a call. Never so for an item's failure, which says nothing about its
// neighbours.
//
// Failures carry the tag provider:<host>; when a host turns ill or well again (HostHealth), those
// of it are forgotten.
//
// Threads: the io_context's thread.
#pragma once

#include <string>
#include <string_view>

#include "cache/cache_manager.h"
#include "cache/single_flight.h"
#include "cli/host_health.h"
#include "core/graph/read_memory.h"

namespace spa {

inline std::size_t CostOf(const Error& error) {
  return sizeof error + error.message.capacity() + error.remedy.capacity();
}

class SharedReads final : public ReadMemory {
 public:
  // `who`: whose answers they are, for keys: tenant and kind of credential.
  SharedReads(CacheManager& cache, HostHealth& hosts, std::string who);

  std::optional<Error> KnownFailure(const std::string& url) override;
  Task<void> NoteFailure(std::string url, Error error) override;
  Task<Answer> Share(std::string identity, Exchange exchange) override;

  std::uint64_t started() const { return flights_.counters().started; }
  std::uint64_t joined() const { return flights_.counters().joined; }

 private:
  CacheKey KeyOf(std::string_view place) const;
  Task<void> ForgetTurned();

  CacheManager& cache_;
  HostHealth& hosts_;
  std::string who_;
  Cache<Error> failures_;
  SingleFlight<Answer> flights_;
};

// The part of `url` that names the object it is about: "…/v1.0/drives/ID", "…/sites/hr/_api/web";
// empty where it names none.
std::string_view ObjectOf(std::string_view url);
// Whether the read asks for the object itself, so that its failure is that of all below.
bool AsksForObject(std::string_view url, std::string_view object);

}  // namespace spa
