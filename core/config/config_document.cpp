#include "core/config/config_document.h"

#include <fmt/format.h>

namespace spa {
namespace {

// The place of "a.b.c" in nested objects, made where missing.
OrderedJson& At(OrderedJson& root, std::string_view path) {
  OrderedJson* at = &root;
  while (true) {
    const std::size_t dot = path.find('.');
    at = &(*at)[std::string(path.substr(0, dot))];
    if (dot == path.npos) return *at;
    path.remove_prefix(dot + 1);
  }
}

std::string_view JsonType(const ConfigKey& key) {
  constexpr std::string_view kTypes[] = {"string", "string", "boolean", "integer",
                                         "array",  "object", "object"};
  return kTypes[key.field.index()];
}

OrderedJson KeySchema(const ConfigKey& key) {
  OrderedJson schema;
  const std::string_view type = JsonType(key);
  schema["type"] = {type, "null"};
  schema["description"] = key.help;
  if (type == "integer") {
    schema["minimum"] = key.min;
    if (key.max != std::numeric_limits<int>::max()) schema["maximum"] = key.max;
  }
  if (type == "array") schema["items"] = {{"type", "string"}};
  if (type == "object" && key.one_of.empty()) schema["additionalProperties"] = {{"type", "number"}};
  if (type == "object" && !key.one_of.empty()) {
    OrderedJson kind = {{"type", "object"}, {"additionalProperties", false}};
    kind["properties"]["enabled"] = {{"type", "boolean"}};
    for (const char* number : {"max_entries", "max_bytes", "ttl"})
      kind["properties"][number] = {{"type", "integer"}, {"minimum", 1}};
    schema["additionalProperties"] = false;
    for (const std::string_view name : key.one_of) schema["properties"][std::string(name)] = kind;
  } else if (!key.one_of.empty()) {
    schema["enum"] = key.one_of;
    schema["enum"].push_back(nullptr);
  }
  if (key.is_secret()) schema["writeOnly"] = true;
  schema["default"] = DefaultValue(key);
  return schema;
}

// The object schema at the section of `path`, made where missing.
OrderedJson& SectionSchema(OrderedJson& root, std::string_view path) {
  OrderedJson* at = &root;
  for (std::size_t dot = path.find('.'); dot != path.npos; dot = path.find('.')) {
    at = &(*at)["properties"][std::string(path.substr(0, dot))];
    if (at->is_null()) {
      *at = {{"type", {"object", "null"}}, {"additionalProperties", false}};
      (*at)["properties"] = OrderedJson::object();
    }
    path.remove_prefix(dot + 1);
  }
  return *at;
}

void WriteCommented(const OrderedJson& object, const std::string& prefix, int depth,
                    std::string& text) {
  const std::string margin(static_cast<std::size_t>(2 * depth), ' ');
  text += "{\n";
  std::size_t left = object.size();
  for (const auto& [name, value] : object.items()) {
    const std::string path = prefix + name;
    const ConfigKey* key = FindConfigKey(path);
    if (key != nullptr) text += fmt::format("{}  // {}\n", margin, key->help);
    text += fmt::format("{}  {}: ", margin, OrderedJson(name).dump());
    if (key == nullptr && value.is_object()) {
      WriteCommented(value, path + '.', depth + 1, text);
    } else {
      text += value.dump();
    }
    text += --left > 0 ? ",\n" : "\n";
  }
  text += margin + '}';
}

}  // namespace

OrderedJson ConfigDocument(const LoadedConfig& loaded, bool all) {
  OrderedJson document = OrderedJson::object();
  for (const ConfigKey& key : ConfigKeys()) {
    if (!all && loaded.origins.find(key.path)->second == "default") continue;
    At(document, key.path) = GetValue(loaded.config, key, Secrets::kHidden);
  }
  return document;
}

OrderedJson ConfigSchema() {
  OrderedJson schema;
  schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  schema["title"] = "sharepoint-audit configuration";
  schema["type"] = "object";
  schema["additionalProperties"] = false;
  schema["properties"]["$schema"] = {{"type", "string"}};
  for (const ConfigKey& key : ConfigKeys()) {
    OrderedJson& section = SectionSchema(schema, key.path);
    section["properties"][std::string(key.path.substr(key.path.rfind('.') + 1))] = KeySchema(key);
  }
  return schema;
}

OrderedJson ConfigTemplate(const ConfigAnswers& answers) {
  OrderedJson document;
  for (const ConfigKey& key : ConfigKeys()) At(document, key.path) = DefaultValue(key);
  const auto put = [&](std::string_view path, const std::string& text) {
    if (!text.empty()) At(document, path) = text;
  };
  put("auth.tenant_id", answers.tenant_id);
  put("auth.client_id", answers.client_id);
  put("tenant_url", answers.tenant_url);
  put("auth.client_secret", answers.client_secret);
  put("auth.certificate_path", answers.certificate_path);
  put("auth.certificate_password", answers.certificate_password);
  put("auth.federated_token_file", answers.federated_token_file);
  At(document, "auth.managed_identity") = answers.managed_identity;
  return document;
}

std::string CommentedConfig(const OrderedJson& document) {
  std::string text =
      "// The configuration of sharepoint-audit: `sharepoint-audit doctor` checks it.\n"
      "// What stands at its default may be left out.\n";
  WriteCommented(document, "", 0, text);
  return text + '\n';
}

std::string ConfigReference() {
  std::string text =
      "| key | default | may be | flag | environment | what it does |\n|---|---|---|---|---|---|\n";
  for (const ConfigKey& key : ConfigKeys()) {
    std::string environment = fmt::format("`{}`", EnvironmentName(key.path));
    if (!key.azure.empty()) environment += fmt::format(", `{}`", key.azure);
    text += fmt::format("| `{}` | `{}` | {} | {} | {} | {} |\n", key.path, DefaultValue(key).dump(),
                        Expectation(key), key.flag.empty() ? "" : fmt::format("`{}`", key.flag),
                        environment, key.help);
  }
  return text;
}

}  // namespace spa
