#include "discovery/list_scan.h"

#include <fmt/format.h>

#include "core/encoding.h"
#include "core/http/url.h"

namespace spa {
namespace {

// The folder part of a server-relative path; empty for one without.
std::string FolderOf(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

// Items as the stage knows them: the list itself is the root, an item's id is "LIST/NUMBER".
DriveItem Staged(const std::string& list_id, const ListItem& row) {
  DriveItem item;
  item.id = fmt::format("{}/{}", list_id, row.id);
  item.parent_id = list_id;
  item.name = row.name.empty() ? row.path.substr(row.path.rfind('/') + 1) : row.name;
  if (item.name.empty()) item.name = std::to_string(row.id);
  item.list_item_id = row.id;
  item.kind = row.folder ? DriveItem::Kind::kFolder : DriveItem::Kind::kFile;
  return item;
}

}  // namespace

// What must be kept until the last page: nothing says that a folder comes before what is in it.
struct ListScan::Seen {
  std::string top;  // server-relative path of the list, decoded
  std::int64_t items = 0;
  std::unordered_map<std::string, std::string> folders;   // path -> item id
  std::vector<std::pair<std::string, DriveItem>> nested;  // path of its folder, item
};

Task<bool> ListScan::Scan(FoundContainer found) {
  const DriveState state = co_await parts_.store.Do(
      [&](AuditStore& store) { return store.StateOfDrive(found.oid, ""); });
  if (state.finished) co_return true;  // By the run that was resumed.
  Seen seen;
  seen.top = UrlDecode(SplitUrl(found.list->web_url).path);
  auto read = co_await ReadItems(found, seen);
  // A list may hide its items from us without an error (permissions.md 3.4).
  const auto fact = found.facts->lists.find(found.list->id);
  if (read && seen.items == 0 && fact != found.facts->lists.end() && fact->second.item_count > 0) {
    read = Fail(
        ErrorCode::kForbidden,
        fmt::format("the list holds {} items and shows none of them", fact->second.item_count),
        "grant SharePoint Sites.FullControl.All; the list may show people only their own items");
  }
  if (!read) {
    co_await parts_.store.Do([&](AuditStore& store) { return store.DiscardStage(found.oid); });
    co_await parts_.store.PutGap(found.oid, found.list->web_url, read.error());
    co_return false;
  }
  co_await parts_.store.Do([&](AuditStore& store) {
    return store.FinishDrive(found.oid, ScopeMethod::kRestUniqueFlags, found.InheritsFromWeb(),
                             DeltaLink());
  });
  co_return true;
}

Task<Result<void>> ListScan::ReadItems(const FoundContainer& found, Seen& seen) {
  std::vector<DriveItem> root(1);
  root[0].id = found.list->id;
  root[0].is_root = true;
  root[0].kind = DriveItem::Kind::kFolder;
  co_await parts_.store.Do([&](AuditStore& store) { return store.StageItems(found.oid, root); });

  ListPageUse use = [&](std::vector<ListItem> page) {
    return StagePage(found, std::move(page), seen);
  };
  auto read =
      co_await ForEachListPage(parts_.sharepoint, found.site_url, found.list->id, std::move(use));
  if (!read) co_return Fail(std::move(read.error()));
  co_await StageNested(found, seen);
  co_return Result<void>();
}

Task<void> ListScan::StagePage(const FoundContainer& found, std::vector<ListItem> page,
                               Seen& seen) {
  std::vector<DriveItem> items;
  std::vector<std::int64_t> inheriting;
  for (const ListItem& row : page) {
    DriveItem item = Staged(found.list->id, row);
    if (!row.owns_scope) inheriting.push_back(row.id);
    if (row.folder) seen.folders[row.path] = item.id;
    std::string folder = FolderOf(row.path);
    if (folder.size() <= seen.top.size()) {
      items.push_back(std::move(item));
    } else {
      seen.nested.emplace_back(std::move(folder), std::move(item));
    }
  }
  seen.items += static_cast<std::int64_t>(page.size());
  parts_.progress.items += static_cast<std::int64_t>(page.size());
  co_await parts_.store.Do([&](AuditStore& store) -> Status {
    auto staged = store.StageItems(found.oid, std::move(items));
    return staged ? store.StageInheriting(found.oid, inheriting) : staged;
  });
}

Task<void> ListScan::StageNested(const FoundContainer& found, Seen& seen) {
  std::vector<DriveItem> items;
  for (auto& [folder, item] : seen.nested) {
    const auto parent = seen.folders.find(folder);
    // Of an unknown folder: the store takes it for an orphan and says so.
    item.parent_id = parent != seen.folders.end() ? parent->second : folder;
    items.push_back(std::move(item));
  }
  co_await parts_.store.Do(
      [&](AuditStore& store) { return store.StageItems(found.oid, std::move(items)); });
}

}  // namespace spa
