// What a failed answer of Graph or SharePoint means: its envelope read into an Error.
//
// Graph: {"error":{"code","message","innerError"|"innererror":{"code",…}}}, where the deepest code
// the program knows counts (graph.md 6.3). SharePoint REST:
// {"odata.error":{"code","message":{"value"}}} (permissions.md 3.1). Bodies that are not JSON occur
// and leave the HTTP status alone to speak.
#pragma once

#include <string>
#include <string_view>

#include "core/http/http_client.h"
#include "core/result.h"

namespace spa {

// `what` is the clause that goes in front: "reading the libraries of https://…".
Error ErrorFromAnswer(int status, const HttpHeaders& headers, std::string_view body,
                      std::string_view what);

}  // namespace spa
