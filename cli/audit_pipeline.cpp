#include "cli/audit_pipeline.h"

namespace spa {
namespace {

constexpr int kWarmedAtOnce = 100;        // sites and groups; they share batches
constexpr std::size_t kFoundAhead = 256;  // found and waiting to be scanned
constexpr int kUpdates = 200;             // drives asked what changed at once: ten full batches

// Which tenant a remembered thing is of: ids are unique within one, and simulated ones repeat them.
std::string TenantScope(const Config& config) {
  return config.auth.tenant_id + '@' + SplitUrl(config.graph.base_url).authority;
}

}  // namespace

AuditPipeline::AuditPipeline(const Config& config, Shard shard, bool rest, bool incremental,
                             ServiceClient& service, CacheManager& cache, StoreWriter& store,
                             RunProgress& progress)
    : config_(config),
      incremental_(incremental),
      executor_(service.executor()),
      progress_(progress),
      cache_(cache),
      graph_(service, config.graph.base_url),
      sharepoint_(service),
      batches_(graph_, Family::kSharePoint),
      directory_(graph_, Family::kDirectory),
      found_(executor_, kFoundAhead),
      whole_(executor_, kFoundAhead, config.concurrency.max_sites),
      people_({directory_, cache, TenantScope(config), store}, executor_),
      assignments_(sharepoint_),
      site_access_({rest ? &sharepoint_ : nullptr, config.permissions.sharepoint_rest == "off"},
                   cache, TenantScope(config), store, people_, assignments_),
      app_grants_(batches_, store),
      sharing_settings_({batches_, rest ? &sharepoint_ : nullptr, store}, config.tenant_url),
      item_labels_(rest ? &sharepoint_ : nullptr, store, config.findings.sensitive_labels),
      site_walk_({graph_, batches_, cache, TenantScope(config), store, progress, found_,
                  [this](Site site, Oid oid, std::vector<FoundList> lists) {
                    return ReadFacts(std::move(site), oid, std::move(lists));
                  }},
                 config.discovery, config.target_sites, shard),
      drive_scan_({graph_, batches_, rest ? &sharepoint_ : nullptr, store, progress}),
      list_scan_({sharepoint_, store, progress}),
      scope_reader_({batches_, rest ? &sharepoint_ : nullptr, store, progress, people_,
                     rest ? &assignments_ : nullptr},
                    config.permissions, executor_),
      group_expansion_({directory_, cache, TenantScope(config), store, progress}, executor_),
      sign_ins_(directory_, store) {}

Task<void> AuditPipeline::Run() {
  co_await RunGroup(executor_, 0, [this](TaskGroup& queues) -> Task<void> {
    queues.Start(batches_.Run());
    queues.Start(directory_.Run());
    progress_.phase = "reading sites and items";
    co_await RunGroup(executor_, ScopeReader::kMaxReads,
                      [this](TaskGroup& reads) { return ReadTenant(reads); });
    if (config_.permissions.expand_groups) {
      progress_.phase = "reading groups";
      co_await group_expansion_.Run();
      progress_.phase = "reading people";
      co_await people_.Run();
      co_await sign_ins_.Run();
    }
    co_await cache_.Settle();  // What it loads again to compare waits in the queues.
    queues.Stop();
  });
}

Task<void> AuditPipeline::Warm(const RunUse& use, NotWarmed failed) {
  co_await RunGroup(executor_, 0, [&](TaskGroup& queues) -> Task<void> {
    queues.Start(batches_.Run());
    queues.Start(directory_.Run());
    co_await RunGroup(executor_, kWarmedAtOnce, [&](TaskGroup& asking) -> Task<void> {
      for (const Site& site : use.sites) co_await asking.Spawn(WarmSite(site, failed));
      for (const GroupRef& group : use.groups) co_await asking.Spawn(WarmGroup(group, failed));
    });
    co_await cache_.Settle();
    queues.Stop();
  });
}

Task<void> AuditPipeline::WarmSite(Site site, const NotWarmed& failed) {
  const auto contents = co_await site_walk_.Read(site);
  const Error* error = contents.error();
  Result<std::optional<SiteAccess::Groups>> groups;
  if (error == nullptr && site.parent_id.empty()) {
    groups = co_await site_access_.Find(site);
    if (!groups) error = &groups.error();
  }
  if (error == nullptr) co_return;
  AbortIfFatal(*error);
  failed(site.web_url, *error);
}

Task<void> AuditPipeline::WarmGroup(GroupRef group, const NotWarmed& failed) {
  const auto members = co_await group_expansion_.Find(group);
  if (members) co_return;
  AbortIfFatal(members.error());
  failed(group.Key(), members.error());
}

// Ends when every library and list is scanned; the permission reads it started may go on in
// `reads`.
Task<void> AuditPipeline::ReadTenant(TaskGroup& reads) {
  reads_ = &reads;
  co_await reads.Spawn(sharing_settings_.ReadTenant());
  co_await RunGroup(executor_, 0, [this, &reads](TaskGroup& stages) -> Task<void> {
    stages.Start(WalkSites());
    stages.Start(Sort(reads));
    // Each has one question out at a time, or is busy with an answer: twice as many as can ask.
    for (int i = 0; i < 2 * config_.concurrency.max_api_calls; ++i) stages.Start(ScanWhole(reads));
    co_return;
  });
  progress_.phase = "reading permissions";
}

Task<void> AuditPipeline::WalkSites() {
  co_await site_walk_.Run();
  found_.Close();
}

Task<SiteFacts> AuditPipeline::ReadFacts(Site site, Oid oid, std::vector<FoundList> lists) {
  if (site.parent_id.empty()) {
    co_await reads_->Spawn(app_grants_.Read(site, oid));
    co_await reads_->Spawn(sharing_settings_.ReadSite(site));
  }
  co_return co_await site_access_.Read(std::move(site), oid, std::move(lists));
}

// Drives that can tell what changed are asked, many at a time; what must be read whole goes on.
Task<void> AuditPipeline::Sort(TaskGroup& reads) {
  co_await RunGroup(executor_, kUpdates, [this, &reads](TaskGroup& updates) -> Task<void> {
    while (auto found = co_await found_.Receive()) {
      co_await ReadLabels(*found, reads);
      if (incremental_ && !found->list) {
        co_await updates.Spawn(Update(std::move(*found), reads));
      } else {
        co_await whole_.Send(std::move(*found));
      }
    }
  });
  whole_.Close();
}

Task<void> AuditPipeline::ReadLabels(const FoundContainer& found, TaskGroup& reads) {
  if (found.list || !item_labels_.wanted() || !found.facts->rest) co_return;
  co_await reads.Spawn(item_labels_.Read(found.drive, found.site_url));
}

Task<void> AuditPipeline::Update(FoundContainer found, TaskGroup& reads) {
  const auto update = co_await drive_scan_.ReadChanges(found);
  if (update.how == DriveScan::Updated::kNeedsScan) {
    co_await whole_.Send(std::move(found));
  } else if (update.how == DriveScan::Updated::kDone) {
    co_await scope_reader_.ReadDrive(found.oid, found.site_url, update.method, reads);
  }
}

Task<void> AuditPipeline::ScanWhole(TaskGroup& reads) {
  while (auto found = co_await whole_.Receive()) {
    const std::string site_url = found->site_url;
    co_await Scan(std::move(*found), reads);
    whole_.Done(site_url);
  }
}

Task<void> AuditPipeline::Scan(FoundContainer found, TaskGroup& reads) {
  const Oid oid = found.oid;
  const std::string site_url = found.site_url;
  if (found.list) {
    if (co_await list_scan_.Scan(std::move(found))) {
      co_await scope_reader_.ReadList(oid, site_url, reads);
    }
    co_return;
  }
  std::optional<ScopeMethod> method;
  {
    BatchQueue::Producer soon(batches_);  // Permission reads will follow.
    method = co_await drive_scan_.Scan(std::move(found));
  }
  if (method) co_await scope_reader_.ReadDrive(oid, site_url, *method, reads);
}

}  // namespace spa
