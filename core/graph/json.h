// Small words for reading service answers with simdjson's DOM: a field that is absent, null or of
// another type reads as empty, because the services leave fields out freely (graph.md 7.10, 7.15).
#pragma once

#include <simdjson.h>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace spa::json {

using Element = simdjson::dom::element;

// One parser a thread; the returned element lives until the thread's next Parse.
inline Result<Element> Parse(std::string_view text) {
  thread_local simdjson::dom::parser parser;
  Element root;
  if (const auto error = parser.parse(text.data(), text.size()).get(root)) {
    return Fail(ErrorCode::kMalformed,
                std::string("the answer is no valid JSON: ") + simdjson::error_message(error));
  }
  return root;
}

inline std::optional<Element> Find(const Element& object, std::string_view key) {
  Element value;
  if (object[key].get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
  return value;
}

// The key is there, whatever its value: absent differs from {} (graph.md 0.2).
inline bool Has(const Element& object, std::string_view key) {
  return object[key].error() == simdjson::SUCCESS;
}

inline std::string_view Text(const Element& object, std::string_view key) {
  std::string_view value;
  if (object[key].get_string().get(value) != simdjson::SUCCESS) return {};
  return value;
}

inline std::optional<bool> Bool(const Element& object, std::string_view key) {
  bool value = false;
  if (object[key].get_bool().get(value) == simdjson::SUCCESS) return value;
  const std::string_view text = Text(object, key);  // "True" (graph.md 4.4)
  if (text == "True" || text == "true") return true;
  if (text == "False" || text == "false") return false;
  return std::nullopt;
}

// A number, or a string that holds one (graph.md 1.6, 7.12).
inline std::optional<std::int64_t> Int(const Element& object, std::string_view key) {
  std::int64_t value = 0;
  if (object[key].get_int64().get(value) == simdjson::SUCCESS) return value;
  const std::string_view text = Text(object, key);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!text.empty() && error == std::errc() && end == text.data() + text.size()) return value;
  return std::nullopt;
}

// Calls fn(element) for each entry of an array; false where the key holds no array.
template <class Fn>
bool Each(const Element& object, std::string_view key, Fn fn) {
  simdjson::dom::array array;
  if (object[key].get_array().get(array) != simdjson::SUCCESS) return false;
  for (const Element& entry : array) fn(entry);
  return true;
}

}  // namespace spa::json
