// Codec<T>: how a value becomes bytes for a second level, and back.
//
// A type joins in by specialising Codec in its own header. A kind whose type has no codec stays in
// memory. What cannot be decoded is a miss, never an error.
//
//   template <>
//   struct Codec<PackedMembers> {
//     static std::string Encode(const PackedMembers& members);
//     static std::optional<PackedMembers> Decode(std::string_view bytes);
//   };
//
// Strings are themselves; so whoever opens a kind as strings sees the bytes as they are.
//
// A type may offer several forms (cache/json_codec.h does for all that use it): its Encode takes a
// ValueFormat besides. Decode reads every form, whichever was chosen, so that processes with
// different settings share a store.
#pragma once

#include <concepts>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace spa {

enum class ValueFormat {
  kJson,  // Text, to be read by people.
  kMessagePack,
  kBinary,  // CBOR.
};

template <class T>
struct Codec;

template <>
struct Codec<std::string> {
  static std::string Encode(const std::string& value) { return value; }
  static std::optional<std::string> Decode(std::string_view bytes) { return std::string(bytes); }
};

template <class T>
concept Encodable = requires(const T& value, std::string_view bytes) {
  { Codec<T>::Encode(value) } -> std::convertible_to<std::string>;
  { Codec<T>::Decode(bytes) } -> std::convertible_to<std::optional<T>>;
};

template <class T>
concept HasFormats = requires(const T& value, ValueFormat format) {
  { Codec<T>::Encode(value, format) } -> std::convertible_to<std::string>;
};

}  // namespace spa
