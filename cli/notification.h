// Notification: tells others how an audit ended, whatever the end was: a webhook by POST
// (core/http/webhook.h), and a file that holds a mail. Nothing here changes how the audit ended:
// what fails is a warning in the log.
//
//   {"service": "sharepoint-audit", "event": "audit_ended", "at": "…", "exit_code": 3,
//    "outcome": "findings", "tenant_url": "…", "run_id": "…" or null,
//    "error": {"message": "…", "remedy": "…"} or null, "summary": the run summary or null}
//
// Of the summary's gaps the first hundred are sent; `gaps_left_out` counts the others.
//
// Threads: the main thread; Notify runs its own io_context to its end, at most about 20 s.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "cli/exit_code.h"
#include "core/config/config_loader.h"
#include "report/summary.h"

namespace spa {

struct AuditEnding {
  AuditEnding() = default;
  ExitCode exit = ExitCode::kDone;
  std::optional<RunSummary> summary;  // Nothing: the run never began.
  std::optional<Error> error;         // What ended it early.
};

// "findings", "coverage", … : the exit code as a word.
std::string_view OutcomeOf(ExitCode exit);

// `notify.` of the configuration with its secrets resolved, or what is wrong with it: kUsage.
Result<Config> PrepareNotification(LoadedConfig loaded,
                                   const std::map<std::string, std::string>& environment);

std::string NotificationJson(const AuditEnding& ending, const Config& config,
                             std::chrono::system_clock::time_point now);

// RFC 5322, as `sendmail -t` takes it. What comes from the tenant or from a service stands in the
// body alone, each line escaped and cut.
std::string MailText(const AuditEnding& ending, const Config& config, std::string_view host,
                     std::chrono::system_clock::time_point now);

// `config`: from PrepareNotification.
void Notify(const AuditEnding& ending, const Config& config);

}  // namespace spa
