// ItemLabels: which files carry a sensitivity label that the configuration calls sensitive. Graph
// tells a file's label only on demand, file by file; SharePoint has the label's name in a column of
// the library, which is read in pages (permissions.md 2.4).
//
// Off unless findings.sensitive_labels names a label: it costs a request for 2,000 items.
//
// Threads: the io_context's thread. One serves many libraries at once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/graph/sharepoint_client.h"
#include "core/store/store_writer.h"

namespace spa {

class ItemLabels {
 public:
  // `sharepoint` null: nothing is read. `sensitive`: names in any casing.
  ItemLabels(SharePointClient* sharepoint, StoreWriter& store,
             const std::vector<std::string>& sensitive);

  bool wanted() const { return sharepoint_ != nullptr && !sensitive_.empty(); }
  // `web_url`: encoded, without a slash at its end.
  [[nodiscard]] Task<void> Read(Drive drive, std::string web_url);

 private:
  SharePointClient* sharepoint_;
  StoreWriter& store_;
  std::vector<std::string> sensitive_;  // lower case
};

struct LabelledItem {
  LabelledItem() = default;
  std::int64_t id = 0;  // list item id
  std::string label;    // its name; empty: none
};
Result<Page<LabelledItem>> DecodeItemLabels(std::string_view body);

}  // namespace spa
