// The description of the server's routes: docs/openapi.json, built in.
#pragma once

#include <string_view>

namespace spa {

extern const std::string_view kOpenApi;

}  // namespace spa
