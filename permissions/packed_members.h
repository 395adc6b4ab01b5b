// PackedMembers: the members of a group as one block of bytes, for the cache. A Member has six
// strings; tens of thousands of them would weigh several times what they say.
//
// Immutable, safe to share between threads.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cache/json_codec.h"
#include "core/model.h"

namespace spa {

class PackedMembers {
 public:
  PackedMembers() = default;  // An empty group.
  explicit PackedMembers(std::span<const Member> members);

  std::vector<Member> Unpack() const;
  std::size_t bytes() const { return bytes_.size(); }

 private:
  std::string bytes_;
};

// What a cache counts for them.
inline std::size_t CostOf(const PackedMembers& members) { return sizeof members + members.bytes(); }

// A site group as a cache keeps it.
struct SiteGroupMembers {
  SiteGroupMembers() = default;
  std::string id;  // number
  std::string title;
  bool link = false;  // The hidden group of a sharing link, by its title and its owner.
  std::optional<bool> members_edit, auto_accept;
  PackedMembers members;
};

// Outside this process they are JSON, or as ValueFormat says; schema: cache/cache_policy.h.
template <>
struct JsonFields<Member> {
  static constexpr auto kFields = std::tuple(
      JsonField("id", &Member::id), JsonField("kind", &Member::kind),
      JsonField("name", &Member::name), JsonField("login", &Member::login),
      JsonField("email", &Member::email), JsonField("user_type", &Member::user_type),
      JsonField("account_enabled", &Member::account_enabled),
      JsonField("external_state", &Member::external_state),
      JsonField("external_since", &Member::external_since), JsonField("claim", &Member::claim));
};

namespace json_codec {

template <>
inline Json Write(const PackedMembers& members) {
  return Write(members.Unpack());
}
template <>
inline bool Read(const Json& json, PackedMembers& members) {
  std::vector<Member> unpacked;
  if (!Read(json, unpacked)) return false;
  members = PackedMembers(unpacked);
  return true;
}

}  // namespace json_codec

template <>
struct Codec<PackedMembers> {
  static std::string Encode(const PackedMembers& members, ValueFormat format = ValueFormat::kJson) {
    return json_codec::ToBytes(members, format);
  }
  static std::optional<PackedMembers> Decode(std::string_view bytes) {
    return json_codec::FromBytes<PackedMembers>(bytes);
  }
};

template <>
struct JsonFields<SiteGroupMembers> {
  static constexpr auto kFields = std::tuple(
      JsonField("id", &SiteGroupMembers::id), JsonField("title", &SiteGroupMembers::title),
      JsonField("link", &SiteGroupMembers::link),
      JsonField("members_edit", &SiteGroupMembers::members_edit),
      JsonField("auto_accept", &SiteGroupMembers::auto_accept),
      JsonField("members", &SiteGroupMembers::members));
};

}  // namespace spa
