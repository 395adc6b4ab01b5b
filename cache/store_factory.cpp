#include "cache/store_factory.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <mutex>

#include "cache/disk_store.h"
#include "cache/redis_store.h"

namespace spa {
namespace {

struct Registry {
  std::mutex mutex;
  std::map<std::string, StoreFactory, std::less<>> factories;
};

Result<std::unique_ptr<Store>> MakeDisk(asio::any_io_executor executor, std::string_view url,
                                        const StoreOptions& options, const StoreSecurity&) {
  const std::string_view path = url.substr(url.find(':') + 1);
  if (path.empty()) {
    return Fail(ErrorCode::kUsage, "the second cache level names no file", "use disk:PATH");
  }
  return std::make_unique<DiskStore>(std::move(executor), std::string(path), options);
}

Registry& Registered() {
  static Registry registry;
  static const bool built_in = [] {
    registry.factories.emplace("disk", MakeDisk);
    for (const char* scheme : {"redis", "rediss", "redis+ring", "redis+cluster"}) {
      registry.factories.emplace(scheme, MakeRedisStore);
    }
    return true;
  }();
  (void)built_in;
  return registry;
}

}  // namespace

void RegisterStore(std::string scheme, StoreFactory factory) {
  Registry& registry = Registered();
  std::lock_guard lock(registry.mutex);
  registry.factories.insert_or_assign(std::move(scheme), std::move(factory));
}

std::vector<std::string> StoreSchemes() {
  Registry& registry = Registered();
  std::lock_guard lock(registry.mutex);
  std::vector<std::string> schemes;
  for (const auto& [scheme, factory] : registry.factories) schemes.push_back(scheme);
  return schemes;
}

bool IsNoStore(std::string_view url) { return url.empty() || url == "none"; }

Result<std::unique_ptr<Store>> MakeStore(asio::any_io_executor executor, std::string_view url,
                                         const StoreOptions& options,
                                         const StoreSecurity& security) {
  const std::string_view scheme = url.substr(0, url.find(':'));
  StoreFactory factory;
  {
    Registry& registry = Registered();
    std::lock_guard lock(registry.mutex);
    const auto at = registry.factories.find(scheme);
    if (at != registry.factories.end() && scheme.size() < url.size()) factory = at->second;
  }
  if (!factory) {
    return Fail(
        ErrorCode::kUsage, "the second cache level is no URL of a known kind",
        fmt::format("use none, or one that begins with: {}", fmt::join(StoreSchemes(), ", ")));
  }
  return factory(std::move(executor), url, options, security);
}

}  // namespace spa
