// ReportOfRun: the HTML report of a run, from the database alone.
//
// Errors: kUsage for an unknown run or one that did not finish, and as report/html_report.h.
#pragma once

#include <string>

#include "core/config/config.h"
#include "core/result.h"

namespace spa {

// `run_id` empty: the latest run that is complete or partial.
Result<std::string> ReportOfRun(const Config& config, const std::string& run_id);

}  // namespace spa
