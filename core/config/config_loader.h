// The configuration loader: flags over environment over file over defaults (contract.md section 2).
//
// LoadConfig reads and checks each value by itself. PrepareForAudit then resolves the secrets
// ("env:NAME", "file:PATH") and checks what only a run against a tenant needs: a credential, ids,
// readable files. Commands that read the database alone do not need the second step.
//
// The file is JSON and may hold comments (// to the end of the line, /* … */).
//
// Environment: SHAREPOINT_AUDIT_<PATH>, then the AZURE_* variable of the key where it has one
// (graph.md 1.7). A variable that is set but empty counts as not set. Lists are comma-separated or
// a JSON array; numbers by name are a JSON object. A SHAREPOINT_AUDIT_ variable that names no key
// is an error like an unknown key in the file.
//
// Errors: kUsage, one sentence that names the key, where it was given and what is wrong, and a
// remedy. A secret's value is never part of it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/auth/token_source.h"
#include "core/config/config.h"
#include "core/config/config_keys.h"
#include "core/result.h"

namespace spa {

struct ConfigSources {
  ConfigSources() = default;
  std::string file;       // Path of the configuration file; empty: none.
  std::string file_text;  // Its content.
  std::map<std::string, std::string> environment;
  std::map<std::string, std::string> flags;  // Key path -> value as typed.
};

// Reads the file at `path` into the sources. kUsage where it cannot be read.
Status ReadConfigFile(const std::string& path, ConfigSources& sources);
// The environment of this process.
std::map<std::string, std::string> ProcessEnvironment();

struct LoadedConfig {
  LoadedConfig() = default;
  Config config;
  // Key path -> "flag --db", "environment AZURE_TENANT_ID", "file config.json", "default".
  std::map<std::string, std::string, std::less<>> origins;
};

Result<LoadedConfig> LoadConfig(const ConfigSources& sources);

// Resolves secrets in place: those of the keys that begin with `below`. `environment` is where
// env:NAME is looked up.
Status ResolveSecrets(LoadedConfig& loaded, const std::map<std::string, std::string>& environment,
                      std::string_view below = {});

// Resolves secrets and checks that a run against the tenant is possible.
Status PrepareForAudit(LoadedConfig& loaded, const std::map<std::string, std::string>& environment);

// Which credential a run signs in with, where several are given: certificate, secret, federated
// token, managed identity. A certificate comes first because it alone opens SharePoint REST
// (graph.md 1.8).
std::optional<CredentialKind> ChosenCredential(const AuthConfig& auth);

// "NONISV|contoso|sharepoint-audit/0.1.0"
std::string DefaultUserAgent(std::string_view tenant_url);

}  // namespace spa
