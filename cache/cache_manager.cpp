#include "cache/cache_manager.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace spa {

struct CacheManager::Opened {
  Opened(std::type_index type, const CachePolicy& policy, std::optional<MemoryStore::Limits> limits,
         const CacheClock& clock)
      : type(type), cache(policy, limits, clock) {}

  std::type_index type;
  KindCache cache;
};

CacheManager::CacheManager(Options options) : options_(std::move(options)) {}
CacheManager::~CacheManager() = default;

KindCache& CacheManager::KindOf(CacheKind kind, std::type_index type) {
  auto& opened = opened_.at(static_cast<std::size_t>(kind));
  const CachePolicy& policy = PolicyOf(kind);
  if (!opened) {
    std::optional<MemoryStore::Limits> limits;
    if (options_.enabled) {
      const auto share = static_cast<std::size_t>(policy.byte_percent);
      limits = MemoryStore::Limits{options_.entries, options_.bytes / 100 * share};
    }
    opened = std::make_unique<Opened>(type, policy, limits, options_.clock);
  }
  if (opened->type != type) {
    throw std::logic_error(fmt::format("cache kind {} was opened with another type", policy.name));
  }
  return opened->cache;
}

CacheStats CacheManager::Stats() const {
  CacheStats stats;
  stats.enabled = options_.enabled;
  stats.total.kind = "total";
  for (const auto& opened : opened_) {
    if (!opened) continue;
    stats.kinds.push_back(opened->cache.Stats());
    stats.total += stats.kinds.back();
  }
  return stats;
}

}  // namespace spa
