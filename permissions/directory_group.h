// DirectoryGroup: a group of the directory, or what its id turned out to be, with its direct
// members: what the cache keeps of it, and how Graph's answers become it (permissions.md 5).
//
// Immutable once made, safe to share between threads.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/graph/graph_client.h"
#include "core/model.h"
#include "permissions/packed_members.h"

namespace spa {

struct DirectoryGroup {
  DirectoryGroup() = default;
  DirectoryObject facts;  // of kind "group" or "directory_role"; its state says whether it is there
  PackedMembers members;
};

// A page of members or owners: `directoryObject`s with their kind in @odata.type. One that the
// application may not read comes with id and type alone.
Result<Page<Member>> DecodeMembers(std::string_view body);
// A user or a group, present or (from /directory/deletedItems) deleted.
Result<DirectoryObject> DecodePrincipal(std::string_view body);
Result<Page<DirectoryObject>> DecodePrincipals(std::string_view body);

// What the two decoders need to be asked for.
inline constexpr std::string_view kMemberFields =
    "id,displayName,userPrincipalName,mail,userType,accountEnabled,externalUserState,"
    "externalUserStateChangeDateTime";
inline constexpr std::string_view kGroupFields = "id,displayName,mail,groupTypes,visibility";

inline std::size_t CostOf(const DirectoryGroup& group) {
  return sizeof group + group.members.bytes() + group.facts.name.size();
}

// As texts, for the cache.
template <>
struct JsonFields<DirectoryObject> {
  static constexpr auto kFields = std::tuple(
      JsonField("id", &DirectoryObject::id), JsonField("kind", &DirectoryObject::kind),
      JsonField("state", &DirectoryObject::state), JsonField("name", &DirectoryObject::name),
      JsonField("login", &DirectoryObject::login), JsonField("email", &DirectoryObject::email),
      JsonField("user_type", &DirectoryObject::user_type),
      JsonField("account_enabled", &DirectoryObject::account_enabled),
      JsonField("external_state", &DirectoryObject::external_state),
      JsonField("external_since", &DirectoryObject::external_since),
      JsonField("deleted_at", &DirectoryObject::deleted_at),
      JsonField("group_types", &DirectoryObject::group_types),
      JsonField("visibility", &DirectoryObject::visibility));
};

template <>
struct JsonFields<DirectoryGroup> {
  static constexpr auto kFields = std::tuple(JsonField("facts", &DirectoryGroup::facts),
                                             JsonField("members", &DirectoryGroup::members));
};

namespace json_codec {

template <>
inline Json Write(const DirectoryObject::State& state) {
  return std::string(Name(state));
}
template <>
inline bool Read(const Json& json, DirectoryObject::State& state) {
  if (!json.is_string()) return false;
  using State = DirectoryObject::State;
  for (const State each : {State::kPresent, State::kDeleted, State::kMissing, State::kUnknown}) {
    if (json.get_ref<const std::string&>() != Name(each)) continue;
    state = each;
    return true;
  }
  return false;
}

}  // namespace json_codec
}  // namespace spa
