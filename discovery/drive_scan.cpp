#include "discovery/drive_scan.h"

#include <fmt/format.h>

#include "core/async/task_group.h"
#include "core/log/log.h"
#include "discovery/graph_decoders.h"
#include "discovery/scope_method.h"

namespace spa {
namespace {

// On every page: the links do not remember it (graph.md 0.1, 4.2).
constexpr const char* kPrefer =
    "deltashowremovedasdeleted, deltatraversepermissiongaps, deltashowsharingchanges, "
    "hierarchicalsharing";

// What the audit stores, and no more: pages are the bulk of what an audit downloads.
constexpr std::string_view kFields =
    "id,name,parentReference,root,folder,file,package,deleted,shared,size,lastModifiedDateTime,"
    "sharepointIds";

constexpr int kMaxRestarts = 3;
constexpr int kMaxPagesAhead = 1;  // staged while the next is read; one, because the last page wins
constexpr int kMaxRepeats = 3;     // a next link that leads to itself so often leads nowhere

constexpr int kUnitsFirstScan =
    2;  // A next link of a tokenless scan may cost 1 or 2 (graph.md 6.1).

}  // namespace

Task<std::optional<ScopeMethod>> DriveScan::Scan(FoundContainer found) {
  auto delta_link = co_await ReadDelta(found);
  ++parts_.progress.libraries_done;
  if (!delta_link) {
    co_await parts_.store.Do([&](AuditStore& store) { return store.DiscardStage(found.oid); });
    co_await parts_.store.PutGap(found.oid, found.drive.web_url, delta_link.error());
    co_return std::nullopt;
  }
  const ScopeMethod method = co_await DecideMethod(found);
  co_await parts_.store.Do([&](AuditStore& store) -> Status {
    auto done = store.FinishDrive(found.oid, method, found.InheritsFromWeb(), *delta_link);
    return done ? store.Commit() : done;
  });
  co_return method;
}

Task<Result<std::string>> DriveScan::ReadDelta(const FoundContainer& found) {
  const std::string fresh =
      fmt::format("/drives/{}/root/delta?$select={}", found.drive.id, kFields);
  std::string first = fresh;
  for (int restart = 0;; ++restart) {
    auto link = co_await ReadDeltaOnce(found, first);
    if (link || link.error().code != ErrorCode::kGone || restart == kMaxRestarts) co_return link;
    log::Info("starting a drive anew: " + link.error().message);
    co_await parts_.store.Do([&](AuditStore& store) { return store.DiscardStage(found.oid); });
    first = fresh;
  }
}

// The delta link, once the last page is staged.
Task<Result<std::string>> DriveScan::ReadDeltaOnce(const FoundContainer& found, std::string first) {
  Result<std::string> link = std::string();
  co_await RunGroup(parts_.graph.service().executor(), kMaxPagesAhead,
                    [&](TaskGroup& staging) -> Task<void> {
                      link = co_await ReadPages(found, std::move(first), staging);
                    });
  co_return link;
}

Task<Result<std::string>> DriveScan::ReadPages(const FoundContainer& found, std::string first,
                                               TaskGroup& staging) {
  GraphRead read(std::move(first), "reading the items of " + found.drive.web_url, kUnitsFirstScan);
  read.prefer = kPrefer;
  for (int repeats = 0;;) {
    auto page = co_await parts_.graph.Get(read, &DecodeDelta);
    if (!page) co_return Fail(std::move(page.error()));
    parts_.progress.items += static_cast<std::int64_t>(page->items.size());
    if (!page->items.empty()) co_await staging.Spawn(Stage(found.oid, std::move(page->items)));
    if (!page->delta_link.empty()) co_return std::move(page->delta_link);
    repeats = page->next_link == read.path ? repeats + 1 : 0;
    if (repeats == kMaxRepeats) {
      co_return Fail(ErrorCode::kMalformed, read.what + ": the next link leads to itself",
                     "run again; if it stays, report it with the drive's id");
    }
    read.path = std::move(page->next_link);
  }
}

Task<void> DriveScan::Stage(Oid library, std::vector<DriveItem> items) {
  co_await parts_.store.Do([&](AuditStore& store) { return store.StageItems(library, items); });
}

Task<void> DriveScan::StageFlags(Oid library, std::vector<ListItem> page) {
  std::vector<std::int64_t> inheriting;
  for (const ListItem& item : page) {
    if (!item.owns_scope) inheriting.push_back(item.id);
  }
  co_await parts_.store.Do(
      [&](AuditStore& store) { return store.StageInheriting(library, inheriting); });
}

Task<ScopeMethod> DriveScan::DecideMethod(const FoundContainer& found) {
  const Oid library = found.oid;
  const DriveEvidence evidence =
      co_await parts_.store.Do([&](AuditStore& store) { return store.StageEvidence(library); });
  std::int64_t contradictions = 0;
  if (!found.facts->linked_items.empty()) {
    contradictions = co_await parts_.store.Do([&](AuditStore& store) {
      return store.StageContradictions(library, found.facts->linked_items);
    });
  }
  const bool doubtful = found.facts->rest && !found.facts->links_known;
  if (!doubtful && HierarchyProven(evidence, contradictions)) {
    co_return ScopeMethod::kDeltaHierarchy;
  }
  log::Debug(fmt::format("the sharing facet of {} proves nothing; looking otherwise",
                         found.drive.web_url));
  if (evidence.items <= 1) co_return ScopeMethod::kItemPermissions;  // The root alone: read it.
  if (parts_.sharepoint && found.facts->rest && !found.drive.list_id.empty()) {
    ListPageUse use = [&](std::vector<ListItem> page) {
      return StageFlags(library, std::move(page));
    };
    const auto read = co_await ForEachListPage(*parts_.sharepoint, found.site_url,
                                               found.drive.list_id, std::move(use));
    if (read) co_return ScopeMethod::kRestUniqueFlags;
    AbortIfFatal(read.error());
  }
  co_return ScopeMethod::kItemPermissions;
}

}  // namespace spa
