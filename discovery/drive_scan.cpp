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
constexpr int kUnitsWithToken = 1;

}  // namespace

// A link answers the question it was made for (graph.md 4.1, 4.4).
std::string Shape() { return fmt::format("{}; {}", kPrefer, kFields); }

Task<std::optional<ScopeMethod>> DriveScan::Scan(FoundContainer found) {
  DriveState state = co_await parts_.store.Do(
      [&](AuditStore& store) { return store.StateOfDrive(found.oid, Shape()); });
  if (state.finished) {
    ++parts_.progress.libraries_done;
    co_return state.finished;
  }
  auto delta_link = co_await ReadDelta(found, std::move(state));
  ++parts_.progress.libraries_done;
  if (!delta_link) {
    co_await parts_.store.Do([&](AuditStore& store) { return store.DiscardStage(found.oid); });
    co_await parts_.store.PutGap(found.oid, found.drive.web_url, delta_link.error());
    co_return std::nullopt;
  }
  const ScopeMethod method = co_await DecideMethod(found);
  const DeltaLink link(*std::move(delta_link), Shape());
  co_await parts_.store.Do([&](AuditStore& store) {
    return store.FinishDrive(found.oid, method, found.InheritsFromWeb(), link);
  });
  co_return method;
}

Task<DriveScan::Update> DriveScan::ReadChanges(const FoundContainer& found) {
  Update update;
  DriveState state = co_await parts_.store.Do(
      [&](AuditStore& store) { return store.StateOfDrive(found.oid, Shape()); });
  if (state.finished || state.delta_link.empty()) co_return update;
  const bool goes_on = !state.next_link.empty();
  if (goes_on && !state.changes) co_return update;  // A whole pass was under way.
  if (!goes_on) {
    co_await parts_.store.Do([&](AuditStore& store) { return store.StageChanges(found.oid); });
  }
  auto link = co_await ReadDeltaOnce(found, goes_on ? state.next_link : state.delta_link,
                                     /*batched=*/true);
  if (link) {
    const DeltaLink next(*std::move(link), Shape());
    const auto method = co_await parts_.store.Do([&](AuditStore& store) {
      return store.FinishChanges(found.oid, found.InheritsFromWeb(), next);
    });
    if (method) {
      ++parts_.progress.libraries_done;
      update.how = Updated::kDone;
      update.method = *method;
      co_return update;
    }
  }
  co_await parts_.store.Do([&](AuditStore& store) { return store.DiscardStage(found.oid); });
  // A link that is not taken any more is no reason to give up the drive (graph.md 4.7).
  if (link || link.error().code == ErrorCode::kGone || link.error().code == ErrorCode::kMalformed) {
    co_return update;
  }
  AbortIfFatal(link.error());
  co_await parts_.store.PutGap(found.oid, found.drive.web_url, link.error());
  ++parts_.progress.libraries_done;
  update.how = Updated::kUnread;
  co_return update;
}

Task<Result<std::string>> DriveScan::ReadDelta(const FoundContainer& found, DriveState state) {
  const std::string fresh =
      fmt::format("/drives/{}/root/delta?$select={}", found.drive.id, kFields);
  std::string first = fresh;
  if (!state.next_link.empty() && !state.changes) first = std::move(state.next_link);
  for (int restart = 0;; ++restart) {
    auto link = co_await ReadDeltaOnce(found, first, /*batched=*/false);
    if (link || link.error().code != ErrorCode::kGone || restart == kMaxRestarts) co_return link;
    log::Info("starting a drive anew: " + link.error().message);
    co_await parts_.store.Do([&](AuditStore& store) { return store.DiscardStage(found.oid); });
    first = fresh;
  }
}

// The delta link, once the last page is staged.
Task<Result<std::string>> DriveScan::ReadDeltaOnce(const FoundContainer& found, std::string first,
                                                   bool batched) {
  Result<std::string> link = std::string();
  co_await RunGroup(parts_.graph.service().executor(), kMaxPagesAhead,
                    [&](TaskGroup& staging) -> Task<void> {
                      link = co_await ReadPages(found, std::move(first), batched, staging);
                    });
  co_return link;
}

// `batched`: the first page, which for most drives says that nothing changed.
Task<Result<std::string>> DriveScan::ReadPages(const FoundContainer& found, std::string first,
                                               bool batched, TaskGroup& staging) {
  GraphRead read(std::move(first), "reading the items of " + found.drive.web_url,
                 batched ? kUnitsWithToken : kUnitsFirstScan);
  read.prefer = kPrefer;
  for (int repeats = 0;;) {
    Result<Page<DriveItem>> page;
    if (batched) {
      page = co_await parts_.batches.Get(read, &DecodeDelta);
      batched = false;
    } else {
      page = co_await parts_.graph.Get(read, &DecodeDelta);
    }
    if (!page) co_return Fail(std::move(page.error()));
    parts_.progress.items += static_cast<std::int64_t>(page->items.size());
    if (!page->items.empty() || !page->next_link.empty()) {
      co_await staging.Spawn(StagePage(found.oid, std::move(page->items), page->next_link));
    }
    if (!page->delta_link.empty()) co_return std::move(page->delta_link);
    repeats = page->next_link == read.path ? repeats + 1 : 0;
    if (repeats == kMaxRepeats) {
      co_return Fail(ErrorCode::kMalformed, read.what + ": the next link leads to itself",
                     "run again; if it stays, report it with the drive's id");
    }
    read.path = std::move(page->next_link);
  }
}

// `next`: the page behind this one; empty: this is the last, and merging it follows.
Task<void> DriveScan::StagePage(Oid library, std::vector<DriveItem> items, std::string next) {
  co_await parts_.store.Do([&](AuditStore& store) -> Status {
    auto staged = store.StageItems(library, std::move(items));
    return staged && !next.empty() ? store.Checkpoint(library, next, Shape()) : staged;
  });
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
