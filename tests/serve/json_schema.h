// Does a JSON value have the shape that a schema of docs/openapi.json says? Knows the words that
// stand there: $ref, allOf, type, required, properties, additionalProperties, items, enum, minimum
// and maximum.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace spa::testing {

// What is wrong first, with the place; empty where nothing is. `document` is where $ref points.
std::string Complaint(const nlohmann::json& document, const nlohmann::json& schema,
                      const nlohmann::json& value, const std::string& place = "$");

}  // namespace spa::testing
