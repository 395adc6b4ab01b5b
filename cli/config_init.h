// The questions of `config init`.
#pragma once

#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "core/config/config_document.h"
#include "core/result.h"

namespace spa {

// Shows a prompt and returns the line that was typed, or nothing at the end of input.
using Ask = std::function<std::optional<std::string>(const std::string& prompt)>;

// Values of keys by their path, as a flag has them. What is given is not asked for.
using GivenKeys = std::map<std::string, std::string>;

// Asks until each answer is one the loader accepts. Secrets are not asked for: the file gets the
// name of the variable or file that holds them. kUsage where the input ends early.
Result<ConfigAnswers> AskForConfig(const Ask& ask, const GivenKeys& given = {});

// The text of the file: the answers, and over them what was given. kUsage for a value that its key
// does not take.
Result<std::string> ConfigFileText(const ConfigAnswers& answers, const GivenKeys& given);

}  // namespace spa
