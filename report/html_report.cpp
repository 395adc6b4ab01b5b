#include "report/html_report.h"

#include "report/html/page.h"
#include "report/report_data.h"

namespace spa {

Result<std::string> HtmlReport(sqlite::Database& db, const RunInfo& run) {
  const auto data = ReportData(db, run);
  if (!data) return Fail(data.error());
  const std::string_view scripts[] = {html::kChartLibrary, html::kPage, html::kCharts,
                                      html::kReport};
  return HtmlPage("SharePoint access report", scripts, *data);
}

}  // namespace spa
