// A list's items with their unique-permission flags by SharePoint REST: for generic lists, which
// Graph has no bulk signal for (graph.md 0.7), and for drives whose delta could not be trusted
// (4.9). Pages of up to 2,000 items; the size is halved when the service fails on this computed
// property.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/graph/sharepoint_client.h"

namespace spa {

struct ListItem {
  ListItem() = default;
  std::int64_t id = 0;  // list item id
  bool owns_scope = false;
  bool folder = false;
  std::string name;  // FileLeafRef
  std::string path;  // FileRef: server-relative, decoded
};

Result<Page<ListItem>> DecodeListItems(std::string_view body);

using ListPageUse = std::function<Task<void>(std::vector<ListItem>)>;

// Calls `use` with each page in turn. `web_url` without a trailing slash.
[[nodiscard]] Task<Result<void>> ForEachListPage(SharePointClient& sharepoint, std::string web_url,
                                                 std::string list_id, ListPageUse use);

}  // namespace spa
