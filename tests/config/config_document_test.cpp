#include "core/config/config_document.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "tests/catch.h"

namespace spa {
namespace {

// The keys of contract.md section 2, to the letter, and those added since.
const std::set<std::string> kContractKeys = {"auth.tenant_id",
                                             "auth.client_id",
                                             "auth.client_secret",
                                             "auth.certificate_path",
                                             "auth.certificate_password",
                                             "auth.federated_token_file",
                                             "auth.managed_identity",
                                             "auth.authority_host",
                                             "tenant_url",
                                             "target_sites",
                                             "graph.base_url",
                                             "graph.http_version",
                                             "graph.user_agent",
                                             "tls.ca_file",
                                             "db.path",
                                             "discovery.include_subsites",
                                             "discovery.include_personal_sites",
                                             "discovery.include_lists",
                                             "notify.mail_file",
                                             "notify.mail_from",
                                             "notify.mail_to",
                                             "notify.webhook_key",
                                             "notify.webhook_url",
                                             "permissions.expand_groups",
                                             "permissions.include_sharing_links",
                                             "permissions.sharepoint_rest",
                                             "concurrency.max_api_calls",
                                             "concurrency.max_db_connections",
                                             "concurrency.max_cpu_tasks",
                                             "concurrency.max_sites",
                                             "concurrency.resource_units_per_minute",
                                             "cache.enabled",
                                             "cache.mode",
                                             "cache.local_cache_size",
                                             "cache.ttl",
                                             "cache.default_ttl",
                                             "cache.compression_threshold",
                                             "cache.compression_level",
                                             "cache.l2",
                                             "serve.address",
                                             "serve.port",
                                             "serve.tls_cert_path",
                                             "serve.tls_key_path",
                                             "serve.api_key",
                                             "serve.api_key_file",
                                             "serve.rate",
                                             "serve.alert_webhook",
                                             "cache.l2_fallback",
                                             "cache.namespace",
                                             "cache.mac_key",
                                             "cache.verify_percent",
                                             "cache.max_memory",
                                             "cache.health_interval",
                                             "cache.encoding",
                                             "cache.caches",
                                             "cache.redis.url",
                                             "cache.redis.security.redis_auth",
                                             "cache.redis.security.use_tls",
                                             "cache.redis.security.tls_ca_path",
                                             "cache.redis.security.tls_cert_path",
                                             "cache.redis.security.tls_key_path",
                                             "cache.redis.security.acl_username",
                                             "cache.redis.security.acl_password",
                                             "findings.internal_domains",
                                             "findings.allowed_guest_domains",
                                             "findings.sensitive_labels",
                                             "findings.thresholds",
                                             "findings.rules",
                                             "logging.file",
                                             "logging.level",
                                             "logging.trace_file"};

// The part of JSON Schema that our schema uses. Returns the first complaint, or "".
std::string Complaint(const OrderedJson& schema, const OrderedJson& value,
                      const std::string& at = "$") {
  const auto is = [&](const std::string& type) {
    return (type == "null" && value.is_null()) || (type == "string" && value.is_string()) ||
           (type == "boolean" && value.is_boolean()) ||
           (type == "integer" && value.is_number_integer()) ||
           (type == "number" && value.is_number()) || (type == "array" && value.is_array()) ||
           (type == "object" && value.is_object());
  };
  const OrderedJson types =
      schema.at("type").is_array() ? schema.at("type") : OrderedJson{schema.at("type")};
  if (std::none_of(types.begin(), types.end(), is)) return at + ": type";
  if (value.is_null()) return "";
  if (schema.contains("enum")) {
    const OrderedJson& words = schema["enum"];
    if (std::find(words.begin(), words.end(), value) == words.end()) return at + ": enum";
  }
  if (schema.contains("minimum") && value < schema["minimum"]) return at + ": minimum";
  if (schema.contains("maximum") && value > schema["maximum"]) return at + ": maximum";
  for (std::size_t i = 0; value.is_array() && i < value.size(); ++i) {
    if (auto complaint = Complaint(schema.at("items"), value[i], at + "[]"); !complaint.empty())
      return complaint;
  }
  if (!value.is_object()) return "";
  for (const auto& [name, entry] : value.items()) {
    const std::string place = at + "." + name;
    const bool known = schema.contains("properties") && schema["properties"].contains(name);
    if (!known && schema.at("additionalProperties") == false) return place + ": unknown";
    const OrderedJson& rule = known ? schema["properties"][name] : schema["additionalProperties"];
    if (auto complaint = Complaint(rule, entry, place); !complaint.empty()) return complaint;
  }
  return "";
}

LoadedConfig Load(std::string text) {
  ConfigSources sources;
  sources.file = "config.json";
  sources.file_text = std::move(text);
  auto loaded = LoadConfig(sources);
  REQUIRE(loaded.has_value());
  return *loaded;
}

}  // namespace

TEST_CASE("the table holds every key of the contract and those added since") {
  std::set<std::string> keys;
  for (const ConfigKey& key : ConfigKeys()) keys.emplace(key.path);

  CHECK(keys == kContractKeys);
}

TEST_CASE("every key has an environment variable of its own, and a line of help") {
  std::set<std::string> names;
  for (const ConfigKey& key : ConfigKeys()) {
    names.insert(EnvironmentName(key.path));
    CHECK_FALSE(key.help.empty());
    CHECK_FALSE(key.help.ends_with('.'));
  }

  CHECK(names.size() == ConfigKeys().size());
  CHECK(EnvironmentName("auth.client_secret") == "SHAREPOINT_AUDIT_AUTH__CLIENT_SECRET");
}

TEST_CASE("no secret has a flag, because command lines are visible to others") {
  for (const ConfigKey& key : ConfigKeys()) {
    if (key.is_secret()) CHECK(key.flag.empty());
  }
}

TEST_CASE("no two keys share a flag") {
  std::set<std::string_view> flags;
  for (const ConfigKey& key : ConfigKeys()) {
    if (!key.flag.empty()) CHECK(flags.insert(key.flag).second);
  }
}

TEST_CASE("the template fits the schema and loads as the defaults") {
  const OrderedJson document = ConfigTemplate({});

  CHECK(Complaint(ConfigSchema(), document).empty());
  const LoadedConfig loaded = Load(document.dump());
  CHECK(loaded.config.cache.l2 == "disk:.sharepoint-audit/cache.db");
  CHECK(loaded.config.concurrency.max_sites == 8);
}

TEST_CASE("the template has the shape of the contract") {
  const OrderedJson document = ConfigTemplate({});

  CHECK(document["auth"]["client_secret"].is_null());
  CHECK(document["auth"]["authority_host"] == "https://login.microsoftonline.com");
  CHECK(document["graph"]["base_url"] == "https://graph.microsoft.com/v1.0");
  CHECK(
      document["concurrency"].dump() ==
      R"({"max_api_calls":20,"max_db_connections":10,"max_cpu_tasks":0,"max_sites":8,"resource_units_per_minute":0})");
  CHECK(document["cache"]["redis"]["security"]["use_tls"] == false);
  CHECK(document["findings"]["thresholds"] == OrderedJson::object());
}

TEST_CASE("the schema refuses what the loader refuses") {
  const auto text = GENERATE(
      as<std::string>(), R"({"auth": {"tenantid": "x"}})", R"({"cache": {"mode": "fast"}})",
      R"({"cache": {"ttl": -1}})", R"({"cache": {"caches": {"sites": {}}}})",
      R"({"cache": {"caches": {"site": {"ttl": "1h"}}}})", R"({"target_sites": "x"})",
      R"({"concurrency": {"max_api_calls": 1001}})", R"({"findings": {"thresholds": {"a": "b"}}})");
  ConfigSources sources;
  sources.file = "config.json";
  sources.file_text = text;

  CHECK_FALSE(LoadConfig(sources).has_value());
  CHECK_FALSE(Complaint(ConfigSchema(), OrderedJson::parse(text)).empty());
}

TEST_CASE("the schema says which keys are secret") {
  const OrderedJson schema = ConfigSchema();

  CHECK(schema["$schema"] == "https://json-schema.org/draft/2020-12/schema");
  CHECK(schema["properties"]["auth"]["properties"]["client_secret"]["writeOnly"] == true);
  CHECK_FALSE(schema["properties"]["auth"]["properties"]["client_id"].contains("writeOnly"));
}

TEST_CASE("a shown configuration hides secrets and passwords within URLs") {
  const LoadedConfig loaded = Load(R"({
    "auth": {"client_secret": "hush", "certificate_password": "env:PASSWORD"},
    "cache": {"l2": "redis://ada:hush@cache.example:6379/0", "redis": {"url": "rediss://hush@cache.example"}}})");

  const std::string text = ConfigDocument(loaded, true).dump();

  CHECK(text.find("hush") == text.npos);
  CHECK(ConfigDocument(loaded, true)["auth"]["client_secret"] == "***");
  CHECK(ConfigDocument(loaded, true)["cache"]["l2"] == "redis://ada:***@cache.example:6379/0");
  CHECK(ConfigDocument(loaded, true)["cache"]["redis"]["url"] == "rediss://***@cache.example");
}

TEST_CASE("size and time of a kind are set and shown again", "[cache][S2-02]") {
  const std::string text =
      R"({"cache":{"caches":{"site":{"enabled":false},"user":{"max_entries":50,"ttl":60}}}})";
  const LoadedConfig loaded = Load(text);

  const auto& caches = loaded.config.cache.caches;
  CHECK(caches.at("site").enabled == false);
  CHECK(caches.at("user").max_entries == 50);
  CHECK(caches.at("user").ttl == 60);
  CHECK_FALSE(caches.at("user").max_bytes);
  CHECK(ConfigDocument(loaded, false).dump() == text);
  CHECK(Complaint(ConfigSchema(), OrderedJson::parse(text)).empty());
}

TEST_CASE("a shown configuration holds what was set, and on demand the defaults too") {
  const LoadedConfig loaded = Load(R"({"db": {"path": "x.db"}})");

  CHECK(ConfigDocument(loaded, false).dump() == R"({"db":{"path":"x.db"}})");
  CHECK(ConfigDocument(loaded, true)["logging"]["level"] == "info");
}

TEST_CASE("docs/configuration.md holds the table of keys as it is") {
  std::ifstream file(SPA_SOURCE_DIR "/docs/configuration.md");
  std::ostringstream text;
  text << file.rdbuf();

  INFO("run `sharepoint-audit config reference` and paste its output");
  CHECK(text.str().find(ConfigReference()) != std::string::npos);
}

}  // namespace spa
