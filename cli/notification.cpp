#include "cli/notification.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include "cli/files.h"
#include "cli/run_loop.h"
#include "core/clock.h"
#include "core/encoding.h"
#include "core/http/url.h"
#include "core/http/webhook.h"
#include "core/log/log.h"
#include "core/log/terminal_text.h"
#include "core/store/run_lock.h"

namespace spa {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::system_clock;

constexpr std::size_t kMostGapsSent = 100;
constexpr std::size_t kMostGapsMailed = 20;
constexpr std::size_t kLongestLine = 500;  // RFC 5322 allows 998 bytes.

struct Outcome {
  ExitCode exit;
  std::string_view word, sentence;
};
constexpr std::array kOutcomes = {
    Outcome{ExitCode::kDone, "done", "The audit is done."},
    Outcome{ExitCode::kFailure, "failure", "The audit failed."},
    Outcome{ExitCode::kUsage, "configuration", "The audit could not begin: its configuration."},
    Outcome{ExitCode::kFindings, "findings", "The audit found what --fail-on asks about."},
    Outcome{ExitCode::kAuth, "authentication", "The audit was not let in: sign-in or consent."},
    Outcome{ExitCode::kUnreachable, "unreachable",
            "The tenant could not be reached, or only throttled. The run can be resumed."},
    Outcome{ExitCode::kCoverage, "coverage", "The audit could read less than --min-coverage."},
    Outcome{ExitCode::kBusy, "busy", "Another run holds the database."},
    Outcome{ExitCode::kInterrupted, "interrupted",
            "The audit was interrupted. The run can be resumed."},
};

const Outcome& RowOf(ExitCode exit) {
  const auto found = std::find_if(kOutcomes.begin(), kOutcomes.end(),
                                  [&](const Outcome& row) { return row.exit == exit; });
  return found == kOutcomes.end() ? kOutcomes[1] : *found;
}

// One line, whatever the text holds.
std::string Line(std::string_view text) {
  std::string line = EscapeForTerminal(log::Redact(std::string(text)));
  if (line.size() > kLongestLine) {
    line.resize(kLongestLine);
    while (!line.empty() && (line.back() & 0xC0) == 0x80) line.pop_back();
    if (!line.empty() && (line.back() & 0x80) != 0) line.pop_back();
    line += "...";
  }
  return line + '\n';
}

std::string SummaryLines(const RunSummary& s) {
  const StoreCounts& c = s.counts;
  std::string text = Line(fmt::format("Run:       {} ({}, {})", s.run_id, s.mode, s.status));
  text += Line(fmt::format("Time:      {} to {}", s.started_at, s.finished_at));
  text +=
      Line(fmt::format("Objects:   {} sites, {} libraries, {} folders, {} files, {} lists, {} "
                       "list items",
                       c.sites, c.libraries, c.folders, c.files, c.lists, c.list_items));
  text += Line(fmt::format("Grants:    {}, of them links {}, external {}, anonymous {}", c.grants,
                           c.links, c.external, c.anonymous));
  text += Line(fmt::format("Findings:  {} critical, {} high, {} medium, {} low, {} info",
                           s.findings.open[static_cast<int>(Severity::kCritical)],
                           s.findings.open[static_cast<int>(Severity::kHigh)],
                           s.findings.open[static_cast<int>(Severity::kMedium)],
                           s.findings.open[static_cast<int>(Severity::kLow)],
                           s.findings.open[static_cast<int>(Severity::kInfo)]));
  text += Line(fmt::format("Coverage:  {:.2f} % of {} objects, {} not read", CoveragePercent(c),
                           c.discovered, c.failed));
  if (s.gaps.empty()) return text;
  text += "\nWhat could not be read:\n";
  const std::size_t shown = std::min(s.gaps.size(), kMostGapsMailed);
  for (std::size_t i = 0; i < shown; ++i) {
    text += Line(fmt::format("- {}: {}", s.gaps[i].url, s.gaps[i].reason));
  }
  if (s.gaps.size() > shown) {
    text += fmt::format("- and {} more: sharepoint-audit export coverage\n", s.gaps.size() - shown);
  }
  return text;
}

}  // namespace

std::string_view OutcomeOf(ExitCode exit) { return RowOf(exit).word; }

Result<Config> PrepareNotification(LoadedConfig loaded,
                                   const std::map<std::string, std::string>& environment) {
  if (auto resolved = ResolveSecrets(loaded, environment, "notify."); !resolved) {
    return Fail(resolved.error());
  }
  const NotifyConfig& notify = loaded.config.notify;
  if (auto fine = Webhook::Check("notify.webhook_url", notify.webhook_url); !fine) {
    return Fail(fine.error());
  }
  if (!notify.mail_file.empty() && notify.mail_to.empty()) {
    return Fail(ErrorCode::kUsage, "notify.mail_file is set, but notify.mail_to is not",
                "say who gets the mail: notify.mail_to, --mail-to");
  }
  return std::move(loaded.config);
}

std::string NotificationJson(const AuditEnding& ending, const Config& config,
                             system_clock::time_point now) {
  Json json;
  json["service"] = "sharepoint-audit";
  json["event"] = "audit_ended";
  json["at"] = UtcText(now);
  json["exit_code"] = static_cast<int>(ending.exit);
  json["outcome"] = OutcomeOf(ending.exit);
  json["tenant_url"] = config.tenant_url;
  json["run_id"] = ending.summary ? Json(ending.summary->run_id) : Json();
  json["error"] = nullptr;
  if (ending.error) {
    json["error"] = {{"message", log::Redact(ending.error->message)},
                     {"remedy", log::Redact(ending.error->remedy)}};
  }
  json["summary"] = nullptr;
  if (ending.summary) {
    RunSummary summary = *ending.summary;
    const std::size_t all = summary.gaps.size();
    if (all > kMostGapsSent) summary.gaps.resize(kMostGapsSent);
    json["summary"] = Json::parse(ToJson(summary), nullptr, /*allow_exceptions=*/false);
    json["gaps_left_out"] = all - summary.gaps.size();
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string MailText(const AuditEnding& ending, const Config& config, std::string_view host,
                     system_clock::time_point now) {
  const NotifyConfig& notify = config.notify;
  const std::string sender =
      notify.mail_from.empty() ? fmt::format("sharepoint-audit@{}", host) : notify.mail_from;
  // The host of an address that was checked when it was read: letters, digits, dots.
  std::string tenant = SplitUrl(config.tenant_url).host;
  std::erase_if(tenant, [](char c) { return c <= ' ' || c > '~'; });
  std::string text = fmt::format("From: {}\nTo: {}\n", sender, fmt::join(notify.mail_to, ",\n "));
  text += fmt::format("Subject: SharePoint audit {}{}: {} (exit code {})\n",
                      tenant.empty() ? "" : "of ", tenant, OutcomeOf(ending.exit),
                      static_cast<int>(ending.exit));
  text += fmt::format("Date: {:%a, %d %b %Y %H:%M:%S} +0000\n",
                      fmt::gmtime(system_clock::to_time_t(now)));
  text += fmt::format("Message-ID: <{}@{}>\n", NewGuid(), host);
  text +=
      "Auto-Submitted: auto-generated\nMIME-Version: 1.0\n"
      "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n";
  text += Line(RowOf(ending.exit).sentence);
  text += '\n';
  if (ending.error) {
    text += Line("Error:     " + ending.error->message);
    if (!ending.error->remedy.empty()) text += Line("Remedy:    " + ending.error->remedy);
    text += '\n';
  }
  if (ending.summary) text += SummaryLines(*ending.summary);
  return text;
}

void Notify(const AuditEnding& ending, const Config& config) {
  const NotifyConfig& notify = config.notify;
  const auto now = system_clock::now();
  if (!notify.mail_file.empty()) {
    std::string host = HostName();
    std::erase_if(host, [](char c) {
      return !(std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.');
    });
    if (host.empty()) host = "localhost";
    const auto written =
        WriteWholeFile(notify.mail_file, MailText(ending, config, host, now), /*overwrite=*/true);
    if (!written) {
      log::Warn("the mail about the audit could not be written",
                {{"reason", written.error().message}});
    }
  }
  if (notify.webhook_url.empty()) return;
  asio::io_context io;
  ConcurrencyManager concurrency(io, {});
  HttpClient http(io, concurrency, HttpOptionsOf(config));
  Webhook webhook(http);
  webhook.Set(notify.webhook_url, notify.webhook_key);
  Status told = Fail(ErrorCode::kUnreachable, "interrupted");
  const std::string body = NotificationJson(ending, config, now);
  const auto post = [&]() -> Task<void> { told = co_await webhook.Post(body); };
  const Ending sent = RunUntilSignal(io, post());
  if (told) return;
  const std::string reason = sent.interrupted ? "interrupted" : told.error().message;
  log::Warn("nobody took the word of how the audit ended",
            {{"host", webhook.host()}, {"reason", reason}});
}

}  // namespace spa
