#include "cache/cache_events.h"

#include <fmt/format.h>

#include <algorithm>

namespace spa {
namespace {
constexpr std::string_view kNames[] = {"get_hit", "get_miss", "set",  "delete",
                                       "evict",   "load",     "error"};
}

std::string_view NameOf(CacheEventType type) { return kNames[static_cast<std::size_t>(type)]; }

std::string Render(const CacheEvent& event) {
  const bool lookup =
      event.type == CacheEventType::kGetHit || event.type == CacheEventType::kGetMiss;
  std::string text = fmt::format("cache.{} kind={}", lookup ? "get" : NameOf(event.type),
                                 event.kind.empty() ? "all" : event.kind);
  if (!event.result.empty()) text.append(" result=").append(event.result);
  if (!event.level.empty()) text.append(" level=").append(event.level);
  if (event.took.count() > 0)
    fmt::format_to(std::back_inserter(text), " ns={}", event.took.count());
  if (!event.message.empty()) text.append(" message=").append(event.message);
  return text;
}

Subscription CacheEvents::Observe(CacheEventMask mask, Observer observer) {
  auto one = std::make_shared<const One>(One{mask, std::move(observer)});
  const auto update = [](Observers& observers) {
    CacheEventMask wanted = 0;
    for (const auto& each : observers.all) wanted |= each->mask;
    observers.wanted.store(wanted, std::memory_order_relaxed);
  };
  {
    std::lock_guard lock(observers_->mutex);
    observers_->all.push_back(one);
    update(*observers_);
  }
  const One* which = one.get();
  return Subscription(std::shared_ptr<void>(
      nullptr, [which, update, weak = std::weak_ptr<Observers>(observers_)](void*) {
        const auto observers = weak.lock();
        if (!observers) return;
        std::lock_guard lock(observers->mutex);
        std::erase_if(observers->all, [which](const auto& each) { return each.get() == which; });
        update(*observers);
      }));
}

void CacheEvents::Tell(const CacheEvent& event) {
  if (!Wanted(event.type)) return;
  std::vector<std::shared_ptr<const One>> all;
  {
    std::lock_guard lock(observers_->mutex);
    all = observers_->all;
  }
  for (const auto& one : all) {
    if ((one->mask & Bit(event.type)) == 0) continue;
    try {
      one->call(event);
    } catch (...) {
      observers_->errors.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

}  // namespace spa
