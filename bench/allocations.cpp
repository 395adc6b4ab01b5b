#include "bench/allocations.h"

#include <cstdlib>
#include <new>

namespace {

thread_local constinit std::uint64_t allocations = 0;

void* Allocate(std::size_t size) noexcept {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}

}  // namespace

// The array forms call these.
void* operator new(std::size_t size) {
  if (void* memory = Allocate(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

namespace spa {

Allocations::Allocations() : before_(allocations) {}
std::uint64_t Allocations::count() const { return allocations - before_; }

}  // namespace spa
