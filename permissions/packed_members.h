// PackedMembers: the members of a group as one block of bytes, for the cache. A Member has six
// strings; tens of thousands of them would weigh several times what they say.
//
// Immutable, safe to share between threads.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/model.h"

namespace spa {

class PackedMembers {
 public:
  explicit PackedMembers(std::span<const Member> members);

  std::vector<Member> Unpack() const;
  std::size_t bytes() const { return bytes_.size(); }

 private:
  std::string bytes_;
};

// What a cache counts for them.
inline std::size_t CostOf(const PackedMembers& members) { return sizeof members + members.bytes(); }

}  // namespace spa
