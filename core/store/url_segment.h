// How a name stands in a URL: RFC 3986, every byte outside a path segment's alphabet escaped.
#pragma once

#include <string>
#include <string_view>

#include "core/sqlite.h"

namespace spa {

std::string UrlSegment(std::string_view name);
bool StandsForItself(std::string_view name);  // It is its own segment.

// SQL: url_segment(name), NULL where the name stands for itself.
void AddUrlSegmentFunction(sqlite::Database& db);

}  // namespace spa
