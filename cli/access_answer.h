// How the commands `who` to `whatif` say what they found: JSON for programs, tables and lines for
// people. Texts of a tenant are escaped on their way to a terminal.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cli/access_model.h"
#include "cli/exit_code.h"

namespace spa::answer {

using Json = nlohmann::ordered_json;

Json OrNull(std::string_view text);
Json PrincipalJson(const Principal& principal);
Json ObjectJson(ObjectType type, std::string_view id, std::string_view url);
Json PathsJson(const Reach& reach);
// role, needs_link, blocked_by, paths, more_paths
void PutReach(Json& json, const Reach& reach);

// "Pam Ito <pam@fabrikam.com>", a group's name or id, an audience.
std::string CallName(const Principal& principal);
// The first path, and how many more there are.
std::string WaysText(const Reach& reach);

Result<ExitCode> PrintJson(const Json& json);

}  // namespace spa::answer
