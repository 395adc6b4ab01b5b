// CostOf: how many bytes a value occupies in memory, roughly; what the byte budget counts.
//
// Known for plain data, strings and vectors of what is known. A type of one's own joins in by a
// function beside it, in its own namespace:
//
//   inline std::size_t CostOf(const Member& m) { return sizeof m + m.id.capacity() +
//   m.name.capacity(); }
#pragma once

#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

namespace spa {

template <class T>
requires std::is_trivially_copyable_v<T> std::size_t CostOf(const T&) { return sizeof(T); }

inline std::size_t CostOf(const std::string& text) { return sizeof text + text.capacity(); }

template <class T>
std::size_t CostOf(const std::vector<T>& values) {
  std::size_t bytes = sizeof values;
  for (const T& value : values) bytes += CostOf(value);
  return bytes;
}

}  // namespace spa
