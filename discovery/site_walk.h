// SiteWalk: tenant -> sites -> subsites -> libraries and lists, as a stream of what is to be
// scanned.
//
// Sites come from getAllSites (never from search, which misses and repeats, graph.md 2.1) or from
// the configured URLs; of those, only the collections of this process's shard are entered, with
// their subsites. What is asked per web (subsites, drives, lists) travels in batches. A site
// that refuses becomes a coverage gap and the walk goes on (graph.md 2.1, 2.3).
//
// Threads: the io_context's thread.
// Ends: Run returns when every site and subsite was asked; it does not close the channel.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "cache/cache_manager.h"
#include "core/async/channel.h"
#include "core/async/task_group.h"
#include "core/config/config.h"
#include "core/graph/batch_queue.h"
#include "core/run_progress.h"
#include "core/shard.h"
#include "core/store/store_writer.h"

namespace spa {

// A library to be scanned by its drive's delta, or a generic list by SharePoint REST.
struct FoundContainer {
  FoundContainer() = default;
  Oid oid = 0;
  Drive drive;               // of a library
  std::optional<List> list;  // a generic list
  std::string site_url;      // encoded, without a trailing slash
  std::shared_ptr<const SiteFacts> facts;

  // SharePoint said that it owns no scope of its own; false also where nobody told.
  bool InheritsFromWeb() const {
    const auto fact = facts->lists.find(list ? list->id : drive.list_id);
    return (list || facts->rest) && fact != facts->lists.end() && !fact->second.owns_scope;
  }
};

class SiteWalk {
 public:
  // Reads a web's own permissions by SharePoint REST, given the web and its generic lists.
  using ReadFacts = std::function<Task<SiteFacts>(Site, Oid, std::vector<FoundList>)>;

  struct Parts {
    GraphClient& graph;
    BatchQueue& batches;
    CacheManager& cache;
    std::string tenant;  // What keys begin with: sites of two tenants never meet.
    StoreWriter& store;
    RunProgress& progress;
    Channel<FoundContainer>& found;
    ReadFacts read_facts;
  };

  SiteWalk(Parts parts, DiscoveryConfig config, std::vector<std::string> target_sites,
           Shard shard = Shard());

  [[nodiscard]] Task<void> Run();

  // What stands in a site; each part is there or says why not.
  struct Contents {
    Contents() = default;
    Result<std::vector<Drive>> drives;
    Result<std::vector<List>> lists;
    Result<std::vector<Site>> subsites;
    std::chrono::seconds stale{0};  // Age of the oldest part that is past its time; 0: none.

    const Error* error() const {  // The first.
      return !drives     ? &drives.error()
             : !lists    ? &lists.error()
             : !subsites ? &subsites.error()
                         : nullptr;
    }
  };
  // Through the cache.
  [[nodiscard]] Task<Contents> Read(Site site);

 private:
  [[nodiscard]] Task<void> WalkTenant();
  [[nodiscard]] Task<void> WalkTargets();
  [[nodiscard]] Task<Result<Site>> SiteByUrl(std::string url);
  [[nodiscard]] Task<Result<std::vector<Site>>> LoadSite(std::string url);
  template <class T>
  [[nodiscard]] Task<Result<std::vector<T>>> Listed(Cache<std::vector<T>> cache, CacheKind kind,
                                                    Site site, std::string rest, std::string noun,
                                                    Decoder<Page<T>> decode,
                                                    std::chrono::seconds& stale);
  [[nodiscard]] Task<void> Enter(Site site, std::optional<Oid> parent);
  [[nodiscard]] Task<void> Walk(Site site, Oid oid);

  Parts parts_;
  DiscoveryConfig config_;
  std::vector<std::string> targets_;
  Shard shard_;
  Cache<std::vector<Site>> sites_;  // One by its address; the subsites of one by its id.
  Cache<std::vector<Drive>> drives_;
  Cache<std::vector<List>> lists_;
  std::unordered_set<std::string> seen_;
  TaskGroup* walking_ = nullptr;  // while Run() walks
};

}  // namespace spa
