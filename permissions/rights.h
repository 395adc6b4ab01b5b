// From what the services call a level to our four roles (permissions.md 1.4, 3.3).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/model.h"

namespace spa {

// Greater is more: kNone, kOther, kRead, kWrite, kOwner.
int Strength(Role role);

// A rights mask, all bindings of a principal OR-ed: by its bits, never by the level's name.
Role RoleOfMask(std::uint64_t mask);

// Graph's `roles`: the strongest counts. Unknown words, and an empty list (which may mean that the
// caller may not know), are kOther: present, but not known how far.
Role RoleOfGraph(std::span<const std::string> roles);

// "sp.view only" -> "view only"; empty for the plain words.
std::string LevelOfGraph(std::string_view role);

}  // namespace spa
