// Answer: how a verb of `cache` says its result: as JSON where --json was given, else as tables
// made from the same JSON, so that there is one description of every answer.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/cache/verbs.h"

namespace spa {

using Json = nlohmann::ordered_json;

// Scalars as "name  value" lines, inner objects with dotted names; lists of objects as tables of
// their own under their name, lists of others one a line. Escaped for terminals.
std::string RenderJson(const Json& json);

Result<ExitCode> Answer(const CacheCall& call, const Json& json, ExitCode exit = ExitCode::kDone);

// The one word or value that a person wants to see, and the JSON for programs.
Result<ExitCode> Answer(const CacheCall& call, const Json& json, std::string_view plain,
                        ExitCode exit = ExitCode::kDone);

// A line about the answer, to standard error, where --quiet was not given.
void Remark(const CacheCall& call, std::string_view text);

}  // namespace spa
