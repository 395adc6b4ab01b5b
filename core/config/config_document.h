// Documents made from the table of keys: what `config show`, `config schema` and `config init`
// print, and the table in docs/configuration.md.
#pragma once

#include <string>

#include "core/config/config_loader.h"
#include "core/config/config_value.h"

namespace spa {

// The configuration as a file would hold it, secrets as "***". `all`: also keys left at their
// default.
OrderedJson ConfigDocument(const LoadedConfig& loaded, bool all);

// JSON Schema, draft 2020-12.
OrderedJson ConfigSchema();

// What `config init` asks for.
struct ConfigAnswers {
  ConfigAnswers() = default;
  std::string tenant_id = "00000000-0000-0000-0000-000000000000";
  std::string client_id = "00000000-0000-0000-0000-000000000000";
  std::string tenant_url = "https://contoso.sharepoint.com";
  std::string client_secret;  // As it goes into the file, for example "env:NAME".
  std::string certificate_path;
  std::string certificate_password;
  std::string federated_token_file;
  bool managed_identity = false;
};

// Every key, at its default where the answers do not say.
OrderedJson ConfigTemplate(const ConfigAnswers& answers);

// The document as the text of a file: above each key a comment that says what it is.
std::string CommentedConfig(const OrderedJson& document);

// Markdown: one row per key.
std::string ConfigReference();

}  // namespace spa
