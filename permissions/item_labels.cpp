#include "permissions/item_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/ascii.h"
#include "core/graph/json.h"

namespace spa {
namespace {

constexpr int kPageSize = 2000;
// `_DisplayName`, as REST spells columns that begin so.
constexpr char kColumn[] = "OData__DisplayName";

}  // namespace

Result<Page<LabelledItem>> DecodeItemLabels(std::string_view body) {
  return DecodePage<LabelledItem>(body, [](const json::Element& entry) {
    LabelledItem item;
    auto id = json::Int(entry, "ID");
    if (!id) id = json::Int(entry, "Id");
    item.id = id.value_or(0);
    item.label = json::Text(entry, kColumn);
    return item;
  });
}

ItemLabels::ItemLabels(SharePointClient* sharepoint, StoreWriter& store,
                       const std::vector<std::string>& sensitive)
    : sharepoint_(sharepoint), store_(store) {
  for (const std::string& label : sensitive) sensitive_.push_back(AsciiLower(label));
}

Task<void> ItemLabels::Read(Drive drive, std::string web_url) {
  const std::string what = "reading the labels of files in " + drive.web_url;
  std::string url = fmt::format("{}/_api/web/lists(guid'{}')/items?$select=ID,{}&$top={}", web_url,
                                drive.list_id, kColumn, kPageSize);
  const std::string prefix = fmt::format("item_label:{}/", drive.id);
  while (!url.empty()) {
    auto page = co_await sharepoint_->Get(url, what, &DecodeItemLabels);
    if (!page) {
      AbortIfFatal(page.error());
      co_await store_.PutGap(std::nullopt, "labels of files in " + drive.web_url, page.error());
      co_return;
    }
    std::erase_if(page->items, [this](const LabelledItem& item) {
      return std::find(sensitive_.begin(), sensitive_.end(), AsciiLower(item.label)) ==
             sensitive_.end();
    });
    co_await store_.Do([&](AuditStore& store) -> Status {
      for (const LabelledItem& item : page->items) {
        const nlohmann::json value = {{"label", item.label}};
        const auto put =
            store.PutSetting(prefix + std::to_string(item.id),
                             value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
        if (!put) return put;
      }
      return {};
    });
    url = std::move(page->next_link);
  }
  co_await store_.Do([&](AuditStore& store) -> Status {
    if (auto settled = store.SettleSettings(prefix); !settled) return settled;
    return store.PutSetting("item_labels", "{}");
  });
}

}  // namespace spa
