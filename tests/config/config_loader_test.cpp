#include "core/config/config_loader.h"

#include <fstream>

#include "core/config/config_value.h"
#include "tests/catch.h"

namespace spa {
namespace {

ConfigSources File(std::string text) {
  ConfigSources sources;
  sources.file = "config.json";
  sources.file_text = std::move(text);
  return sources;
}

ConfigSources Environment(std::map<std::string, std::string> variables) {
  ConfigSources sources;
  sources.environment = std::move(variables);
  return sources;
}

Error ErrorOf(const ConfigSources& sources) {
  const auto loaded = LoadConfig(sources);
  REQUIRE_FALSE(loaded.has_value());
  CHECK(loaded.error().code == ErrorCode::kUsage);
  return loaded.error();
}

// A configuration that a run could start with.
LoadedConfig Complete() {
  auto loaded = LoadConfig(File(R"({
    "auth": {"tenant_id": "4f1c2b7a-5d0e-4a33-9d7e-0c8b1e6f2a10",
             "client_id": "9b7d5e21-0a4c-4f0e-8d3b-6e2f1c9a7b55", "client_secret": "s3cr3t"},
    "tenant_url": "https://contoso.sharepoint.com"})"));
  REQUIRE(loaded.has_value());
  return *loaded;
}

Error AuditErrorOf(LoadedConfig loaded, std::map<std::string, std::string> environment = {}) {
  const auto checked = PrepareForAudit(loaded, environment);
  REQUIRE_FALSE(checked.has_value());
  CHECK(checked.error().code == ErrorCode::kUsage);
  return checked.error();
}

}  // namespace

TEST_CASE("a configuration without any source is the defaults") {
  const auto loaded = LoadConfig({});

  REQUIRE(loaded.has_value());
  CHECK(loaded->config.db_path == "audit.db");
  CHECK(loaded->config.concurrency.max_api_calls == 20);
  CHECK(loaded->config.cache.l2 == "disk:.sharepoint-audit/cache.db");
  for (const ConfigKey& key : ConfigKeys())
    CHECK(loaded->origins.at(std::string(key.path)) == "default");
}

TEST_CASE("a flag beats the environment, which beats the file, which beats the default") {
  ConfigSources sources = File(R"({"db": {"path": "file.db"}, "logging": {"level": "warn"},
                                   "concurrency": {"max_sites": 3, "max_api_calls": 4}})");
  sources.environment = {{"SHAREPOINT_AUDIT_DB__PATH", "environment.db"},
                         {"SHAREPOINT_AUDIT_CONCURRENCY__MAX_SITES", "5"}};
  sources.flags = {{"db.path", "flag.db"}};

  const auto loaded = LoadConfig(sources);

  REQUIRE(loaded.has_value());
  CHECK(loaded->config.db_path == "flag.db");
  CHECK(loaded->config.concurrency.max_sites == 5);
  CHECK(loaded->config.concurrency.max_api_calls == 4);
  CHECK(loaded->origins.at("db.path") == "flag --db");
  CHECK(loaded->origins.at("concurrency.max_sites") ==
        "environment SHAREPOINT_AUDIT_CONCURRENCY__MAX_SITES");
  CHECK(loaded->origins.at("concurrency.max_api_calls") == "file config.json");
  CHECK(loaded->origins.at("cache.ttl") == "default");
}

TEST_CASE("our own variable beats the Azure one, and both beat the file") {
  ConfigSources sources =
      File(R"({"auth": {"client_secret": "of the file", "tenant_id": "a.example"}})");
  sources.environment = {{"AZURE_CLIENT_SECRET", "azure's"},
                         {"AZURE_TENANT_ID", "azure.example"},
                         {"SHAREPOINT_AUDIT_AUTH__TENANT_ID", "own.example"}};

  const auto loaded = LoadConfig(sources);

  REQUIRE(loaded.has_value());
  CHECK(loaded->config.auth.client_secret.Reveal() == "azure's");
  CHECK(loaded->config.auth.tenant_id == "own.example");
  CHECK(loaded->origins.at("auth.client_secret") == "environment AZURE_CLIENT_SECRET");
}

TEST_CASE("every Azure variable of the contract is read") {
  const auto loaded = LoadConfig(Environment({
      {"AZURE_TENANT_ID", "contoso.example"},
      {"AZURE_CLIENT_ID", "9b7d5e21-0a4c-4f0e-8d3b-6e2f1c9a7b55"},
      {"AZURE_CLIENT_SECRET", "s"},
      {"AZURE_CLIENT_CERTIFICATE_PATH", "c.pem"},
      {"AZURE_FEDERATED_TOKEN_FILE", "t.jwt"},
      {"AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/"},
  }));

  REQUIRE(loaded.has_value());
  const AuthConfig& auth = loaded->config.auth;
  CHECK(auth.tenant_id == "contoso.example");
  CHECK(auth.client_id == "9b7d5e21-0a4c-4f0e-8d3b-6e2f1c9a7b55");
  CHECK(auth.client_secret.Reveal() == "s");
  CHECK(auth.certificate_path == "c.pem");
  CHECK(auth.federated_token_file == "t.jwt");
  CHECK(auth.authority_host == "https://login.microsoftonline.us");
}

TEST_CASE("a variable that is set but empty counts as not set") {
  const auto loaded = LoadConfig(Environment({{"SHAREPOINT_AUDIT_DB__PATH", ""}}));

  REQUIRE(loaded.has_value());
  CHECK(loaded->config.db_path == "audit.db");
}

TEST_CASE("lists, numbers by name and booleans can be given as text") {
  const auto loaded = LoadConfig(Environment({
      {"SHAREPOINT_AUDIT_TARGET_SITES", "https://a.example/x, https://a.example/y/"},
      {"SHAREPOINT_AUDIT_FINDINGS__INTERNAL_DOMAINS", R"(["a.example","b.example"])"},
      {"SHAREPOINT_AUDIT_FINDINGS__THRESHOLDS", R"({"large_group": 500})"},
      {"SHAREPOINT_AUDIT_CACHE__ENABLED", "no"},
  }));

  REQUIRE(loaded.has_value());
  CHECK(loaded->config.target_sites ==
        std::vector<std::string>{"https://a.example/x", "https://a.example/y"});
  CHECK(loaded->config.findings.internal_domains ==
        std::vector<std::string>{"a.example", "b.example"});
  CHECK(loaded->config.findings.thresholds.at("large_group") == 500);
  CHECK_FALSE(loaded->config.cache.enabled);
}

TEST_CASE("null in the file leaves the default") {
  const auto loaded =
      LoadConfig(File(R"({"db": {"path": null}, "cache": null, "tls": {"ca_file": null}})"));

  REQUIRE(loaded.has_value());
  CHECK(loaded->config.db_path == "audit.db");
  CHECK(loaded->origins.at("db.path") == "default");
}

TEST_CASE("an unknown key is refused and the nearest known one named") {
  const auto [text, unknown, nearest] = GENERATE(table<std::string, std::string, std::string>({
      {R"({"auth": {"tenantid": "x"}})", "auth.tenantid", "auth.tenant_id"},
      {R"({"client_id": "x"})", "client_id", "auth.client_id"},
      {R"({"concurrency": {"max_api_call": 3}})", "concurrency.max_api_call",
       "concurrency.max_api_calls"},
      {R"({"cahce": {"enabled": true}})", "cahce", "cache"},
      {R"({"db_path": "x"})", "db_path", "db.path"},
      {R"({"cache": {"redis": {"security": {"usetls": true}}}})", "cache.redis.security.usetls",
       "cache.redis.security.use_tls"},
  }));

  const Error error = ErrorOf(File(text));

  CHECK(error.message == unknown + " in config.json is no known key");
  CHECK(error.remedy == "did you mean " + nearest + "?");
}

TEST_CASE("an environment variable that nearly names a key is refused") {
  const auto name =
      GENERATE(as<std::string>(), "SHAREPOINT_AUDIT_AUTH__TENANTID",
               "SHAREPOINT_AUDIT_AUTH_TENANT_ID", "SHAREPOINT_AUDIT_AUTH__TENANT_IDD");

  const Error error = ErrorOf(Environment({{name, "x"}}));

  CHECK(error.message == "the environment variable " + name + " names no known key");
  CHECK(error.remedy == "did you mean SHAREPOINT_AUDIT_AUTH__TENANT_ID?");
}

TEST_CASE("variables that a platform makes from a service's name are left alone") {
  CHECK(LoadConfig(Environment({{"SHAREPOINT_AUDIT_SERVICE_HOST", "10.0.0.1"},
                                {"SHAREPOINT_AUDIT_PORT", "tcp://10.0.0.1:80"},
                                {"SHAREPOINT_AUDIT_CONFIG", "config.json"}}))
            .has_value());
}

TEST_CASE("a value of the wrong type or out of range names the key, its value and what fits") {
  const auto [text, message, remedy] = GENERATE(table<std::string, std::string, std::string>({
      {R"({"concurrency": {"max_api_calls": "many"}})",
       R"(concurrency.max_api_calls in config.json is "many")",
       "give a whole number from 1 to 1000"},
      {R"({"concurrency": {"max_api_calls": 0}})", "concurrency.max_api_calls in config.json is 0",
       "give a whole number from 1 to 1000"},
      {R"({"concurrency": {"max_api_calls": 1001}})",
       "concurrency.max_api_calls in config.json is 1001", "give a whole number from 1 to 1000"},
      {R"({"concurrency": {"max_api_calls": 2.5}})",
       "concurrency.max_api_calls in config.json is 2.5", "give a whole number from 1 to 1000"},
      {R"({"cache": {"ttl": -1}})", "cache.ttl in config.json is -1",
       "give a whole number from 0 on"},
      {R"({"cache": {"ttl": 99999999999}})", "cache.ttl in config.json is 99999999999",
       "give a whole number from 0 on"},
      {R"({"cache": {"enabled": "true"}})", R"(cache.enabled in config.json is "true")",
       "give true or false"},
      {R"({"cache": {"mode": "fast"}})", R"(cache.mode in config.json is "fast")",
       "give off, observe, read or readwrite"},
      {R"({"target_sites": "https://a"})", R"(target_sites in config.json is "https://a")",
       "give a list of texts"},
      {R"({"target_sites": [1]})", "target_sites in config.json is [1]", "give a list of texts"},
      {R"({"findings": {"thresholds": {"a": "b"}}})",
       R"(findings.thresholds in config.json is {"a":"b"})", "give an object of numbers by name"},
      {R"({"cache": {"caches": {"group_member": {}}}})",
       "cache.caches in config.json has group_member, which is no kind",
       "did you mean group_members?"},
      {R"({"cache": {"caches": {"site": {"tll": 60}}}})",
       "cache.caches in config.json has site.tll, which is no known key", "did you mean ttl?"},
      {R"({"cache": {"caches": {"site": {"ttl": 0}}}})",
       "cache.caches in config.json has site.ttl 0", "give a whole number from 1 on"},
      {R"({"cache": {"caches": {"site": {"enabled": 1}}}})",
       "cache.caches in config.json has site.enabled 1", "give true or false"},
      {R"({"cache": {"namespace": "a:b"}})",
       R"(cache.namespace in config.json is "a:b", which is no name)",
       "give at most 64 letters, digits, '-', '_' and '.'"},
      {R"({"db": {"path": 3}})", "db.path in config.json is 3", "give a text"},
      {R"({"auth": "x"})", "auth in config.json is a string", "give an object with keys in it"},
  }));

  const Error error = ErrorOf(File(text));

  CHECK(error.message == message);
  CHECK(error.remedy == remedy);
}

TEST_CASE("a text of the wrong form says what is wrong with it") {
  const auto [path, value, fault] = GENERATE(table<std::string, std::string, std::string>({
      {"graph.base_url", "http://graph.microsoft.com/v1.0",
       "which would send tokens without encryption"},
      {"auth.authority_host", "http://10.0.0.1", "which would send tokens without encryption"},
      {"auth.authority_host", "login.microsoftonline.com",
       "which is not an absolute URL without user name"},
      {"tenant_url", "http://127.0.0.1.example.com", "which would send tokens without encryption"},
      {"tenant_url", "https://contoso.sharepoint.com/sites/hr",
       "which is not the root of a tenant"},
      {"tenant_url", "https://contoso-admin.sharepoint.com", "which is the tenant's admin host"},
      {"tenant_url", "https://contoso-my.sharepoint.com", "which is the tenant's my host"},
      {"auth.tenant_id", "common", "which names no single tenant"},
      {"auth.tenant_id", "contoso", "which is neither a GUID nor a domain"},
      {"auth.client_id", "my app", "which is not a GUID"},
      {"cache.l2", "memcached://x", "which names no kind of store"},
      {"cache.redis.url", "https://x", "which is not a Redis URL"},
  }));

  const Error error = ErrorOf(Environment({{EnvironmentName(path), value}}));

  CHECK(error.message == path + " in environment variable " + EnvironmentName(path) + " is \"" +
                             value + "\", " + fault);
  CHECK_FALSE(error.remedy.empty());
}

TEST_CASE("plain HTTP is accepted for loopback hosts") {
  const auto url =
      GENERATE(as<std::string>(), "http://127.0.0.1:8080", "http://127.9.8.7", "http://localhost:1",
               "http://[::1]:8080", "https://contoso.sharepoint.com");

  const auto loaded = LoadConfig(Environment({{"SHAREPOINT_AUDIT_TENANT_URL", url + "/"}}));

  REQUIRE(loaded.has_value());
  CHECK(loaded->config.tenant_url == url);
}

TEST_CASE("a broken file says where it breaks") {
  CHECK(ErrorOf(File("{\n \"db\": {\n \"path\" \"x\"}}")).message ==
        "config.json is no valid JSON at line 3");
  CHECK(ErrorOf(File("[]")).message == "config.json holds no JSON object");
  CHECK(ErrorOf(File(R"({"db": {"path": "a", "path": "b"}})")).message ==
        "config.json has the key \"path\" twice");
}

TEST_CASE("a configuration file that is not there is bad usage") {
  ConfigSources sources;

  const auto read = ReadConfigFile("/nowhere/config.json", sources);

  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().code == ErrorCode::kUsage);
  CHECK(read.error().message ==
        "the configuration file /nowhere/config.json cannot be read: No such file or directory");
}

TEST_CASE("a secret of the wrong type is refused without its value") {
  const Error error = ErrorOf(File(R"({"auth": {"client_secret": 123456}})"));

  CHECK(error.message == "auth.client_secret in config.json is of type number");
}

TEST_CASE("the audit check names what is missing, and how to give it") {
  const auto [path, remedy] = GENERATE(table<std::string, std::string>({
      {"tenant_url",
       "set it in the configuration file, by --tenant-url or by SHAREPOINT_AUDIT_TENANT_URL"},
      {"auth.tenant_id",
       "set it in the configuration file, by --tenant-id or by SHAREPOINT_AUDIT_AUTH__TENANT_ID or "
       "AZURE_TENANT_ID"},
      {"auth.client_id",
       "set it in the configuration file, by --client-id or by SHAREPOINT_AUDIT_AUTH__CLIENT_ID or "
       "AZURE_CLIENT_ID"},
  }));
  LoadedConfig loaded = Complete();
  REQUIRE(SetValue(loaded.config, *FindConfigKey(path), nullptr, "").has_value());

  const Error error = AuditErrorOf(loaded);

  CHECK(error.message == path + " is not set");
  CHECK(error.remedy == remedy);
}

TEST_CASE("without any credential the audit check names all four kinds") {
  LoadedConfig loaded = Complete();
  loaded.config.auth.client_secret = Secret();

  const Error error = AuditErrorOf(loaded);

  CHECK(error.message == "no credential is set");
  CHECK(error.remedy ==
        "set one of auth.certificate_path, auth.client_secret, auth.federated_token_file or "
        "auth.managed_identity");
}

TEST_CASE("a certificate is preferred to a secret, a secret to a token file, that to the machine") {
  AuthConfig auth;
  CHECK_FALSE(ChosenCredential(auth).has_value());
  auth.managed_identity = true;
  CHECK(ChosenCredential(auth) == CredentialKind::kManagedIdentity);
  auth.federated_token_file = "token";
  CHECK(ChosenCredential(auth) == CredentialKind::kFederated);
  auth.client_secret = Secret("s");
  CHECK(ChosenCredential(auth) == CredentialKind::kSecret);
  auth.certificate_path = "c.pem";
  CHECK(ChosenCredential(auth) == CredentialKind::kCertificate);
}

TEST_CASE("a certificate that cannot be read is named") {
  LoadedConfig loaded = Complete();
  loaded.config.auth.certificate_path = "/nowhere/c.pem";
  loaded.origins["auth.certificate_path"] = "environment AZURE_CLIENT_CERTIFICATE_PATH";

  CHECK(AuditErrorOf(loaded).message ==
        "auth.certificate_path in the environment AZURE_CLIENT_CERTIFICATE_PATH names "
        "\"/nowhere/c.pem\", which cannot be read: No such file or directory");
}

TEST_CASE("secrets are taken from the variable or file they name") {
  const std::string path = "secret_test.txt";
  std::ofstream(path) << "from the file\n";
  LoadedConfig loaded = Complete();
  loaded.config.auth.client_secret = Secret("env:MY_SECRET");
  loaded.config.auth.certificate_password = Secret("file:" + path);
  loaded.config.cache.redis_security.redis_auth = Secret("as it stands");

  REQUIRE(PrepareForAudit(loaded, {{"MY_SECRET", "from the variable"}}).has_value());

  CHECK(loaded.config.auth.client_secret.Reveal() == "from the variable");
  CHECK(loaded.config.auth.certificate_password.Reveal() == "from the file");
  CHECK(loaded.config.cache.redis_security.redis_auth.Reveal() == "as it stands");
  std::remove(path.c_str());
}

TEST_CASE("a secret whose variable or file is not there says so") {
  LoadedConfig loaded = Complete();
  loaded.config.auth.client_secret = Secret("env:MY_SECRET");
  CHECK(AuditErrorOf(loaded).message ==
        "auth.client_secret in config.json is taken from the environment variable MY_SECRET, which "
        "is not set");

  loaded.config.auth.client_secret = Secret("file:/nowhere/secret");
  CHECK(AuditErrorOf(loaded).message ==
        "auth.client_secret in config.json is taken from the file /nowhere/secret, which cannot be "
        "read: No such file or directory");
}

TEST_CASE("hosts of two clouds do not mix") {
  LoadedConfig loaded = Complete();
  loaded.config.tenant_url = "https://contoso.sharepoint.us";

  const Error error = AuditErrorOf(loaded);

  CHECK(error.message ==
        "graph.base_url is in the global cloud, but tenant_url in the US GCC High cloud");
  CHECK(error.remedy == "set graph.base_url to https://graph.microsoft.us/v1.0");
}

TEST_CASE("a target site of another tenant is refused, one of OneDrive is not") {
  LoadedConfig loaded = Complete();
  loaded.config.target_sites = {"https://contoso-my.sharepoint.com/personal/ada"};
  CHECK(PrepareForAudit(loaded, {}).has_value());

  loaded.config.target_sites = {"https://fabrikam.sharepoint.com/sites/hr"};
  CHECK(AuditErrorOf(loaded).remedy == "name sites of the tenant in tenant_url");
}

TEST_CASE("a redis cache needs a Redis URL") {
  LoadedConfig loaded = Complete();
  loaded.config.cache.l2 = "redis";

  CHECK(AuditErrorOf(loaded).message == "cache.l2 is redis, but cache.redis.url is not set");
}

TEST_CASE("the User-Agent names the tenant") {
  CHECK(DefaultUserAgent("https://contoso.sharepoint.com") ==
        "NONISV|contoso|sharepoint-audit/" SPA_VERSION);
  CHECK(DefaultUserAgent("http://127.0.0.1:8080") == "NONISV|local|sharepoint-audit/" SPA_VERSION);
  CHECK(Complete().config.graph.user_agent == "NONISV|contoso|sharepoint-audit/" SPA_VERSION);
}

}  // namespace spa
