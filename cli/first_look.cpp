#include "cli/first_look.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <filesystem>
#include <set>

#include "cache/cache_manager.h"
#include "cli/progress.h"
#include "cli/run_loop.h"
#include "core/auth/token_source.h"
#include "core/graph/batch_queue.h"
#include "core/graph/json.h"
#include "core/graph/sharepoint_client.h"
#include "core/store/store_writer.h"
#include "discovery/site_walk.h"
#include "permissions/rest_decoders.h"

namespace spa {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr auto kTick = std::chrono::milliseconds(100);
constexpr std::size_t kFoundAhead = 256;
constexpr int kSizesAtOnce = 200;

// What a look cannot see, of a tenant like others.
constexpr double kOwnersAmongItems = 0.02;
constexpr std::int64_t kGroupsOfCollection = 2;   // members and owners of its Microsoft 365 group
constexpr std::int64_t kBytesOfItem = 1'000'000;  // where only sizes are told

std::int64_t Pages(std::int64_t items, std::int64_t page) {
  return std::max<std::int64_t>(1, (items + page - 1) / page);
}

std::int64_t Owners(std::int64_t items) {
  return static_cast<std::int64_t>(static_cast<double>(items) * kOwnersAmongItems);
}

Result<std::int64_t> DecodeSize(std::string_view body) {
  const auto root = json::Parse(body);
  if (!root) return Fail(root.error());
  return json::Int(*root, "size").value_or(0);
}

class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name =
        (std::filesystem::temp_directory_path() / "sharepoint-audit-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;  // 0700
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  std::string File(const std::string& name) const { return path_ + '/' + name; }
  bool made() const { return !path_.empty(); }

 private:
  std::string path_;
};

class Look {
 public:
  Look(const Config& config, bool quiet, std::unique_ptr<AuditStore> scratch)
      : config_(config),
        io_(1),
        store_(std::move(scratch)),
        concurrency_(io_, {config.concurrency.max_api_calls, config.concurrency.max_db_connections,
                           config.concurrency.max_cpu_tasks}),
        http_(io_, concurrency_, HttpOptionsOf(config)),
        cache_(NoCache()),
        writer_(*store_, concurrency_),
        progress_(stderr, Progress::ForStderr(quiet)),
        found_(io_.get_executor(), kFoundAhead) {}

  Result<FirstLook> Run(std::chrono::seconds patience);

 private:
  static CacheManager::Options NoCache() {
    CacheManager::Options options;
    options.enabled = false;
    return options;
  }

  [[nodiscard]] Task<void> Main();
  [[nodiscard]] Task<void> Ask();
  [[nodiscard]] Task<void> Walk();
  [[nodiscard]] Task<void> Count(TaskGroup& sizes);
  [[nodiscard]] Task<void> AskSize(FoundContainer found);
  [[nodiscard]] Task<SiteFacts> ReadFacts(Site site);
  [[nodiscard]] Task<void> ShowProgress();
  void AddLibrary(std::int64_t items, bool owns);
  void AddList(std::int64_t items, bool owns);
  void Assume();

  const Config& config_;
  asio::io_context io_;
  std::unique_ptr<AuditStore> store_;
  ConcurrencyManager concurrency_;
  HttpClient http_;
  CacheManager cache_;
  StoreWriter writer_;
  Progress progress_;
  Channel<FoundContainer> found_;
  std::unique_ptr<TokenSource> tokens_;
  std::optional<ServiceClient> service_;
  std::optional<GraphClient> graph_;
  std::optional<SharePointClient> sharepoint_;
  std::optional<BatchQueue> batches_;
  std::optional<SiteWalk> walk_;
  RunProgress counters_;
  FirstLook look_;
  // Of libraries and lists; webs are counted by the scratch database.
  TenantFigures counted_;
  std::int64_t linked_items_ = 0;
  std::set<std::string> groups_;
  SteadyClock::time_point started_ = SteadyClock::now();
};

Result<FirstLook> Look::Run(std::chrono::seconds patience) {
  auto tokens = MakeTokenSource(config_.auth, http_);
  if (!tokens) return Fail(std::move(tokens.error()));
  tokens_ = *std::move(tokens);
  service_.emplace(io_, concurrency_, http_, *tokens_,
                   Audiences(config_.graph.base_url, config_.tenant_url), patience,
                   UnitBudget::LimitsOf(config_.concurrency.resource_units_per_minute));
  graph_.emplace(*service_, config_.graph.base_url);
  sharepoint_.emplace(*service_);
  batches_.emplace(*graph_, Family::kSharePoint);
  look_.rest = SharePointListens(config_, *tokens_);
  SiteWalk::Parts parts{*graph_,
                        *batches_,
                        cache_,
                        config_.auth.tenant_id,
                        writer_,
                        counters_,
                        found_,
                        [this](Site site, Oid, std::vector<FoundList>) {
                          return ReadFacts(std::move(site)); }};
  walk_.emplace(std::move(parts), config_.discovery, config_.target_sites);

  RunRequest request(config_.auth.tenant_id, RunMode::kFull);
  const auto run = store_->BeginRun(request);
  if (!run) return Fail(run.error());

  const Ending ending = RunUntilSignal(io_, Main());
  look_.interrupted = ending.interrupted;
  progress_.Clear();
  try {
    if (ending.failure) std::rethrow_exception(ending.failure);
  } catch (const RunAborted& error) {
    return Fail(error.error());
  } catch (const boost::system::system_error& error) {
    if (!look_.interrupted || !IsCancellation(error)) throw;
    return look_;
  }
  if (auto finished = store_->FinishRun("complete", ""); !finished) return Fail(finished.error());
  auto figures = store_->Figures(run->number);
  if (!figures) return Fail(figures.error());
  look_.figures = *figures;
  Assume();
  look_.api = service_->counters();
  const std::chrono::duration<double> took = SteadyClock::now() - started_;
  look_.seconds_per_request =
      took.count() / static_cast<double>(std::max(1L, http_.counters().requests));
  return look_;
}

Task<void> Look::Main() {
  co_await RunGroup(io_.get_executor(), 0, [this](TaskGroup& group) -> Task<void> {
    group.Start(ShowProgress());
    counters_.phase = "signing in";
    auto token = co_await tokens_->Get(service_->audiences().graph_resource());
    if (!token) throw RunAborted(std::move(token.error()));
    group.Start(batches_->Run());
    counters_.phase = "looking at sites";
    co_await Ask();
    group.Stop();
  });
}

Task<void> Look::Ask() {
  co_await RunGroup(io_.get_executor(), kSizesAtOnce, [this](TaskGroup& sizes) -> Task<void> {
    co_await RunGroup(io_.get_executor(), 0, [this, &sizes](TaskGroup& stages) -> Task<void> {
      stages.Start(Walk());
      stages.Start(Count(sizes));
      co_return;
    });
  });
}

Task<void> Look::Walk() {
  co_await walk_->Run();
  found_.Close();
}

Task<void> Look::Count(TaskGroup& sizes) {
  while (auto found = co_await found_.Receive()) {
    const std::string& list_id = found->list ? found->list->id : found->drive.list_id;
    const auto fact = found->facts->lists.find(list_id);
    const bool told = fact != found->facts->lists.end();
    if (found->list) {
      AddList(told ? std::max<std::int64_t>(fact->second.item_count, 0) : 0,
              !found->InheritsFromWeb());
    } else if (told && fact->second.item_count >= 0) {
      AddLibrary(fact->second.item_count, !found->InheritsFromWeb());
    } else {
      co_await sizes.Spawn(AskSize(std::move(*found)));
    }
  }
}

Task<void> Look::AskSize(FoundContainer found) {
  GraphRead read(fmt::format("/drives/{}/root?$select=id,size", found.drive.id),
                 "asking for the size of " + found.drive.web_url);
  const auto size = co_await batches_->Get(std::move(read), &DecodeSize);
  if (!size) AbortIfFatal(size.error());
  AddLibrary(size ? *size / kBytesOfItem : 0, !found.InheritsFromWeb());
}

void Look::AddLibrary(std::int64_t items, bool owns) {
  counters_.libraries_done += 1;
  counted_.libraries += 1;
  counted_.owning_libraries += owns ? 1 : 0;
  counted_.library_items += items;
  counted_.delta_pages += Pages(items + 1, TenantFigures::kDeltaPage);
}

void Look::AddList(std::int64_t items, bool owns) {
  counted_.lists += 1;
  counted_.owning_lists += owns ? 1 : 0;
  counted_.list_items += items;
  counted_.list_pages += Pages(items, TenantFigures::kListPage);
}

// A web that refuses is left as Graph alone shows it: the audit will say so.
Task<SiteFacts> Look::ReadFacts(Site site) {
  SiteFacts facts;
  if (!look_.rest) co_return facts;
  std::string api = EncodedUrl(site.web_url);
  while (api.ends_with('/')) api.pop_back();
  api += "/_api/web";
  const auto told = co_await sharepoint_->List(
      api + "/lists?$select=Id,Title,Hidden,BaseTemplate,ItemCount,HasUniqueRoleAssignments",
      "counting the items of " + site.web_url, &DecodeRestLists);
  if (!told) {
    AbortIfFatal(told.error());
    co_return facts;
  }
  facts.rest = true;
  for (const RestList& list : *told) {
    facts.lists[list.id].owns_scope = list.owns_scope;
    facts.lists[list.id].item_count = list.item_count;
  }
  if (!site.parent_id.empty()) co_return facts;  // Its collection's groups are known.
  const auto groups =
      co_await sharepoint_->List(api + "/sitegroups?$expand=Users",
                                 "reading the site groups of " + site.web_url, &DecodeSiteGroups);
  if (!groups) {
    AbortIfFatal(groups.error());
    co_return facts;
  }
  std::set<std::string> linked;
  for (const RestSiteGroup& group : *groups) {
    const auto link = ParseLinkGroup(group.title);
    if (link) linked.insert(link->item_unique_id);
    for (const Member& member : group.members) {
      if (member.kind.starts_with("group") && !member.id.empty())
        groups_.insert(member.kind + ':' + member.id);
    }
  }
  linked_items_ += static_cast<std::int64_t>(linked.size());
  co_return facts;
}

// From what was seen to what the audit will meet.
void Look::Assume() {
  TenantFigures& f = look_.figures;
  const TenantFigures webs = f;
  f = counted_;
  f.sites = webs.sites;
  f.webs = webs.webs;
  f.open_webs = webs.open_webs;
  f.collections = webs.collections;
  f.owning_webs = webs.owning_webs;
  f.library_reads = std::max(linked_items_, Owners(f.library_items));
  f.list_reads = Owners(f.list_items);
  f.list_batches = std::min(f.list_reads, f.lists);
  const auto seen = static_cast<std::int64_t>(groups_.size());
  f.groups = 2 * std::max(seen, kGroupsOfCollection * f.collections);
  if (look_.rest) {
    look_.assumptions.push_back(fmt::format(
        "Items with permissions of their own: {} that own a sharing link, or 2 % of all items.",
        linked_items_));
  } else {
    look_.assumptions.emplace_back(
        "Without SharePoint's own interface nobody tells how many items a library holds: they are "
        "reckoned from its size, at 1 MB each.");
    look_.assumptions.emplace_back("Items with permissions of their own: 2 % of all items.");
  }
  look_.assumptions.push_back(
      fmt::format("Directory groups: {} in site groups, or 2 of each site collection.", seen));
  look_.assumptions.emplace_back("Nothing is remembered in the cache, nothing changed meanwhile.");
}

Task<void> Look::ShowProgress() {
  asio::steady_timer timer(io_);
  for (;;) {
    ProgressSnapshot now;
    now.phase = counters_.phase;
    now.elapsed = SteadyClock::now() - started_;
    now.sites_done = counters_.sites_done;
    now.sites_total = counters_.sites_found;
    now.libraries = counters_.libraries_done;
    now.http_requests = http_.counters().requests;
    now.in_flight = concurrency_.api().in_use();
    now.resource_units = static_cast<double>(service_->counters().resource_units);
    now.throttled_for = service_->gate(Family::kSharePoint).Remaining();
    progress_.Tick(SteadyClock::now(), now);
    timer.expires_after(kTick);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

}  // namespace

Result<FirstLook> LookAtTenant(const Config& config, std::chrono::seconds patience, bool quiet) {
  const ScratchFolder folder;
  if (!folder.made()) {
    return Fail(ErrorCode::kStorage, "cannot make a folder for temporary files",
                "Name one that can be written in TMPDIR.");
  }
  auto scratch = AuditStore::Open(folder.File("look.db"), AuditStore::Mode::kReadWrite);
  if (!scratch) return Fail(std::move(scratch.error()));
  Look look(config, quiet, *std::move(scratch));
  return look.Run(patience);
}

}  // namespace spa
