// Page: a part of a collection, and how all services wrap one:
// {"value": […], "@odata.nextLink" | "@odata.deltaLink": "…"} from Graph, the same without the @
// from SharePoint REST (permissions.md 3.1).
//
// A page may hold nothing and still have a next link; only the link's absence ends a listing
// (graph.md 4.2).
#pragma once

#include <iterator>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/async/task.h"
#include "core/graph/json.h"
#include "core/result.h"

namespace spa {

template <class T>
struct Page {
  Page() = default;
  std::vector<T> items;
  std::string next_link, delta_link;
};

// Reads one body. A plain function: it may run on a worker thread and must not share state.
// kMalformed means that the body is not what was asked for, and should be asked for again.
template <class T>
using Decoder = Result<T> (*)(std::string_view body);

// `read` makes a T of each entry.
template <class T, class Read>
Result<Page<T>> DecodePage(std::string_view body, Read read) {
  const auto root = json::Parse(body);
  if (!root) return Fail(root.error());
  Page<T> page;
  const bool listed = json::Each(
      *root, "value", [&](const json::Element& entry) { page.items.push_back(read(entry)); });
  if (!listed) return Fail(ErrorCode::kMalformed, "the answer holds no list of values");
  page.next_link = json::Text(*root, "@odata.nextLink");
  if (page.next_link.empty()) page.next_link = json::Text(*root, "odata.nextLink");
  page.delta_link = json::Text(*root, "@odata.deltaLink");
  return page;
}

// Follows next links to the end: all or an Error, never a part. `get(link)` gives
// Task<Result<Page<T>>>.
template <class T, class Get>
[[nodiscard]] Task<Result<std::vector<T>>> CollectPages(std::string link, Get get) {
  std::vector<T> all;
  std::unordered_set<std::size_t> seen;
  for (;;) {
    Result<Page<T>> page = co_await get(std::move(link));
    if (!page) co_return Fail(std::move(page.error()));
    std::move(page->items.begin(), page->items.end(), std::back_inserter(all));
    if (page->next_link.empty()) co_return std::move(all);
    link = std::move(page->next_link);
    if (!seen.insert(std::hash<std::string>()(link)).second) {
      co_return Fail(ErrorCode::kMalformed, "the next link leads to a page read before",
                     "run again");
    }
  }
}

}  // namespace spa
