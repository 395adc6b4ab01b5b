#include "discovery/list_pages.h"

#include <fmt/format.h>

#include "core/graph/json.h"

namespace spa {
namespace {

constexpr int kFirstPageSize = 2000;
constexpr int kSmallestPageSize = 100;
constexpr int kFolderType = 1;  // FileSystemObjectType

}  // namespace

Result<Page<ListItem>> DecodeListItems(std::string_view body) {
  const auto root = json::Parse(body);
  if (!root) return Fail(root.error());
  Page<ListItem> page;
  bool whole = true;
  const bool listed = json::Each(*root, "value", [&](const json::Element& entry) {
    auto id = json::Int(entry, "ID");
    if (!id) id = json::Int(entry, "Id");
    const auto unique = json::Bool(entry, "HasUniqueRoleAssignments");
    if (!id || !unique) {
      whole = false;
      return;
    }
    ListItem item;
    item.id = *id;
    item.owns_scope = *unique;
    item.folder = json::Int(entry, "FileSystemObjectType") == kFolderType;
    item.name = json::Text(entry, "FileLeafRef");
    item.path = json::Text(entry, "FileRef");
    page.items.push_back(std::move(item));
  });
  if (!listed || !whole) {
    return Fail(ErrorCode::kMalformed, "the answer lacks the items' HasUniqueRoleAssignments");
  }
  page.next_link = json::Text(*root, "odata.nextLink");
  if (page.next_link.empty()) page.next_link = json::Text(*root, "@odata.nextLink");
  return page;
}

Task<Result<void>> ForEachListPage(SharePointClient& sharepoint, std::string web_url,
                                   std::string list_id, ListPageUse use) {
  const std::string what = fmt::format("reading the items of list {} in {}", list_id, web_url);
  std::int64_t last = 0;
  int size = kFirstPageSize;
  const auto page_url = [&] {
    std::string url = fmt::format(
        "{}/_api/web/lists(guid'{}')/items?$select=ID,HasUniqueRoleAssignments,"
        "FileSystemObjectType,FileLeafRef,FileRef&$top={}",
        web_url, list_id, size);
    if (last > 0) url += fmt::format("&$skiptoken=Paged%3DTRUE%26p_ID%3D{}", last);
    return url;
  };
  std::string url = page_url();
  for (;;) {
    auto page = co_await sharepoint.Get(url, what, &DecodeListItems);
    if (!page) {
      const bool heavy = page.error().http_status >= 500 || page.error().http_status == 0;
      if (!heavy || size <= kSmallestPageSize) co_return Fail(std::move(page.error()));
      size /= 2;
      url = page_url();
      continue;
    }
    for (const ListItem& item : page->items) last = std::max(last, item.id);
    std::string next = std::move(page->next_link);
    co_await use(std::move(page->items));
    if (next.empty()) co_return Result<void>();
    url = std::move(next);
  }
}

}  // namespace spa
