// TokenError: what a failed answer of a token endpoint means, read into an Error.
//
// The code follows the HTTP status and the field `error`; the AADSTS number only chooses the
// advice, because numbers and texts change (graph.md 1.3, 1.4). kThrottled (429) and kUnreachable
// (5xx, temporarily_unavailable, passing numbers) may succeed when tried again; kAuth does not.
//
// The message holds the AADSTS number and the first sentence of the description; the service's
// trace id is the Error's request_id. Whatever the answer repeats of `secret`, or looks like a
// token, is replaced by "***".
#pragma once

#include <chrono>
#include <string_view>

#include "core/http/http_client.h"
#include "core/result.h"

namespace spa {

// `what` is the clause that goes in front: "signing in at login.microsoftonline.com as 9b7d…".
Error ErrorFromTokenAnswer(const HttpResponse& answer, std::string_view what,
                           std::string_view secret, std::chrono::system_clock::time_point now);

}  // namespace spa
