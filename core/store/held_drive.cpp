#include "core/store/held_drive.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <unordered_map>

#include "core/ascii.h"
#include "core/store/url_segment.h"

namespace spa {
namespace {

constexpr Oid kUnderWay = -1;  // As the scope of a folder whose ancestors are being looked at.

// Every text is written with its length; the reader is this machine.
class Packer {
 public:
  template <class T>
  void Number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void Text(const std::string& text) {
    Number(static_cast<std::uint32_t>(text.size()));
    bytes_ += text;
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : left_(bytes) {}

  template <class T>
  T Number() {
    T value{};
    const std::string_view bytes = Bytes(sizeof value);
    if (whole_) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  std::string Text() { return std::string(Bytes(Number<std::uint32_t>())); }
  bool whole() const { return whole_; }  // Nothing was asked for that was not there.
  bool at_end() const { return left_.empty(); }

 private:
  std::string_view Bytes(std::size_t count) {
    whole_ = whole_ && count <= left_.size();
    if (!whole_) return {};
    const std::string_view bytes = left_.substr(0, count);
    left_.remove_prefix(count);
    return bytes;
  }

  std::string_view left_;
  bool whole_ = true;
};

}  // namespace

void HeldDrive::Add(std::vector<DriveItem> items) {
  prepared_ = false;
  if (items_.empty()) {
    items_ = std::move(items);
    return;
  }
  items_.insert(items_.end(), std::make_move_iterator(items.begin()),
                std::make_move_iterator(items.end()));
}

void HeldDrive::AddInheriting(std::span<const std::int64_t> list_item_ids) {
  inheriting_.insert(list_item_ids.begin(), list_item_ids.end());
}

std::string HeldDrive::Pack() {
  Packer packer;
  for (; packed_ < items_.size(); ++packed_) {
    const DriveItem& item = items_[packed_];
    for (const auto* text :
         {&item.id, &item.parent_id, &item.name, &item.modified, &item.unique_id})
      packer.Text(*text);
    packer.Number(item.size);
    packer.Number(item.list_item_id);
    packer.Number(item.kind);
    packer.Number<std::uint8_t>(item.is_root);
    packer.Number<std::uint8_t>(item.deleted);
    packer.Number(item.shared);
  }
  return packer.Take();
}

bool HeldDrive::Unpack(std::string_view bytes) {
  std::vector<DriveItem> items;
  Unpacker unpacker(bytes);
  while (unpacker.whole() && !unpacker.at_end()) {
    DriveItem& item = items.emplace_back();
    for (auto* text : {&item.id, &item.parent_id, &item.name, &item.modified, &item.unique_id})
      *text = unpacker.Text();
    item.size = unpacker.Number<std::int64_t>();
    item.list_item_id = unpacker.Number<std::int64_t>();
    item.kind = unpacker.Number<DriveItem::Kind>();
    item.is_root = unpacker.Number<std::uint8_t>() != 0;
    item.deleted = unpacker.Number<std::uint8_t>() != 0;
    item.shared = unpacker.Number<SharedFacet>();
  }
  if (!unpacker.whole()) return false;
  Add(std::move(items));
  packed_ = items_.size();
  return true;
}

void HeldDrive::Prepare() {
  if (prepared_) return;
  nodes_.clear();
  next_ = 0;
  std::vector<std::uint32_t> order(items_.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [this](std::uint32_t a, std::uint32_t b) {
    const int compared = items_[a].id.compare(items_[b].id);
    return compared != 0 ? compared < 0 : a < b;
  });
  nodes_.reserve(items_.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const DriveItem& item = items_[order[i]];
    const bool comes_again = i + 1 < order.size() && items_[order[i + 1]].id == item.id;
    if (!comes_again && !item.deleted) nodes_.emplace_back(item);
  }
  std::unordered_map<std::string_view, Node*> folders;
  for (Node& node : nodes_) {
    if (node.IsFolder()) folders.emplace(node.item->id, &node);
  }
  for (Node& node : nodes_) {
    if (node.item->is_root) continue;
    const auto parent = folders.find(node.item->parent_id);
    if (parent != folders.end() && parent->second != &node) node.parent = parent->second;
  }
  prepared_ = true;
}

DriveEvidence HeldDrive::Evidence() const {
  DriveEvidence evidence;
  evidence.items = static_cast<std::int64_t>(nodes_.size());
  for (const Node& node : nodes_) {
    const SharedFacet shared = node.item->shared;
    if (shared == SharedFacet::kEmpty) evidence.any_empty_facet = true;
    if (node.item->is_root) {
      evidence.root_seen = true;
      evidence.root_shared = std::max(evidence.root_shared, shared);
      continue;
    }
    if (node.parent == nullptr) ++evidence.orphans;
    if (shared != SharedFacet::kAbsent) {
      ++evidence.with_facet;
    } else if (node.parent != nullptr && node.parent->item->shared == SharedFacet::kShared) {
      evidence.bare_below_shared = true;
    }
  }
  return evidence;
}

std::int64_t HeldDrive::Contradictions(std::span<const std::string> unique_ids) const {
  std::unordered_set<std::string> named;
  for (const std::string& id : unique_ids) named.insert(AsciiLower(id));
  return std::count_if(nodes_.begin(), nodes_.end(), [&](const Node& node) {
    return node.item->shared == SharedFacet::kAbsent && !node.item->is_root &&
           named.contains(node.item->unique_id);
  });
}

std::string HeldDrive::RootId() const {
  for (const Node& node : nodes_) {
    if (node.item->is_root) return node.item->id;
  }
  return {};
}

// An item that SharePoint did not list, or that cannot be joined with its answer, and one without a
// parent, inherits from nobody knows what: all are read for themselves.
bool HeldDrive::Owns(const Node& node, ScopeMethod method) const {
  if (node.item->is_root || node.parent == nullptr) return true;
  if (method == ScopeMethod::kDeltaHierarchy) return node.item->shared != SharedFacet::kAbsent;
  return node.item->list_item_id < 0 || !inheriting_.contains(node.item->list_item_id);
}

void HeldDrive::Place(Oid library, const std::string& library_url, ScopeMethod method) {
  for (Node& node : nodes_) {
    if (node.item->is_root) node.oid = library;
    node.owns = Owns(node, method);
  }
  for (Node& node : nodes_) {
    if (node.IsFolder() && node.scope == 0) PlaceFolder(node, library_url);
  }
}

// With all folders above it that have no place yet.
void HeldDrive::PlaceFolder(Node& folder, const std::string& library_url) {
  std::vector<Node*> path;
  Node* above = &folder;
  for (; above != nullptr && above->scope == 0; above = above->parent) {
    above->scope = kUnderWay;
    path.push_back(above);
  }
  // Folders that are each other's ancestors: no way from the root leads to them.
  const bool cut = above != nullptr && (above->scope == kUnderWay || above->cut);
  for (auto at = path.rbegin(); at != path.rend(); ++at) {
    Node& node = **at;
    if (cut) {
      node.cut = node.owns = true;
      node.parent = nullptr;
    }
    const Node* parent = node.parent;
    node.scope = node.owns || parent == nullptr ? node.oid : parent->scope;
    node.url = parent == nullptr ? library_url : parent->url;
    if (!node.item->is_root) node.url += '/' + UrlSegment(node.item->name);
  }
}

bool HeldDrive::Next(StagedItem& item) {
  if (next_ == nodes_.size()) return false;
  const Node& node = nodes_[next_++];
  item = StagedItem();
  item.id = node.item->id;
  item.name = node.item->name;
  item.modified = node.item->modified;
  item.size = node.item->size;
  item.list_item_id = node.item->list_item_id;
  item.kind = node.item->kind;
  item.root = node.item->is_root;
  item.owns = node.owns;
  item.oid = node.oid;
  if (node.parent != nullptr) {
    item.parent = node.parent->oid;
    item.parent_scope = node.parent->scope;
  }
  if (item.kind == DriveItem::Kind::kFolder) item.url = node.url;
  if (!StandsForItself(item.name)) item.segment = segments_.emplace_back(UrlSegment(item.name));
  return true;
}

}  // namespace spa
