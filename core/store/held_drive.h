// HeldDrive: the pages of one drive held in memory until it is merged. Most drives are small, and
// the stage's tables cost several times what this does; a drive that grows too large goes there
// (drive_stage.cpp) and is worked on by SQL instead. Both come to the same.
//
// Add as pages come; then Prepare, whereupon Evidence and Contradictions answer; then number the
// items and Place them; then Next gives them to the merge. Adding takes all that back.
//
// Threads: one. Memory: some 500 bytes an item.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "core/store/staged_items.h"

namespace spa {

class HeldDrive final : public StagedItems {
 public:
  struct Node {  // An item as its last page tells it; never one that is gone.
    explicit Node(const DriveItem& item) : item(&item) {}
    const DriveItem* item;
    Node* parent = nullptr;  // A folder; null: the root, or its folder never came.
    Oid oid = 0;
    bool owns = false;
    // Of folders, once they are placed:
    bool cut = false;  // It was among its own ancestors, or below one that was.
    Oid scope = 0;
    std::string url;

    bool IsFolder() const { return item->kind != DriveItem::Kind::kFile; }
  };

  void Add(std::vector<DriveItem> items);
  void AddInheriting(std::span<const std::int64_t> list_item_ids);
  std::size_t size() const { return items_.size(); }
  const std::vector<DriveItem>& items() const { return items_; }
  const std::unordered_set<std::int64_t>& inheriting() const { return inheriting_; }

  // What was added since the last call, as bytes; Unpack adds it again. False: these are no such
  // bytes.
  std::string Pack();
  bool packed() const { return packed_ == items_.size(); }
  bool Unpack(std::string_view bytes);

  void Prepare();                                // Does nothing where nothing was added since.
  std::vector<Node>& nodes() { return nodes_; }  // By item id.
  DriveEvidence Evidence() const;
  std::int64_t Contradictions(std::span<const std::string> unique_ids) const;
  std::string RootId() const;  // Empty: no page told.

  // All nodes have numbers, the root that of the library. Finds who owns a scope, by the method
  // (never kItemPermissions), the folders' addresses and what applies to them.
  void Place(Oid library, const std::string& library_url, ScopeMethod method);
  bool Next(StagedItem& item) override;
  void Release() override { segments_.clear(); }

 private:
  bool Owns(const Node& node, ScopeMethod method) const;
  void PlaceFolder(Node& folder, const std::string& library_url);

  std::vector<DriveItem> items_;  // As they came.
  std::unordered_set<std::int64_t> inheriting_;
  std::size_t packed_ = 0;
  bool prepared_ = false;
  std::vector<Node> nodes_;
  std::size_t next_ = 0;
  std::deque<std::string> segments_;  // Given out.
};

}  // namespace spa
