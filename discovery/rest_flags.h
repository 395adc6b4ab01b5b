// The unique-permission flags of a list's items by SharePoint REST, for drives whose delta could
// not be trusted (graph.md 4.9). One page of up to 2,000 items a call; the page size is halved when
// the service fails or throttles on this computed property.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/graph/sharepoint_client.h"

namespace spa {

struct ItemFlag {
  ItemFlag() = default;
  std::int64_t id = 0;  // list item id
  bool unique = false;
};

Result<Page<ItemFlag>> DecodeItemFlags(std::string_view body);

// Ids of the items that own a scope. `web_url` without a trailing slash.
[[nodiscard]] Task<Result<std::vector<std::int64_t>>> UniqueItems(SharePointClient& sharepoint,
                                                                  std::string web_url,
                                                                  std::string list_id);

}  // namespace spa
