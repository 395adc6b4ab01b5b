#include "cli/cache_options.h"

#include <filesystem>
#include <limits>

namespace spa {
namespace {

std::string StoreUrl(const std::string& text, const CacheConfig& cache) {
  constexpr std::string_view kDisk = "disk:";
  if (text == "redis") return cache.redis_url;
  if (!text.starts_with(kDisk)) return text;
  std::error_code error;
  const auto path = std::filesystem::absolute(text.substr(kDisk.size()), error);
  return error ? text : std::string(kDisk) + path.string();
}

// The configuration knows no other word.
ValueFormat FormatOf(std::string_view encoding) {
  return encoding == "msgpack"  ? ValueFormat::kMessagePack
         : encoding == "binary" ? ValueFormat::kBinary
                                : ValueFormat::kJson;
}

PolicyOverride OverrideOf(const CacheKindConfig& kind) {
  PolicyOverride over;
  over.enabled = kind.enabled;
  if (kind.ttl) over.ttl = std::chrono::seconds(*kind.ttl);
  if (kind.max_entries) over.entries = static_cast<std::size_t>(*kind.max_entries);
  if (kind.max_bytes) over.bytes = static_cast<std::size_t>(*kind.max_bytes);
  return over;
}

}  // namespace

std::string SecondLevelOf(const Config& config) { return StoreUrl(config.cache.l2, config.cache); }

StoreSecurity StoreSecurityOf(const Config& config) {
  const RedisSecurityConfig& redis = config.cache.redis_security;
  StoreSecurity security;
  security.tls = redis.use_tls;
  security.ca_file = redis.tls_ca_path;
  security.cert_file = redis.tls_cert_path;
  security.key_file = redis.tls_key_path;
  security.user = redis.acl_username;
  security.password = redis.acl_username.empty() ? redis.redis_auth : redis.acl_password;
  return security;
}

CacheManager::Options CacheOptionsOf(const Config& config) {
  const CacheConfig& cache = config.cache;
  CacheManager::Options options;
  options.mode = CacheModeNamed(cache.mode).value_or(CacheMode::kReadWrite);
  options.enabled = cache.enabled && options.mode != CacheMode::kOff;
  options.entries = static_cast<std::size_t>(cache.local_cache_size);
  options.bytes = static_cast<std::size_t>(cache.max_memory) << 20;
  options.l1_ttl = std::chrono::seconds(cache.ttl);
  options.verify_share = cache.verify_percent / 100.0;
  options.overrides[CacheKind::kUnnamed].ttl = std::chrono::seconds(cache.default_ttl);
  for (const auto& [name, kind] : cache.caches) {
    const auto known = KindNamed(name);  // The loader of the configuration knows the same names.
    if (!known) continue;
    PolicyOverride over = OverrideOf(kind);
    if (!over.ttl) over.ttl = options.overrides[*known].ttl;
    options.overrides[*known] = over;
  }
  options.l2 = SecondLevelOf(config);
  options.l2_fallback = StoreUrl(cache.l2_fallback, cache);
  options.store.name_space = cache.name_space;
  options.security = StoreSecurityOf(config);
  options.seal.mac_key = cache.mac_key.Reveal();
  options.seal.compress_from = cache.compression_threshold == 0
                                   ? std::numeric_limits<std::size_t>::max()
                                   : static_cast<std::size_t>(cache.compression_threshold);
  options.seal.compression_level = cache.compression_level;
  options.format = FormatOf(cache.encoding);
  return options;
}

}  // namespace spa
