// What pages are made of: the files of this folder and the chart library, put into the program when
// it is built (embed.cmake).
#pragma once

#include <string_view>

namespace spa::html {

extern const std::string_view kStyle;         // style.css
extern const std::string_view kPage;          // page.js: tables, sections, safe text
extern const std::string_view kCharts;        // charts.js: needs kChartLibrary before it
extern const std::string_view kReport;        // report.js: needs kPage and kCharts before it
extern const std::string_view kChartLibrary;  // D3, as Debian's node-d3 installs it
extern const std::string_view kChartLibraryLicence;

}  // namespace spa::html
