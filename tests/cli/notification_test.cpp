#include "cli/notification.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "core/config/config_value.h"
#include "tests/catch.h"

namespace spa {
namespace {

using nlohmann::json;
using std::chrono::system_clock;

const auto kNow = system_clock::from_time_t(1795132800);  // 2026-11-20 00:00:00 UTC

Config Told() {
  Config config;
  config.tenant_url = "https://contoso.sharepoint.com";
  config.notify.mail_to = {"audit@contoso.com", "root"};
  return config;
}

AuditEnding Partial(std::size_t gaps) {
  AuditEnding ending;
  ending.exit = ExitCode::kCoverage;
  ending.summary.emplace();
  ending.summary->run_id = "run-1";
  ending.summary->status = "partial";
  ending.summary->mode = "full";
  ending.summary->counts.discovered = 100;
  ending.summary->counts.read = 90;
  for (std::size_t i = 0; i < gaps; ++i) {
    Gap gap;
    gap.url = "https://contoso.sharepoint.com/sites/" + std::to_string(i);
    gap.reason = "locked";
    ending.summary->gaps.push_back(gap);
  }
  return ending;
}

// The header lines, unfolded by hand: none may stand there that we did not write.
std::vector<std::string> Headers(const std::string& mail) {
  std::vector<std::string> lines;
  std::istringstream text(mail.substr(0, mail.find("\n\n")));
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("the word of an audit holds its exit code, its run and the summary") {
  const json told = json::parse(NotificationJson(Partial(2), Told(), kNow));

  CHECK(told["event"] == "audit_ended");
  CHECK(told["at"] == "2026-11-20T00:00:00Z");
  CHECK(told["exit_code"] == 6);
  CHECK(told["outcome"] == "coverage");
  CHECK(told["run_id"] == "run-1");
  CHECK(told["error"].is_null());
  CHECK(told["summary"]["coverage"]["gaps"].size() == 2);
  CHECK(told["gaps_left_out"] == 0);
}

TEST_CASE("of many gaps a hundred are told and the others counted") {
  const json told = json::parse(NotificationJson(Partial(130), Told(), kNow));

  CHECK(told["summary"]["coverage"]["gaps"].size() == 100);
  CHECK(told["gaps_left_out"] == 30);
}

TEST_CASE("an audit that never began is told with its error") {
  AuditEnding ending;
  ending.exit = ExitCode::kAuth;
  ending.error = Error(ErrorCode::kAuth, "refused: Bearer abcdefghijklmnop", "renew the secret");

  const json told = json::parse(NotificationJson(ending, Told(), kNow));

  CHECK(told["outcome"] == "authentication");
  CHECK(told["run_id"].is_null());
  CHECK(told["summary"].is_null());
  CHECK(told["error"]["remedy"] == "renew the secret");
  CHECK(told.dump().find("abcdefghijklmnop") == std::string::npos);
}

TEST_CASE("the mail has the headers sendmail needs, and the numbers in its body") {
  const std::string mail = MailText(Partial(30), Told(), "host.example", kNow);

  const auto headers = Headers(mail);
  CHECK(headers[0] == "From: sharepoint-audit@host.example");
  CHECK(headers[1] == "To: audit@contoso.com,");
  CHECK(headers[2] == " root");
  CHECK(headers[3] ==
        "Subject: SharePoint audit of contoso.sharepoint.com: coverage (exit code 6)");
  CHECK(headers[4] == "Date: Fri, 20 Nov 2026 00:00:00 +0000");
  CHECK(mail.find("\n\nThe audit could read less") != std::string::npos);
  CHECK(mail.find("Coverage:  90.00 % of 100 objects") != std::string::npos);
  CHECK(mail.find("- and 10 more") != std::string::npos);
}

TEST_CASE("nothing a tenant or a service says becomes a header, an end or an endless line") {
  AuditEnding ending = Partial(1);
  ending.summary->run_id = "run\r\nBcc: all@contoso.com";
  ending.summary->gaps[0].url = "https://x/\n.\n" + std::string(5000, 'a') + "\xE2\x80\xAE";
  ending.error = Error(ErrorCode::kForbidden, "no\r\n\r\nSubject: other", "x\ny");
  Config config = Told();
  config.tenant_url = "https://evil.example\r\nBcc: them";

  const std::string mail = MailText(ending, config, "h", kNow);

  for (const std::string& header : Headers(mail)) {
    const bool ours = header.starts_with("From: ") || header.starts_with("To: ") ||
                      header.starts_with(" ") || header.starts_with("Subject: ") ||
                      header.starts_with("Date: ") || header.starts_with("Message-ID: <") ||
                      header == "Auto-Submitted: auto-generated" || header == "MIME-Version: 1.0" ||
                      header == "Content-Type: text/plain; charset=utf-8" ||
                      header == "Content-Transfer-Encoding: 8bit";
    INFO(header);
    CHECK(ours);
  }
  CHECK(mail.find('\r') == std::string::npos);
  std::istringstream lines(mail);
  for (std::string line; std::getline(lines, line);) {
    CHECK(line.size() <= 998);
    CHECK(line != ".");
    CHECK_FALSE(line.starts_with("Bcc"));
  }
}

TEST_CASE("a mail address cannot bring another header or address along") {
  const ConfigKey& key = *FindConfigKey("notify.mail_to");
  for (const char* good :
       {"audit@contoso.com", "root", "a.b+c@x-y.example", "it_team@contoso.co.uk"}) {
    Config config;
    INFO(good);
    CHECK(SetValue(config, key, OrderedJson::array({good}), "test"));
  }
  for (const char* bad :
       {"", "a@b\nBcc: c@d", "a@b\r\n\r\nx", "a@b,c@d", "Me <a@b>", "a b@c", "@host", "a@", "a@.b",
        "a@b.", "a@-b", "-t@b", "\"q\"@b", "ä@b", "a@b c", "a\t@b"}) {
    Config config;
    INFO(bad);
    CHECK_FALSE(SetValue(config, key, OrderedJson::array({bad}), "test"));
  }
}

TEST_CASE("a mail to nobody and a webhook in the clear are refused before the audit") {
  LoadedConfig loaded;
  for (const ConfigKey& key : ConfigKeys()) loaded.origins[std::string(key.path)] = "default";
  loaded.config.notify.mail_file = "mail";
  CHECK(PrepareNotification(loaded, {}).error().code == ErrorCode::kUsage);

  loaded.config.notify.mail_file.clear();
  loaded.config.notify.webhook_url = Secret("http://example.com/hook");
  CHECK(PrepareNotification(loaded, {}).error().code == ErrorCode::kUsage);
  loaded.config.notify.webhook_url = Secret("env:HOOK");
  CHECK(PrepareNotification(loaded, {{"HOOK", "https://example.com/hook"}}));
}

}  // namespace spa
