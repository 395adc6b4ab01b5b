// JsonFields<T>: makes a plain struct one that a cache can keep outside this process, and weigh, by
// naming its fields once:
//
//   template <>
//   struct JsonFields<Site> {
//     static constexpr auto kFields =
//         std::tuple(JsonField("id", &Site::id), JsonField("web_url", &Site::web_url));
//   };
//
// It gives Codec<Site>, Codec<std::vector<Site>> (JSON text, readable in redis-cli, or one of the
// other forms of ValueFormat) and CostOf.
// Fields may be strings, numbers, booleans, optional ones, and structs or vectors of structs that
// have JsonFields themselves, or whatever specialises json_codec::Write and Read. What is as in a
// new T is left out; what is unknown is passed over; a value of
// the wrong type makes the whole a miss.
//
// Threads: any.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "cache/codec.h"
#include "cache/cost.h"

namespace spa {

template <class T, class M>
struct JsonField {
  constexpr JsonField(const char* name, M T::*member) : name(name), member(member) {}
  const char* name;
  M T::*member;
};

template <class T>
struct JsonFields;

template <class T>
concept HasJsonFields = requires {
  JsonFields<T>::kFields;
};

namespace json_codec {

using Json = nlohmann::json;

template <class V>
Json Write(const V& value);
template <class V>
bool Read(const Json& json, V& value);

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class V>
bool IsDefault(const V& value, const V& by_default) {
  if constexpr (IsVector<V>::value) {
    return value.empty();
  } else if constexpr (requires { value == by_default; }) {
    return value == by_default;
  } else {
    return false;
  }
}

template <class V>
Json Write(const V& value) {
  if constexpr (HasJsonFields<V>) {
    Json object = Json::object();
    const V by_default;
    const auto put = [&](const auto& field) {
      const auto& member = value.*field.member;
      if (!IsDefault(member, by_default.*field.member)) object[field.name] = Write(member);
    };
    std::apply([&](const auto&... field) { (put(field), ...); }, JsonFields<V>::kFields);
    return object;
  } else if constexpr (IsVector<V>::value) {
    Json array = Json::array();
    for (const auto& entry : value) array.push_back(Write(entry));
    return array;
  } else if constexpr (IsOptional<V>::value) {
    return value ? Write(*value) : Json();
  } else {
    return value;
  }
}

template <class V>
bool Read(const Json& json, V& value) {
  if constexpr (HasJsonFields<V>) {
    if (!json.is_object()) return false;
    const auto take = [&](const auto& field) {
      const auto at = json.find(field.name);
      return at == json.end() || Read(*at, value.*field.member);
    };
    return std::apply([&](const auto&... field) { return (take(field) && ...); },
                      JsonFields<V>::kFields);
  } else if constexpr (IsVector<V>::value) {
    if (!json.is_array()) return false;
    value.resize(json.size());
    for (std::size_t i = 0; i < json.size(); ++i) {
      if (!Read(json[i], value[i])) return false;
    }
    return true;
  } else if constexpr (IsOptional<V>::value) {
    return Read(json, value.emplace());
  } else if constexpr (std::is_same_v<V, std::string>) {
    if (!json.is_string()) return false;
    value = json.get_ref<const std::string&>();
    return true;
  } else if constexpr (std::is_same_v<V, bool>) {
    if (!json.is_boolean()) return false;
    value = json.get<bool>();
    return true;
  } else {
    static_assert(std::is_integral_v<V>);
    if (!json.is_number_integer()) return false;
    value = json.get<V>();
    return true;
  }
}

// The mark that says of itself "this is CBOR" (RFC 8949, 3.4.6). No object or array begins so, in
// neither JSON nor MessagePack.
inline constexpr std::string_view kCborMark = "\xd9\xd9\xf7";

template <class V>
std::string ToBytes(const V& value, ValueFormat format = ValueFormat::kJson) {
  const Json json = Write(value);
  std::string bytes;
  switch (format) {
    case ValueFormat::kJson:
      return json.dump(-1, ' ', false, Json::error_handler_t::replace);
    case ValueFormat::kMessagePack:
      Json::to_msgpack(json, bytes);
      break;
    case ValueFormat::kBinary:
      bytes = kCborMark;
      Json::to_cbor(json, bytes);
      break;
  }
  return bytes;
}

// An object or an array, in whichever form.
inline Json Parse(std::string_view bytes) {
  if (bytes.starts_with(kCborMark)) {
    return Json::from_cbor(bytes.substr(kCborMark.size()), true, false);
  }
  if (!bytes.empty() && static_cast<unsigned char>(bytes[0]) >= 0x80) {
    return Json::from_msgpack(bytes, true, false);
  }
  return Json::parse(bytes, nullptr, false);
}

template <class V>
std::optional<V> FromBytes(std::string_view bytes) {
  const Json json = Parse(bytes);
  V value;
  if (json.is_discarded() || !Read(json, value)) return std::nullopt;
  return value;
}

}  // namespace json_codec

template <HasJsonFields T>
struct Codec<T> {
  static std::string Encode(const T& value, ValueFormat format = ValueFormat::kJson) {
    return json_codec::ToBytes(value, format);
  }
  static std::optional<T> Decode(std::string_view bytes) { return json_codec::FromBytes<T>(bytes); }
};

template <HasJsonFields T>
struct Codec<std::vector<T>> {
  static std::string Encode(const std::vector<T>& value, ValueFormat format = ValueFormat::kJson) {
    return json_codec::ToBytes(value, format);
  }
  static std::optional<std::vector<T>> Decode(std::string_view bytes) {
    return json_codec::FromBytes<std::vector<T>>(bytes);
  }
};

template <HasJsonFields T>
std::size_t CostOf(const T& value) {
  std::size_t bytes = sizeof value;
  const auto weigh = [&](const auto& field) {
    const auto& member = value.*field.member;
    using Member = std::remove_cvref_t<decltype(member)>;
    if constexpr (!std::is_trivially_copyable_v<Member>) bytes += CostOf(member) - sizeof member;
  };
  std::apply([&](const auto&... field) { (weigh(field), ...); }, JsonFields<T>::kFields);
  return bytes;
}

}  // namespace spa
