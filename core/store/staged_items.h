// StagedItems: what the pages of a drive came to, item by item, as the merge with the database
// reads it. Two sources: the stage's tables (drive_merge.cpp) and memory (held_drive.h).
#pragma once

#include <optional>
#include <string_view>

#include "core/store/audit_store.h"

namespace spa {

struct StagedItem {  // Text lives until Release().
  StagedItem() = default;
  std::string_view id, name, modified;
  std::optional<std::string_view> segment;  // The name in a URL, where it is written otherwise.
  std::optional<std::string_view> url;      // A folder's.
  std::int64_t size = -1, list_item_id = -1;
  DriveItem::Kind kind = DriveItem::Kind::kUnknown;
  bool root = false, owns = false;
  Oid oid = 0;           // 0: the database does not know it yet.
  Oid parent = 0;        // 0: its folder never came.
  Oid parent_scope = 0;  // What applies to its folder.
};

class StagedItems {
 public:
  virtual ~StagedItems() = default;
  virtual bool Next(StagedItem& item) = 0;  // By id; false: that was all.
  virtual void Release() {}                 // Nobody looks any more at what was given out.
};

}  // namespace spa
