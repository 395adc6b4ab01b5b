// NotKnown: what cannot be compared, because one of the two runs, or both, could not read it. It is
// told beside the changes and never as one.
#pragma once

#include <array>
#include <map>
#include <string>
#include <unordered_map>

#include "core/run_change.h"
#include "permissions/diff/run_side.h"

namespace spa {

class NotKnown {
 public:
  explicit NotKnown(std::array<RunSide*, 2> sides) : sides_(sides) {}

  // `side`: 0 or 1, the run that does not know. `items`: so many objects in it may be new, or may
  // have changed earlier.
  void AddObject(Oid oid, int side, std::string reason, std::int64_t items = 0);
  // A rule that could not be evaluated.
  void AddRule(std::string id, std::string before, std::string after, std::string reason);
  // Everything, with what the runs themselves say they could not read. In no order.
  std::vector<RunChange> Told();

 private:
  struct Entry {
    Entry() = default;
    std::string state[2], reason;
    std::int64_t items = 0;
  };
  void Note(Entry& entry, int side, const RunGap& gap);

  std::array<RunSide*, 2> sides_;
  std::unordered_map<Oid, Entry> objects_;
  std::map<std::string, Entry> rules_;
};

}  // namespace spa
