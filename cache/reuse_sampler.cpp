#include "cache/reuse_sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace spa {
namespace {

// The least N with value < 2^N.
std::size_t StepOf(std::uint64_t value) {
  return std::min<std::size_t>(std::bit_width(value), ReuseSampler::kSteps - 1);
}

}  // namespace

void ReuseSampler::Follow(std::uint64_t key, CacheTime now) {
  const std::lock_guard lock(mutex_);
  const auto known = last_.find(key);
  if (known == last_.end()) {
    ++first_;
    if (last_.size() >= kMostFollowed) return;
    last_[key] = {++tick_, now};
    ticks_.push_back(tick_);
    return;
  }
  const auto at = std::lower_bound(ticks_.begin(), ticks_.end(), known->second.tick);
  const auto others = static_cast<std::uint64_t>(ticks_.end() - at - 1);
  ++distances_[StepOf(others * kOneIn)];
  const auto waited = std::chrono::duration_cast<std::chrono::seconds>(now - known->second.time);
  ++seconds_[StepOf(static_cast<std::uint64_t>(std::max<std::int64_t>(waited.count(), 0)))];
  ticks_.erase(at);
  known->second = {++tick_, now};
  ticks_.push_back(tick_);
}

std::map<std::string, std::int64_t> ReuseSampler::Take(std::string_view kind) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::int64_t> counted;
  const auto add = [&](std::string name, std::uint64_t& count) {
    const auto taken = static_cast<std::int64_t>(std::exchange(count, 0));
    if (taken > 0) counted[fmt::format("{}.{}", kind, name)] = taken;
  };
  add("reuse_first", first_);
  for (std::size_t i = 0; i < kSteps; ++i) {
    add(fmt::format("reuse_d{}", i), distances_[i]);
    add(fmt::format("reuse_t{}", i), seconds_[i]);
  }
  return counted;
}

}  // namespace spa
