// The second step of the loader: secrets, and what a run against a tenant needs.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/config/config_loader.h"
#include "core/config/config_value.h"
#include "core/http/url.h"

namespace spa {
namespace {

using Environment = std::map<std::string, std::string>;

std::string Where(const LoadedConfig& loaded, const ConfigKey& key) {
  const std::string& origin = loaded.origins.find(key.path)->second;
  return origin.starts_with("file ") ? origin.substr(5) : "the " + origin;
}

Result<Secret> Resolve(const LoadedConfig& loaded, const ConfigKey& key, const Secret& secret,
                       const Environment& environment) {
  const std::string& text = secret.Reveal();
  if (text.starts_with("env:")) {
    const std::string name = text.substr(4);
    const auto found = environment.find(name);
    if (found == environment.end() || found->second.empty()) {
      return RefuseValue(
          key, Where(loaded, key),
          fmt::format("is taken from the environment variable {}, which is not set", name),
          fmt::format("set {} or give the value another way", name));
    }
    return Secret(found->second);
  }
  if (text.starts_with("file:")) {
    const std::string path = text.substr(5);
    std::ifstream file(path, std::ios::binary);
    std::ostringstream content;
    if (file) content << file.rdbuf();
    if (!file) {
      return RefuseValue(key, Where(loaded, key),
                         fmt::format("is taken from the file {}, which cannot be read: {}", path,
                                     std::strerror(errno)),
                         "check the path and who may read it");
    }
    std::string value = content.str();
    while (value.ends_with('\n') || value.ends_with('\r')) value.pop_back();
    if (value.empty()) {
      return RefuseValue(key, Where(loaded, key),
                         fmt::format("is taken from the file {}, which is empty", path),
                         "write the value into it");
    }
    return Secret(value);
  }
  return secret;
}

Status Require(const LoadedConfig& loaded, std::string_view path) {
  const ConfigKey& key = *FindConfigKey(path);
  if (!GetValue(loaded.config, key, Secrets::kHidden).is_null()) return {};
  std::string names = EnvironmentName(path);
  if (!key.azure.empty()) names += fmt::format(" or {}", key.azure);
  return Fail(ErrorCode::kUsage, fmt::format("{} is not set", path),
              fmt::format("set it in the configuration file, by {} or by {}", key.flag, names));
}

Status RequireReadable(const LoadedConfig& loaded, std::string_view path) {
  const ConfigKey& key = *FindConfigKey(path);
  const OrderedJson value = GetValue(loaded.config, key, Secrets::kHidden);
  if (value.is_null()) return {};
  const std::string file = value.get<std::string>();
  if (::access(file.c_str(), R_OK) == 0) return {};
  return RefuseValue(
      key, Where(loaded, key),
      fmt::format("names \"{}\", which cannot be read: {}", file, std::strerror(errno)),
      "check the path and who may read it");
}

// graph.md 1.5
struct Cloud {
  std::string_view name, login, graph, sharepoint;
};
constexpr std::array kClouds = {
    Cloud{"global", "login.microsoftonline.com", "graph.microsoft.com", ".sharepoint.com"},
    Cloud{"US GCC High", "login.microsoftonline.us", "graph.microsoft.us", ".sharepoint.us"},
    Cloud{"US DoD", "login.microsoftonline.us", "dod-graph.microsoft.us", ".sharepoint-mil.us"},
    Cloud{"China", "login.chinacloudapi.cn", "microsoftgraph.chinacloudapi.cn", ".sharepoint.cn"},
};

// Tokens do not cross clouds. Hosts that no cloud is known by are left alone.
Status CheckCloud(const Config& config) {
  const std::string tenant = SplitUrl(config.tenant_url).host;
  const std::string graph = SplitUrl(config.graph.base_url).host;
  const std::string login = SplitUrl(config.auth.authority_host).host;
  for (const Cloud& cloud : kClouds) {
    if (!tenant.ends_with(cloud.sharepoint)) continue;
    for (const Cloud& other : kClouds) {
      if (graph == other.graph && graph != cloud.graph) {
        return Fail(ErrorCode::kUsage,
                    fmt::format("graph.base_url is in the {} cloud, but tenant_url in the {} cloud",
                                other.name, cloud.name),
                    fmt::format("set graph.base_url to https://{}/v1.0", cloud.graph));
      }
      if (login == other.login && login != cloud.login) {
        return Fail(ErrorCode::kUsage,
                    fmt::format("auth.authority_host is {}, but tenant_url is in the {} cloud",
                                login, cloud.name),
                    fmt::format("set auth.authority_host to https://{}", cloud.login));
      }
    }
  }
  return {};
}

Status CheckTargetSites(const LoadedConfig& loaded) {
  const ConfigKey& key = *FindConfigKey("target_sites");
  const Url tenant = SplitUrl(loaded.config.tenant_url);
  const std::string label = tenant.host.substr(0, tenant.host.find('.'));
  const std::string personal = label + "-my" + tenant.host.substr(label.size());
  for (const std::string& site : loaded.config.target_sites) {
    const Url url = SplitUrl(site);
    if (url.host == tenant.host || url.host == personal) continue;
    if (IsLoopbackHost(url.host) && IsLoopbackHost(tenant.host)) continue;
    return RefuseValue(key, Where(loaded, key),
                       fmt::format("names {}, which is not in the tenant {}", site, tenant.host),
                       "name sites of the tenant in tenant_url");
  }
  return {};
}

Status CheckRedis(const LoadedConfig& loaded) {
  const CacheConfig& cache = loaded.config.cache;
  if (cache.l2 == "redis" && cache.redis_url.empty()) {
    return Fail(ErrorCode::kUsage, "cache.l2 is redis, but cache.redis.url is not set",
                "set cache.redis.url, or cache.l2 to none or disk:PATH");
  }
  return {};
}

}  // namespace

Status ResolveSecrets(LoadedConfig& loaded, const Environment& environment,
                      std::string_view below) {
  for (const ConfigKey& key : ConfigKeys()) {
    if (!key.path.starts_with(below)) continue;
    if (const auto* get = std::get_if<Secret& (*)(Config&)>(&key.field)) {
      Secret& secret = (*get)(loaded.config);
      auto resolved = Resolve(loaded, key, secret, environment);
      if (!resolved) return Fail(resolved.error());
      secret = *std::move(resolved);
    }
  }
  return {};
}

std::optional<CredentialKind> ChosenCredential(const AuthConfig& auth) {
  if (!auth.certificate_path.empty()) return CredentialKind::kCertificate;
  if (!auth.client_secret.empty()) return CredentialKind::kSecret;
  if (!auth.federated_token_file.empty()) return CredentialKind::kFederated;
  if (auth.managed_identity) return CredentialKind::kManagedIdentity;
  return std::nullopt;
}

Status PrepareForAudit(LoadedConfig& loaded, const Environment& environment) {
  if (auto done = Require(loaded, "tenant_url"); !done) return done;
  if (auto done = Require(loaded, "auth.tenant_id"); !done) return done;
  const auto credential = ChosenCredential(loaded.config.auth);
  if (!credential) {
    return Fail(
        ErrorCode::kUsage, "no credential is set",
        "set one of auth.certificate_path, auth.client_secret, auth.federated_token_file or "
        "auth.managed_identity");
  }
  // A managed identity without client id is the machine's own.
  if (credential != CredentialKind::kManagedIdentity) {
    if (auto done = Require(loaded, "auth.client_id"); !done) return done;
  }
  if (auto done = ResolveSecrets(loaded, environment); !done) return done;
  for (const std::string_view path :
       {"auth.certificate_path", "auth.federated_token_file", "tls.ca_file"}) {
    if (auto done = RequireReadable(loaded, path); !done) return done;
  }
  if (auto done = CheckCloud(loaded.config); !done) return done;
  if (auto done = CheckTargetSites(loaded); !done) return done;
  return CheckRedis(loaded);
}

}  // namespace spa
