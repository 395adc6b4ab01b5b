// Allocations: how often operator new was called since it was made, in the whole process.
#pragma once

#include <cstdint>

namespace spa::testing {

class Allocations {
 public:
  Allocations();
  std::uint64_t count() const;

 private:
  std::uint64_t before_;
};

}  // namespace spa::testing
