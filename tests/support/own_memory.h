// Looks for a text in this process's own memory, without holding a second copy of it.
#pragma once

#include <cstddef>
#include <string>

namespace spa::testing {

// A text that is nowhere else, kept masked.
class Marker {
 public:
  Marker();
  // The text itself; a copy that the caller must wipe, or hand to what does.
  std::string Text() const;
  // How often it stands in memory that can be written to: heap, stacks, data.
  std::size_t Copies() const;

 private:
  std::string masked_;
};

}  // namespace spa::testing
