#include "core/config/config_keys.h"

#include <algorithm>
#include <array>

namespace spa {
namespace {

using namespace std::string_view_literals;

constexpr std::array kHttpVersions = {"auto"sv, "1.1"sv, "2"sv};
constexpr std::array kRestModes = {"auto"sv, "on"sv, "off"sv};
constexpr std::array kEncodings = {"json"sv, "msgpack"sv, "binary"sv};
constexpr std::array kCacheModes = {"off"sv, "observe"sv, "read"sv, "readwrite"sv};
// The rows of cache/cache_policy.h.
constexpr std::array kCacheKinds = {
    "site"sv,        "drive"sv,       "list"sv,           "item"sv,         "group_members"sv,
    "site_groups"sv, "user"sv,        "permission_set"sv, "access_token"sv, "token_validation"sv,
    "revoked_jti"sv, "graph_error"sv, "health"sv,         "signing_keys"sv, "unnamed"sv};
constexpr std::array kLogLevels = {"trace"sv, "debug"sv, "info"sv, "warn"sv, "error"sv};

#define FIELD(member)        \
  +[](Config & c) -> auto& { \
    return c.member;         \
  }

const ConfigKey kKeys[] = {
    {.path = "auth.tenant_id",
     .field = FIELD(auth.tenant_id),
     .help = "Directory (tenant) id: a GUID, or a verified domain",
     .flag = "--tenant-id",
     .azure = "AZURE_TENANT_ID",
     .form = TextForm::kTenantId},
    {.path = "auth.client_id",
     .field = FIELD(auth.client_id),
     .help = "Application (client) id of the app registration: a GUID",
     .flag = "--client-id",
     .azure = "AZURE_CLIENT_ID",
     .form = TextForm::kGuid},
    {.path = "auth.client_secret",
     .field = FIELD(auth.client_secret),
     .help = "Client secret value; SharePoint REST needs a certificate instead",
     .azure = "AZURE_CLIENT_SECRET"},
    {.path = "auth.certificate_path",
     .field = FIELD(auth.certificate_path),
     .help = "PEM file with certificate and private key, or a PFX file",
     .flag = "--certificate",
     .azure = "AZURE_CLIENT_CERTIFICATE_PATH"},
    {.path = "auth.certificate_password",
     .field = FIELD(auth.certificate_password),
     .help = "Password of the PFX file or of the private key",
     .azure = "AZURE_CLIENT_CERTIFICATE_PASSWORD"},
    {.path = "auth.federated_token_file",
     .field = FIELD(auth.federated_token_file),
     .help = "File with a federated token (workload identity), read anew for each sign-in",
     .flag = "--federated-token-file",
     .azure = "AZURE_FEDERATED_TOKEN_FILE"},
    {.path = "auth.managed_identity",
     .field = FIELD(auth.managed_identity),
     .help = "Sign in as the managed identity of this machine",
     .flag = "--managed-identity"},
    {.path = "auth.authority_host",
     .field = FIELD(auth.authority_host),
     .help = "Where to sign in; differs in national clouds",
     .flag = "--authority-host",
     .azure = "AZURE_AUTHORITY_HOST",
     .form = TextForm::kUrl},
    {.path = "tenant_url",
     .field = FIELD(tenant_url),
     .help = "Root of the tenant's SharePoint, for example https://contoso.sharepoint.com",
     .flag = "--tenant-url",
     .form = TextForm::kTenantUrl},
    {.path = "target_sites",
     .field = FIELD(target_sites),
     .help = "URLs of the sites to audit; empty: every site of the tenant",
     .flag = "--sites",
     .form = TextForm::kUrl},
    {.path = "graph.base_url",
     .field = FIELD(graph.base_url),
     .help = "Microsoft Graph with its version; differs in national clouds",
     .flag = "--graph-url",
     .form = TextForm::kUrl},
    {.path = "graph.http_version",
     .field = FIELD(graph.http_version),
     .help = "HTTP version to speak",
     .flag = "--http-version",
     .one_of = kHttpVersions},
    {.path = "graph.user_agent",
     .field = FIELD(graph.user_agent),
     .help = "User-Agent of every request; default: NONISV|<tenant>|sharepoint-audit/<version>",
     .flag = "--user-agent"},
    {.path = "tls.ca_file",
     .field = FIELD(tls_ca_file),
     .help = "PEM file with the CAs to trust; default: the system's trust store",
     .flag = "--ca-file"},
    {.path = "db.path", .field = FIELD(db_path), .help = "The audit database", .flag = "--db"},
    {.path = "discovery.include_subsites",
     .field = FIELD(discovery.include_subsites),
     .help = "Audit the subsites of each site",
     .flag = "--include-subsites"},
    {.path = "discovery.include_personal_sites",
     .field = FIELD(discovery.include_personal_sites),
     .help = "Audit OneDrive sites",
     .flag = "--include-personal-sites"},
    {.path = "discovery.include_lists",
     .field = FIELD(discovery.include_lists),
     .help = "Audit lists and their items, not only libraries",
     .flag = "--include-lists"},
    {.path = "permissions.expand_groups",
     .field = FIELD(permissions.expand_groups),
     .help = "Read the members of every group that has access",
     .flag = "--expand-groups"},
    {.path = "permissions.include_sharing_links",
     .field = FIELD(permissions.include_sharing_links),
     .help = "Record grants made by sharing links",
     .flag = "--include-sharing-links"},
    {.path = "permissions.sharepoint_rest",
     .field = FIELD(permissions.sharepoint_rest),
     .help = "Read role assignments and site groups by SharePoint REST; auto: with a certificate",
     .flag = "--sharepoint-rest",
     .one_of = kRestModes},
    {.path = "concurrency.max_api_calls",
     .field = FIELD(concurrency.max_api_calls),
     .help = "Requests in flight at once",
     .flag = "--max-concurrent",
     .min = 1,
     .max = 1000},
    {.path = "concurrency.max_db_connections",
     .field = FIELD(concurrency.max_db_connections),
     .help = "Database connections: one writes, the others read",
     .flag = "--max-db-connections",
     .min = 1,
     .max = 100},
    {.path = "concurrency.max_cpu_tasks",
     .field = FIELD(concurrency.max_cpu_tasks),
     .help = "Computing tasks at once; 0: one per processor",
     .flag = "--max-cpu-tasks",
     .max = 1024},
    {.path = "concurrency.max_sites",
     .field = FIELD(concurrency.max_sites),
     .help = "Sites read in parallel",
     .flag = "--max-sites",
     .min = 1,
     .max = 1000},
    {.path = "concurrency.resource_units_per_minute",
     .field = FIELD(concurrency.resource_units_per_minute),
     .help = "SharePoint resource units to spend per minute; 0: learn it from the answers",
     .flag = "--resource-units-per-minute"},
    {.path = "cache.enabled", .field = FIELD(cache.enabled), .help = "Use the cache"},
    {.path = "cache.mode",
     .field = FIELD(cache.mode),
     .help = "What the cache may do; observe: count what it would have saved",
     .flag = "--cache-mode",
     .one_of = kCacheModes},
    {.path = "cache.local_cache_size",
     .field = FIELD(cache.local_cache_size),
     .help = "Entries kept in memory",
     .flag = "--local-cache-size",
     .min = 1},
    {.path = "cache.ttl",
     .field = FIELD(cache.ttl),
     .help = "Seconds that an entry of the second level stays in memory",
     .flag = "--cache-ttl"},
    {.path = "cache.default_ttl",
     .field = FIELD(cache.default_ttl),
     .help = "Seconds that an entry of a kind without its own lifetime lives",
     .flag = "--cache-default-ttl"},
    {.path = "cache.compression_threshold",
     .field = FIELD(cache.compression_threshold),
     .help = "Bytes from which a value is compressed; 0: never",
     .flag = "--compression-threshold"},
    {.path = "cache.compression_level",
     .field = FIELD(cache.compression_level),
     .help = "zstd level",
     .flag = "--compression-level",
     .min = 1,
     .max = 19},
    {.path = "cache.encoding",
     .field = FIELD(cache.encoding),
     .help = "Form of the values in the second level; each is read, whichever is set",
     .flag = "--cache-encoding",
     .one_of = kEncodings},
    {.path = "cache.l2",
     .field = FIELD(cache.l2),
     .help = "Second level: none, disk:PATH, a Redis URL, or redis for cache.redis.url",
     .flag = "--cache-l2",
     .form = TextForm::kCacheStore},
    {.path = "cache.l2_fallback",
     .field = FIELD(cache.l2_fallback),
     .help = "Second level to use where cache.l2 cannot be opened; default: memory alone",
     .flag = "--l2-fallback",
     .form = TextForm::kCacheStore},
    {.path = "cache.namespace",
     .field = FIELD(cache.name_space),
     .help = "Name after the key prefix, so that setups share a second level without meeting",
     .flag = "--cache-namespace",
     .form = TextForm::kNamespace},
    {.path = "cache.mac_key",
     .field = FIELD(cache.mac_key),
     .help = "Key that seals entries of the second level, so that forged ones are misses"},
    {.path = "cache.verify_percent",
     .field = FIELD(cache.verify_percent),
     .help = "Share of the hits to load again and compare",
     .flag = "--cache-verify",
     .max = 100},
    {.path = "cache.max_memory",
     .field = FIELD(cache.max_memory),
     .help = "MiB of memory for the entries of all kinds",
     .flag = "--cache-max-memory",
     .min = 1,
     .max = 1 << 20},
    {.path = "cache.health_interval",
     .field = FIELD(cache.health_interval),
     .help = "Seconds from one look at health and load to the next",
     .flag = "--health-interval",
     .min = 1},
    {.path = "cache.caches",
     .field = FIELD(cache.caches),
     .help = "By kind: enabled, max_entries, max_bytes and ttl (seconds) instead of its own",
     .one_of = kCacheKinds},
    {.path = "cache.redis.url",
     .field = FIELD(cache.redis_url),
     .help = "redis://, rediss://, redis+ring:// or redis+cluster:// URL, such as "
             "redis://redis:6379",
     .flag = "--redis-url",
     .form = TextForm::kRedisUrl},
    {.path = "cache.redis.security.redis_auth",
     .field = FIELD(cache.redis_security.redis_auth),
     .help = "Redis password"},
    {.path = "cache.redis.security.use_tls",
     .field = FIELD(cache.redis_security.use_tls),
     .help = "Speak TLS to Redis, whatever the URL's scheme",
     .flag = "--redis-tls"},
    {.path = "cache.redis.security.tls_ca_path",
     .field = FIELD(cache.redis_security.tls_ca_path),
     .help = "PEM file with the CAs to trust for Redis",
     .flag = "--redis-ca-file"},
    {.path = "cache.redis.security.tls_cert_path",
     .field = FIELD(cache.redis_security.tls_cert_path),
     .help = "PEM file with the certificate to show to Redis",
     .flag = "--redis-cert-file"},
    {.path = "cache.redis.security.tls_key_path",
     .field = FIELD(cache.redis_security.tls_key_path),
     .help = "PEM file with the key of that certificate",
     .flag = "--redis-key-file"},
    {.path = "cache.redis.security.acl_username",
     .field = FIELD(cache.redis_security.acl_username),
     .help = "Redis ACL user",
     .flag = "--redis-user"},
    {.path = "cache.redis.security.acl_password",
     .field = FIELD(cache.redis_security.acl_password),
     .help = "Password of the Redis ACL user"},
    {.path = "serve.address",
     .field = FIELD(serve.address),
     .help = "Address to serve on; any but loopback needs TLS",
     .flag = "--listen"},
    {.path = "serve.port",
     .field = FIELD(serve.port),
     .help = "Port to serve on; 0: a free one",
     .flag = "--port",
     .max = 65535},
    {.path = "serve.tls_cert_path",
     .field = FIELD(serve.tls_cert_path),
     .help = "PEM file with the certificate to serve with, and its chain",
     .flag = "--tls-cert"},
    {.path = "serve.tls_key_path",
     .field = FIELD(serve.tls_key_path),
     .help = "PEM file with the key of that certificate",
     .flag = "--tls-key"},
    {.path = "serve.api_key",
     .field = FIELD(serve.api_key),
     .help = "Key that callers send as X-Api-Key; in a file only as env:NAME or file:PATH"},
    {.path = "serve.api_key_file",
     .field = FIELD(serve.api_key_file),
     .help = "Where that key is otherwise; made where there is none",
     .flag = "--api-key-file"},
    {.path = "serve.rate",
     .field = FIELD(serve.rate),
     .help = "Calls that each caller may make a second",
     .flag = "--rate",
     .min = 1,
     .max = 100'000},
    {.path = "serve.alert_webhook",
     .field = FIELD(serve.alert_webhook),
     .help = "https:// address to POST each alert to as JSON, when it begins and when it ends"},
    {.path = "notify.webhook_url",
     .field = FIELD(notify.webhook_url),
     .help = "https:// address to POST how an audit ended to, as JSON"},
    {.path = "notify.webhook_key",
     .field = FIELD(notify.webhook_key),
     .help = "Key that signs what is sent there (HMAC-SHA-256)"},
    {.path = "notify.mail_file",
     .field = FIELD(notify.mail_file),
     .help = "File to write how an audit ended to, as a mail for `sendmail -t`",
     .flag = "--mail-file"},
    {.path = "notify.mail_to",
     .field = FIELD(notify.mail_to),
     .help = "Who gets that mail",
     .flag = "--mail-to",
     .form = TextForm::kMailAddress},
    {.path = "notify.mail_from",
     .field = FIELD(notify.mail_from),
     .help = "Who that mail is from; default: sharepoint-audit at this host",
     .flag = "--mail-from",
     .form = TextForm::kMailAddress},
    {.path = "findings.internal_domains",
     .field = FIELD(findings.internal_domains),
     .help = "Domains whose people are not external",
     .flag = "--internal-domains"},
    {.path = "findings.allowed_guest_domains",
     .field = FIELD(findings.allowed_guest_domains),
     .help = "Domains whose guests are expected",
     .flag = "--allowed-guest-domains"},
    {.path = "findings.sensitive_labels",
     .field = FIELD(findings.sensitive_labels),
     .help = "Sensitivity labels that make a finding worse",
     .flag = "--sensitive-labels"},
    {.path = "findings.thresholds",
     .field = FIELD(findings.thresholds),
     .help = "Numbers by name from which a rule speaks"},
    {.path = "findings.rules",
     .field = FIELD(findings.rules),
     .help = "Folder with rules of one's own, as SQL",
     .flag = "--rules"},
    {.path = "logging.file",
     .field = FIELD(log_file),
     .help = "File to append JSON log lines to",
     .flag = "--log-file"},
    {.path = "logging.level",
     .field = FIELD(log_level),
     .help = "Least level that is logged",
     .flag = "--log-level",
     .one_of = kLogLevels},
    {.path = "logging.trace_file",
     .field = FIELD(trace_file),
     .help = "File to append OpenTelemetry spans to, as JSON lines",
     .flag = "--trace-file"},
};

#undef FIELD

std::string_view LastPart(std::string_view path) { return path.substr(path.rfind('.') + 1); }

}  // namespace

std::span<const ConfigKey> ConfigKeys() { return kKeys; }

const ConfigKey* FindConfigKey(std::string_view path) {
  const auto at = std::find_if(std::begin(kKeys), std::end(kKeys),
                               [&](const ConfigKey& key) { return key.path == path; });
  return at == std::end(kKeys) ? nullptr : at;
}

std::string EnvironmentName(std::string_view path) {
  std::string name = "SHAREPOINT_AUDIT_";
  for (const char c : path) {
    if (c == '.') {
      name += "__";
    } else {
      name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    }
  }
  return name;
}

std::string_view NearestConfigKey(std::string_view path) {
  const auto cost = [&](const ConfigKey& key) {
    // A key in the wrong section is nearer than any misspelling.
    const std::size_t part = EditDistance(LastPart(path), LastPart(key.path));
    return std::min(4 * EditDistance(path, key.path), 4 * part + 1);
  };
  return std::min_element(std::begin(kKeys), std::end(kKeys),
                          [&](const auto& a, const auto& b) { return cost(a) < cost(b); })
      ->path;
}

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replace, last[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace spa
