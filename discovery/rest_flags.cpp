#include "discovery/rest_flags.h"

#include <fmt/format.h>

#include "core/graph/json.h"

namespace spa {
namespace {

constexpr int kFirstPageSize = 2000;
constexpr int kSmallestPageSize = 100;

}  // namespace

Result<Page<ItemFlag>> DecodeItemFlags(std::string_view body) {
  const auto root = json::Parse(body);
  if (!root) return Fail(root.error());
  Page<ItemFlag> page;
  bool whole = true;
  const bool listed = json::Each(*root, "value", [&](const json::Element& entry) {
    auto id = json::Int(entry, "ID");
    if (!id) id = json::Int(entry, "Id");
    const auto unique = json::Bool(entry, "HasUniqueRoleAssignments");
    if (!id || !unique) {
      whole = false;
      return;
    }
    ItemFlag flag;
    flag.id = *id;
    flag.unique = *unique;
    page.items.push_back(flag);
  });
  if (!listed || !whole) {
    return Fail(ErrorCode::kMalformed, "the answer lacks the items' HasUniqueRoleAssignments");
  }
  page.next_link = json::Text(*root, "odata.nextLink");
  if (page.next_link.empty()) page.next_link = json::Text(*root, "@odata.nextLink");
  return page;
}

Task<Result<std::vector<std::int64_t>>> UniqueItems(SharePointClient& sharepoint,
                                                    std::string web_url, std::string list_id) {
  const std::string what =
      fmt::format("reading which items of list {} in {} own permissions", list_id, web_url);
  std::vector<std::int64_t> unique;
  std::int64_t last = 0;
  int size = kFirstPageSize;
  std::string url;
  const auto page_url = [&] {
    std::string first =
        fmt::format("{}/_api/web/lists(guid'{}')/items?$select=ID,HasUniqueRoleAssignments&$top={}",
                    web_url, list_id, size);
    if (last > 0) first += fmt::format("&$skiptoken=Paged%3DTRUE%26p_ID%3D{}", last);
    return first;
  };
  url = page_url();
  for (;;) {
    auto page = co_await sharepoint.Get(url, what, &DecodeItemFlags);
    if (!page) {
      const bool heavy = page.error().http_status >= 500 || page.error().http_status == 0;
      if (!heavy || size <= kSmallestPageSize) co_return Fail(std::move(page.error()));
      size /= 2;
      url = page_url();
      continue;
    }
    for (const ItemFlag& flag : page->items) {
      last = std::max(last, flag.id);
      if (flag.unique) unique.push_back(flag.id);
    }
    if (page->next_link.empty()) co_return std::move(unique);
    url = std::move(page->next_link);
  }
}

}  // namespace spa
