// Encodings of the web that several rooms need: base64url, percent-encoding, fresh GUIDs.
//
// Threads: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace spa {

// Base64url without padding (RFC 4648 section 5).
std::string Base64Url(std::string_view bytes);

// Nothing where the text is no base64url; padding is allowed.
std::optional<std::string> Base64UrlDecode(std::string_view text);

// Percent-encodes all but the unreserved characters of RFC 3986: for query values, form fields and
// single path segments.
std::string UrlEncode(std::string_view text);

// Undoes percent-encoding; a "%" that begins no escape stays.
std::string UrlDecode(std::string_view text);

// A random GUID (version 4), lower case, from the system's random source.
std::string NewGuid();

}  // namespace spa
