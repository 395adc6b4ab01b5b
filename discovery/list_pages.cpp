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
  bool whole = true;
  auto page = DecodePage<ListItem>(body, [&](const json::Element& entry) {
    ListItem item;
    auto id = json::Int(entry, "ID");
    if (!id) id = json::Int(entry, "Id");
    const auto unique = json::Bool(entry, "HasUniqueRoleAssignments");
    whole = whole && id && unique;
    item.id = id.value_or(0);
    item.owns_scope = unique.value_or(false);
    item.folder = json::Int(entry, "FileSystemObjectType") == kFolderType;
    item.name = json::Text(entry, "FileLeafRef");
    item.path = json::Text(entry, "FileRef");
    return item;
  });
  if (page && !whole) {
    return Fail(ErrorCode::kMalformed, "the answer lacks the items' HasUniqueRoleAssignments");
  }
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
