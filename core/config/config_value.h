// One value of one configuration key: from JSON or text into Config, and back for display.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/config/config_keys.h"
#include "core/result.h"

namespace spa {

using OrderedJson = nlohmann::ordered_json;

// "a whole number from 1 to 1000", "auto, 1.1 or 2", …
std::string Expectation(const ConfigKey& key);

// Checks and stores. null gives the default back. `where` ends the phrase "auth.tenant_id in …".
Status SetValue(Config& config, const ConfigKey& key, const OrderedJson& value,
                std::string_view where);

// A value as typed in a flag or an environment variable; what does not fit the key's type stays a
// string, for SetValue to refuse.
OrderedJson ValueFromText(const ConfigKey& key, std::string_view text);

enum class Secrets { kHidden, kShown };
// As JSON; unset texts are null. Hidden: a secret that is set is "***", and so is the password
// within a URL.
OrderedJson GetValue(const Config& config, const ConfigKey& key, Secrets secrets);

// The value that the key has when nobody sets it.
OrderedJson DefaultValue(const ConfigKey& key);

// The error that every refused value turns into.
tl::unexpected<Error> RefuseValue(const ConfigKey& key, std::string_view where,
                                  std::string_view fault, std::string remedy);

}  // namespace spa
