// Allocations: how often this thread asked operator new for memory since the object was made.
//
// Whoever links this has a counting operator new: one more increment of a word of the thread's own.
// Over-aligned memory is not counted.
#pragma once

#include <cstdint>

namespace spa {

class Allocations {
 public:
  Allocations();
  std::uint64_t count() const;

 private:
  std::uint64_t before_;
};

}  // namespace spa
