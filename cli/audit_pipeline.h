// AuditPipeline: the audit as one stream, from sites to group members (ARCHITECTURE.md "The
// stream").
//
//   sites ─► webs ─► drives ─► what changed ─► delta pages ─► store ─► scope owners ─► permission
//   batches ─► store
//                └─► SharePoint REST: webs, lists, site groups ───────────────────────────► store
//   then: groups that hold grants ─► members, through the cache ──────────────────────────► store
//
// Stages meet in bounded channels and task groups; nothing is detached. Run() ends when all is
// read, or throws: RunAborted, or the cancellation that the caller asked for. Either way every task
// it started has ended.
//
// Threads: the io_context's thread.
#pragma once

#include "cache/cache_manager.h"
#include "cli/scan_queue.h"
#include "core/config/config.h"
#include "core/graph/batch_queue.h"
#include "core/graph/graph_client.h"
#include "core/graph/sharepoint_client.h"
#include "core/run_progress.h"
#include "core/store/run_use.h"
#include "core/store/store_writer.h"
#include "discovery/drive_scan.h"
#include "discovery/list_scan.h"
#include "discovery/site_walk.h"
#include "permissions/app_grants.h"
#include "permissions/group_expansion.h"
#include "permissions/item_labels.h"
#include "permissions/people.h"
#include "permissions/scope_reader.h"
#include "permissions/sharing_settings.h"
#include "permissions/sign_ins.h"
#include "permissions/site_access.h"

namespace spa {

class AuditPipeline {
 public:
  // `rest`: whether SharePoint's own interface will listen to the credential. `incremental`: drives
  // are asked what changed, where they can tell.
  AuditPipeline(const Config& config, Shard shard, bool rest, bool incremental,
                ServiceClient& service, CacheManager& cache, StoreWriter& store,
                RunProgress& progress);

  // For a run whose answers are kept, or come from a capture.
  void AskOneByOne() { assignments_.AskOneByOne(); }

  [[nodiscard]] Task<void> Run();

  // Told of what could not be asked for: "group:GUID", or the address of a site.
  using NotWarmed = std::function<void(std::string what, const Error& error)>;
  // Instead of Run: asks for what an earlier run used, as Run would, for the cache's sake alone.
  [[nodiscard]] Task<void> Warm(const RunUse& use, NotWarmed failed);

 private:
  [[nodiscard]] Task<void> WarmSite(Site site, const NotWarmed& failed);
  [[nodiscard]] Task<void> WarmGroup(GroupRef group, const NotWarmed& failed);
  [[nodiscard]] Task<void> ReadTenant(TaskGroup& reads);
  [[nodiscard]] Task<void> WalkSites();
  [[nodiscard]] Task<SiteFacts> ReadFacts(Site site, Oid oid, std::vector<FoundList> lists);
  [[nodiscard]] Task<void> Sort(TaskGroup& reads);
  [[nodiscard]] Task<void> Update(FoundContainer found, TaskGroup& reads);
  [[nodiscard]] Task<void> ScanWhole(TaskGroup& reads);
  [[nodiscard]] Task<void> Scan(FoundContainer found, TaskGroup& reads);
  // Starts reading which files of a library carry a sensitive label, where that is wanted.
  [[nodiscard]] Task<void> ReadLabels(const FoundContainer& found, TaskGroup& reads);

  const Config& config_;
  const bool incremental_;
  asio::any_io_executor executor_;
  RunProgress& progress_;
  CacheManager& cache_;
  GraphClient graph_;
  SharePointClient sharepoint_;
  BatchQueue batches_, directory_;
  Channel<FoundContainer> found_;
  ScanQueue whole_;  // To be read whole.
  People people_;
  RoleAssignments assignments_;
  SiteAccess site_access_;
  AppGrants app_grants_;
  SharingSettings sharing_settings_;
  ItemLabels item_labels_;
  SiteWalk site_walk_;
  DriveScan drive_scan_;
  ListScan list_scan_;
  ScopeReader scope_reader_;
  GroupExpansion group_expansion_;
  SignIns sign_ins_;
  TaskGroup* reads_ = nullptr;  // while ReadTenant works
};

}  // namespace spa
