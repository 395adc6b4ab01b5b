#include "discovery/site_walk.h"

#include <fmt/format.h>

#include "core/ascii.h"
#include "core/encoding.h"
#include "discovery/cached_models.h"
#include "discovery/graph_decoders.h"

namespace spa {
namespace {

// `system` must be selected, or the system libraries and lists stay hidden (graph.md 3).
constexpr int kMaxWalks = 200;  // sites asked at once; their questions share batches
constexpr std::string_view kDriveFields = "id,name,webUrl,driveType,sharePointIds,system";
constexpr std::string_view kListFields = "id,name,displayName,webUrl,list,system";

std::string Trimmed(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

// "/sites/{host}:{path}" for a site's address (graph.md 2.1). The path is encoded once, whether it
// was given encoded or not.
std::string PathOfSite(const Url& url) {
  const std::string path = Trimmed(url.path.substr(0, url.path.find_first_of("?#")));
  std::string encoded;
  for (std::size_t begin = 1; begin < path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    encoded += "/" + UrlEncode(UrlDecode(path.substr(begin, end - begin)));
    begin = end + 1;
  }
  return encoded.empty() ? "/sites/" + url.host : "/sites/" + url.host + ":" + encoded;
}

bool IsLibrary(const List& list) {
  return AsciiLower(list.template_name).find("library") != std::string::npos;
}

template <class T>
Task<void> Into(T& result, Task<T> task) {
  result = co_await std::move(task);
}

}  // namespace

SiteWalk::SiteWalk(Parts parts, DiscoveryConfig config, std::vector<std::string> target_sites,
                   Shard shard)
    : parts_(std::move(parts)),
      config_(config),
      targets_(std::move(target_sites)),
      shard_(shard),
      sites_(parts_.cache.Open<std::vector<Site>>(CacheKind::kSite)),
      drives_(parts_.cache.Open<std::vector<Drive>>(CacheKind::kDrive)),
      lists_(parts_.cache.Open<std::vector<List>>(CacheKind::kList)) {}

Task<void> SiteWalk::Run() {
  co_await RunGroup(parts_.graph.service().executor(), kMaxWalks, [this](TaskGroup& walking) {
    walking_ = &walking;
    return targets_.empty() ? WalkTenant() : WalkTargets();
  });
}

Task<void> SiteWalk::WalkTenant() {
  BatchQueue::Producer more(parts_.batches);
  GraphRead read("/sites/getAllSites", "listing the sites of the tenant", /*units=*/2);
  for (;;) {
    auto page = co_await parts_.graph.Get(read, &DecodeSites);
    if (!page) {
      if (page.error().code == ErrorCode::kForbidden) {
        page.error().remedy =
            "grant Graph Sites.Read.All with admin consent, or name the sites with --sites "
            "(Sites.Selected)";
      }
      throw RunAborted(std::move(page.error()));
    }
    for (Site& site : page->items) {
      if (shard_.Has(site.id)) co_await Enter(std::move(site), std::nullopt);
    }
    if (page->next_link.empty()) co_return;
    read.path = std::move(page->next_link);
  }
}

Task<void> SiteWalk::WalkTargets() {
  for (const std::string& target : targets_) {
    auto site = co_await SiteByUrl(Trimmed(target));
    if (site) {
      if (shard_.Has(site->id)) co_await Enter(std::move(*site), std::nullopt);
      continue;
    }
    // Wanted, so it belongs in the ledger: of every shard, since who has it is not known.
    Site refused;
    refused.web_url = Trimmed(target);
    refused.name = refused.web_url;
    refused.id =
        co_await parts_.store.Do([&](AuditStore& store) { return store.SiteAt(refused.web_url); });
    if (refused.id.empty()) refused.id = refused.web_url;  // Never seen: its address must do.
    ++parts_.progress.sites_found;
    ++parts_.progress.sites_done;
    const Oid oid =
        co_await parts_.store.Do([&](AuditStore& store) { return store.PutSite(refused); });
    co_await parts_.store.PutGap(oid, refused.web_url, site.error());
  }
}

Task<Result<Site>> SiteWalk::SiteByUrl(std::string url) {
  const CacheKey key(CacheKind::kSite, fmt::format("{}/{}", parts_.tenant, url));
  Loader<std::vector<Site>> load = [this, url] { return LoadSite(url); };
  auto hit = co_await sites_.GetOrLoad(key, std::move(load));
  if (!hit) co_return Fail(std::move(hit.error()));
  if (hit->value->size() != 1) co_return Fail(ErrorCode::kMalformed, "no site in the cache");
  co_return hit->value->front();
}

Task<Result<std::vector<Site>>> SiteWalk::LoadSite(std::string url) {
  GraphRead read(PathOfSite(SplitUrl(url)), "looking up the site " + url);
  auto site = co_await parts_.graph.Get(std::move(read), &DecodeSite);
  if (!site) co_return Fail(std::move(site.error()));
  co_return std::vector<Site>(1, *std::move(site));
}

// What stands in the site, remembered: `rest` is asked below it. Where it is stale, `stale` is its
// age.
template <class T>
Task<Result<std::vector<T>>> SiteWalk::Listed(Cache<std::vector<T>> cache, CacheKind kind,
                                              Site site, std::string rest, std::string noun,
                                              Decoder<Page<T>> decode,
                                              std::chrono::seconds& stale) {
  GraphRead read(fmt::format("/sites/{}/{}", site.id, rest),
                 fmt::format("listing the {} of {}", noun, site.web_url), /*units=*/2);
  Loader<std::vector<T>> load = [this, read, decode] { return parts_.batches.List(read, decode); };
  const CacheKey key(kind, fmt::format("{}/{}/{}", parts_.tenant, site.id, noun));
  auto hit = co_await cache.GetOrLoad(key, std::move(load));
  if (!hit) co_return Fail(std::move(hit.error()));
  if (hit->stale) stale = std::max(stale, hit->age);
  co_return *hit->value;
}

// Notes the site and starts the walk below it, unless it is known already or not wanted.
Task<void> SiteWalk::Enter(Site site, std::optional<Oid> parent) {
  const bool known = !seen_.insert(site.id).second;
  if (known && !parent) co_return;
  const Oid oid = co_await parts_.store.Do([&](AuditStore& store) { return store.PutSite(site); });
  if (known) co_return;  // Now with its parent.
  ++parts_.progress.sites_found;
  const bool storage = site.web_url.find("/contentstorage/") != std::string::npos;
  if (storage || (site.is_personal && !config_.include_personal_sites)) {
    ++parts_.progress.sites_done;
    co_await parts_.store.PutGap(oid, site.web_url, CoverageState::kSkipped,
                                 storage ? "a storage container of an application, not a site"
                                         : "personal sites are left out by the configuration",
                                 storage ? "" : "set discovery.include_personal_sites to true");
    co_return;
  }
  if (parent) {
    walking_->Start(
        Walk(std::move(site), oid));  // From within the group, which must not wait for itself.
  } else {
    co_await walking_->Spawn(Walk(std::move(site), oid));
  }
}

Task<SiteWalk::Contents> SiteWalk::Read(Site site) {
  Contents found;
  auto& [drives, lists, subsites, stale] = found;
  co_await RunGroup(parts_.graph.service().executor(), 0, [&](TaskGroup& asking) -> Task<void> {
    asking.Start(Into(drives, Listed(drives_, CacheKind::kDrive, site,
                                     fmt::format("drives?$select={}", kDriveFields), "libraries",
                                     &DecodeDrives, stale)));
    if (config_.include_lists) {
      asking.Start(Into(lists, Listed(lists_, CacheKind::kList, site,
                                      fmt::format("lists?$select={}", kListFields), "lists",
                                      &DecodeLists, stale)));
    }
    if (config_.include_subsites) {
      asking.Start(Into(subsites, Listed(sites_, CacheKind::kSite, site, "sites", "subsites",
                                         &DecodeSites, stale)));
    }
    co_return;
  });
  co_return found;
}

Task<void> SiteWalk::Walk(Site site, Oid oid) {
  Contents contents = co_await Read(site);
  auto& [drives, lists, subsites, stale] = contents;
  // One line in the ledger for a site that refuses, not one per question.
  if (const Error* error = contents.error())
    co_await parts_.store.PutGap(oid, site.web_url, *error);

  if (drives && lists && subsites && stale.count() > 0)
    co_await parts_.store.PutStale(oid, site.web_url, stale);

  if (subsites) {
    for (Site& child : *subsites) {
      child.parent_id = site.id;
      child.root_id = site.root_id.empty() ? site.id : site.root_id;
      child.root_url = site.root_id.empty() ? site.web_url : site.root_url;
      co_await Enter(std::move(child), oid);
    }
  }

  std::vector<FoundContainer> found;
  std::unordered_set<std::string> library_lists;
  if (drives) {
    for (Drive& drive : *drives) {
      drive.site_id = site.id;
      library_lists.insert(drive.list_id);
      FoundContainer one;
      one.drive = std::move(drive);
      if (!seen_.insert(one.drive.id).second) continue;  // Listed twice, scanned once.
      one.oid = co_await parts_.store.Do(
          [&](AuditStore& store) { return store.PutDrive(oid, one.drive); });
      found.push_back(std::move(one));
    }
    parts_.progress.libraries_found += static_cast<std::int64_t>(found.size());
  }
  std::vector<FoundList> generic;
  if (lists) {
    for (List& list : *lists) {
      if (library_lists.count(list.id)) continue;
      if (!drives && IsLibrary(list)) continue;  // The site's gap speaks for them.
      list.site_id = site.id;
      FoundList one;
      one.list = std::move(list);
      one.oid =
          co_await parts_.store.Do([&](AuditStore& store) { return store.PutList(oid, one.list); });
      generic.push_back(std::move(one));
    }
  }

  if (drives && lists && subsites && stale.count() == 0)
    co_await parts_.store.Do([&](AuditStore& store) { return store.PutListed(oid); });

  auto facts = std::make_shared<SiteFacts>();
  if (drives || lists) *facts = co_await parts_.read_facts(site, oid, generic);
  for (FoundList& list : generic) {
    if (!facts->lists.contains(list.list.id)) continue;  // The ledger says why.
    FoundContainer one;
    one.oid = list.oid;
    one.list = std::move(list.list);
    found.push_back(std::move(one));
  }
  for (FoundContainer& one : found) {
    one.site_url = EncodedUrl(Trimmed(site.web_url));
    one.facts = facts;
    co_await parts_.found.Send(std::move(one));
  }
  ++parts_.progress.sites_done;
}

}  // namespace spa
