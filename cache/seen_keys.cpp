#include "cache/seen_keys.h"

#include <algorithm>
#include <utility>

namespace spa {

std::uint64_t& SeenKeys::SlotOf(std::uint64_t print) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = print & mask;
  while (slots_[at] != 0 && slots_[at] != print) at = (at + 1) & mask;
  return slots_[at];
}

void SeenKeys::Grow() {
  const auto old = std::exchange(slots_, {});
  slots_.resize(std::max<std::size_t>(2 * old.size(), 64));
  for (const std::uint64_t print : old) {
    if (print != 0) SlotOf(print) = print;
  }
}

bool SeenKeys::Add(const Fingerprint& print) {
  if (count_ < limit_ && 4 * (count_ + 1) > 3 * slots_.size()) Grow();
  const std::uint64_t key = print.low | 1;  // Never 0.
  std::uint64_t& slot = SlotOf(key);
  if (slot == key) return true;
  if (count_ < limit_) {
    slot = key;
    ++count_;
  }
  return false;
}

}  // namespace spa
