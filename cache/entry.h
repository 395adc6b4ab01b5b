// Entry: one remembered answer: a value, or the failure of a load. Immutable once stored and shared
// out, so that it outlives its eviction for whoever holds it.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "core/result.h"

namespace spa {

using CacheTime = std::chrono::system_clock::time_point;
using CacheClock = std::function<CacheTime()>;

struct Entry {
  Entry() = default;

  std::shared_ptr<const void> value;     // Null where `failure` is set. An empty group is a value.
  std::shared_ptr<const Error> failure;  // Stays in memory: errors never reach a second level.
  std::size_t cost = 0;                  // Bytes of the value, without the key.
  CacheTime created;
  CacheTime expires;  // Absolute, so that copying an entry never extends its life.
};

}  // namespace spa
