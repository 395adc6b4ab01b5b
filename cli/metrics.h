// The run summary as Prometheus text, for a node exporter's textfile collector.
#pragma once

#include <string>

#include "report/summary.h"

namespace spa {

// One gauge per number, "sharepoint_audit_" and its path in the summary joined by "_"; cache kinds
// are a label.
std::string PrometheusText(const RunSummary& summary);

}  // namespace spa
