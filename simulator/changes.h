// What has changed in a library or list since it was computed: one record per item touched, and for
// libraries the log that delta reads. An unchanged one has none, so that changes alone cost memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "simulator/acl.h"

namespace spa::sim {

// An item of a library or list, where it differs from the computed one.
struct ItemChange {
  bool added = false;  // not computed at all
  bool folder = false;
  bool deleted = false;
  std::optional<std::uint32_t> parent;
  std::string name;            // empty: the computed one
  std::uint64_t edited = 0;    // position of the last change of content; 0: never
  std::uint32_t version = 0;   // changes its eTag tells
  std::optional<Scope> scope;  // its own say on permissions
};

// One line of a library's change log (graph.md 4.7).
struct LoggedChange {
  enum class What : std::uint8_t {
    kItem,  // made, renamed, moved, edited
    kDeleted,
    kDeletedBelow,  // was in a folder that was deleted
    kShared,        // an own scope, a link or a grant was added
    kUnshared,      // one was taken away, or inheritance restored
    kLinkEdited,    // a link's people or expiry
    kLibraryScope   // the library's own grants; the item is the root
  };
  std::uint64_t position = 0;  // unique in the tenant, ascending
  std::uint32_t item = 0;
  What what = What::kItem;
};

struct ContainerChanges {
  std::unordered_map<std::uint32_t, ItemChange> items;
  std::vector<LoggedChange> log;
  std::uint32_t deleted = 0;  // items
};

}  // namespace spa::sim
