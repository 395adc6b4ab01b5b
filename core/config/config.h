// Config: the checked configuration of a run, as plain data. contract.md section 2 names every key;
// core/config/config_loader.h reads it from flags, environment, file and defaults.
//
// Secrets are kept as the loader resolved them ("env:NAME" and "file:PATH" are already replaced) in
// fields of type Secret, which print as "***" wherever they are formatted.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/secret.h"

namespace spa {

struct AuthConfig {
  std::string tenant_id;
  std::string client_id;
  Secret client_secret;
  std::string certificate_path;  // PEM with certificate and key, or PFX
  Secret certificate_password;
  std::string federated_token_file;
  bool managed_identity = false;
  std::string authority_host = "https://login.microsoftonline.com";
};

struct GraphConfig {
  std::string base_url = "https://graph.microsoft.com/v1.0";
  std::string http_version = "auto";
  std::string user_agent;
};

struct DiscoveryConfig {
  bool include_subsites = true;
  bool include_personal_sites = true;
  bool include_lists = true;
};

struct PermissionsConfig {
  bool expand_groups = true;
  bool include_sharing_links = true;
  std::string sharepoint_rest = "auto";  // "auto", "on", "off"
};

struct ConcurrencyConfig {
  int max_api_calls = 20;
  int max_db_connections = 10;
  int max_cpu_tasks = 0;
  int max_sites = 8;
  int resource_units_per_minute = 0;  // 0: learnt
};

struct RedisSecurityConfig {
  Secret redis_auth;
  bool use_tls = false;
  std::string tls_ca_path, tls_cert_path, tls_key_path;
  std::string acl_username;
  Secret acl_password;
};

// What may be changed of one kind of cached things; unset: as cache/cache_policy.h has it.
struct CacheKindConfig {
  std::optional<bool> enabled;
  std::optional<int> max_entries, max_bytes;
  std::optional<int> ttl;  // seconds
  bool operator==(const CacheKindConfig&) const = default;
};

struct CacheConfig {
  bool enabled = true;
  std::string mode = "readwrite";  // off, observe, read, readwrite
  int local_cache_size = 10000;    // entries
  int ttl = 300;                   // seconds an L2-backed entry stays in memory
  int default_ttl = 3600;          // seconds
  int compression_threshold = 1000;
  int compression_level = 1;
  std::string encoding = "json";  // json, msgpack, binary: of values in the second level
  std::string l2 = "disk:.sharepoint-audit/cache.db";
  std::string l2_fallback;   // Where l2 cannot be opened; empty: memory alone.
  std::string name_space;    // After the key prefix; empty: none.
  int verify_percent = 0;    // of the hits, loaded again and compared
  int max_memory = 64;       // MiB
  int health_interval = 60;  // seconds from one look at health and load to the next
  Secret mac_key;            // Empty: entries of the second level carry no MAC.
  std::map<std::string, CacheKindConfig> caches;  // By the kind's name.
  std::string redis_url;
  RedisSecurityConfig redis_security;
};

struct ServeConfig {
  std::string address = "127.0.0.1";
  int port = 0;
  std::string tls_cert_path, tls_key_path;
  Secret api_key;  // Empty: the one in api_key_file.
  std::string api_key_file = ".sharepoint-audit/serve.key";
  int rate = 20;         // calls a second and caller
  Secret alert_webhook;  // An address is one where it holds its receiver's key. Empty: none.
};

// Who is told how an audit ended.
struct NotifyConfig {
  Secret webhook_url;  // An address is one where it holds its receiver's key. Empty: none.
  Secret webhook_key;  // Signs what is sent; empty: it is not signed.
  std::string mail_file, mail_from;
  std::vector<std::string> mail_to;
};

struct FindingsConfig {
  std::vector<std::string> internal_domains, allowed_guest_domains, sensitive_labels;
  std::map<std::string, double> thresholds;
  std::string rules;  // A folder with rules of one's own; empty: none.
};

struct Config {
  AuthConfig auth;
  std::string tenant_url;  // https://contoso.sharepoint.com, no trailing slash
  std::vector<std::string> target_sites;
  GraphConfig graph;
  std::string tls_ca_file;
  std::string db_path = "audit.db";
  DiscoveryConfig discovery;
  PermissionsConfig permissions;
  ConcurrencyConfig concurrency;
  CacheConfig cache;
  ServeConfig serve;
  NotifyConfig notify;
  FindingsConfig findings;
  std::string log_file;
  std::string trace_file;  // Empty: none.
  std::string log_level = "info";
};

}  // namespace spa
