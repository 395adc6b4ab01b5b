// HtmlPage: one HTML file that needs nothing else: style, scripts and data are in it, and its
// policy forbids every request and every script but these.
//
// Nothing a tenant says becomes markup. It is data: JSON in a script block of a type that is not
// executed, in which no "<" is left, so that no text ends the block. Scripts read it with page.data
// and put it into the page with page.el, which makes elements and text, never HTML (page.js).
//
//   const std::string_view kScripts[] = {html::kPage, html::kDiff};
//   WriteWholeFile(path, HtmlPage("What changed", kScripts, json.dump(…)), true);
//
// A script of one's own begins with `const { data, el, section, table } = page;`: page.js says what
// each does. Where kChartLibrary is among the scripts, its licence goes along.
//
// Threads: any. Errors: none.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "report/html/assets.h"

namespace spa {

// `json`: one JSON value in valid UTF-8 (nlohmann's dump with error_handler_t::replace).
std::string HtmlPage(std::string_view title, std::span<const std::string_view> scripts,
                     std::string_view json);

}  // namespace spa
