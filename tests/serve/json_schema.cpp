#include "tests/serve/json_schema.h"

#include <algorithm>

namespace spa::testing {
namespace {

using nlohmann::json;

bool HasType(const json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number_integer();
  return type == "number" && value.is_number();
}

}  // namespace

std::string Complaint(const json& document, const json& schema, const json& value,
                      const std::string& place) {
  if (schema.contains("$ref")) {
    const auto target = schema["$ref"].get<std::string>().substr(1);
    return Complaint(document, document.at(json::json_pointer(target)), value, place);
  }
  for (const json& part : schema.value("allOf", json::array())) {
    if (auto wrong = Complaint(document, part, value, place); !wrong.empty()) return wrong;
  }
  if (schema.contains("type") && !HasType(value, schema["type"])) {
    return place + " is no " + schema["type"].get<std::string>();
  }
  const json words = schema.value("enum", json::array());
  if (!words.empty() && std::find(words.begin(), words.end(), value) == words.end()) {
    return place + " is none of the allowed values";
  }
  if (value.is_number()) {
    if (schema.contains("minimum") && value < schema["minimum"]) return place + " is too small";
    if (schema.contains("maximum") && value > schema["maximum"]) return place + " is too great";
  }
  for (const json& name : schema.value("required", json::array())) {
    if (!value.contains(name.get<std::string>())) return place + " lacks " + name.dump();
  }
  for (std::size_t i = 0; value.is_array() && schema.contains("items") && i < value.size(); ++i) {
    auto wrong =
        Complaint(document, schema["items"], value[i], place + "[" + std::to_string(i) + "]");
    if (!wrong.empty()) return wrong;
  }
  if (!value.is_object() || !schema.contains("properties")) {
    if (!value.is_object() || !schema.contains("additionalProperties")) return {};
  }
  const json properties = schema.value("properties", json::object());
  for (const auto& [name, member] : value.items()) {
    const bool known = properties.contains(name);
    if (!known && !schema.contains("additionalProperties")) continue;
    const json& shape = known ? properties[name] : schema["additionalProperties"];
    if (auto wrong = Complaint(document, shape, member, place + "." + name); !wrong.empty()) {
      return wrong;
    }
  }
  return {};
}

}  // namespace spa::testing
