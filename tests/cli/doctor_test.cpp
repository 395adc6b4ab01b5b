#include "cli/doctor.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/catch.h"

namespace spa {
namespace {

using namespace std::chrono_literals;
using std::chrono::system_clock;

const std::vector<std::string> kAllRoles = {"Sites.FullControl.All", "GroupMember.Read.All",
                                            "User.Read.All", "SharePointTenantSettings.Read.All",
                                            "AuditLog.Read.All"};

// "consent: sites ok, consent: groups warning, …"
std::string States(const std::vector<Check>& checks) {
  std::string text;
  for (const Check& check : checks) {
    if (!text.empty()) text += ", ";
    text += check.name + ' ' + std::string(Name(check.state));
  }
  return text;
}

}  // namespace

TEST_CASE("a token with all roles passes") {
  CHECK(States(CheckRoles(Api::kGraph, kAllRoles, Config())) ==
        "consent: sites ok, consent: permissions ok, consent: groups ok, consent: users ok, "
        "consent: sharing settings ok, consent: sign-ins ok");
  CHECK(States(CheckRoles(Api::kSharePoint, {"Sites.FullControl.All"}, Config())) ==
        "consent: SharePoint ok");
}

TEST_CASE("roles that only narrow the audit are warned of, with the permission to consent to") {
  const auto checks = CheckRoles(Api::kGraph, {"Sites.Read.All"}, Config());

  CHECK(States(checks) ==
        "consent: sites ok, consent: permissions warning, consent: groups warning, consent: users "
        "warning, consent: sharing settings warning, consent: sign-ins warning");
  CHECK(checks[2].remedy ==
        "consent to the application permission GroupMember.Read.All of Microsoft Graph");
  CHECK(ExitOf(checks) == ExitCode::kDone);
}

TEST_CASE("wider directory roles do as well") {
  CHECK(
      States(CheckRoles(Api::kGraph, {"Sites.FullControl.All", "Directory.Read.All"}, Config())) ==
      "consent: sites ok, consent: permissions ok, consent: groups ok, consent: users ok, consent: "
      "sharing settings warning, consent: sign-ins warning");
}

TEST_CASE("a token without any role is a matter of consent") {
  const auto checks = CheckRoles(Api::kGraph, {}, Config());

  CHECK(States(checks) == "consent: Microsoft Graph failed");
  CHECK(ExitOf(checks) == ExitCode::kAuth);
}

TEST_CASE("consent to single sites is enough for those sites only") {
  const std::vector<std::string> roles = {"Sites.Selected", "GroupMember.Read.All",
                                          "User.Read.All"};
  CHECK(CheckRoles(Api::kGraph, roles, Config()).front().state == CheckState::kFailed);

  Config config;
  config.target_sites = {"https://contoso.sharepoint.com/sites/hr"};
  CHECK(CheckRoles(Api::kGraph, roles, config).front().state == CheckState::kWarning);
}

TEST_CASE("clocks may be a minute apart, five minutes break sign-in") {
  const auto there = system_clock::from_time_t(1767323045);  // 2026-01-02 03:04:05 UTC
  const auto [offset, state] = GENERATE(table<std::chrono::seconds, CheckState>({
      {0s, CheckState::kOk},
      {60s, CheckState::kOk},
      {-61s, CheckState::kWarning},
      {300s, CheckState::kWarning},
      {-301s, CheckState::kFailed},
  }));

  CHECK(CheckClock("Fri, 02 Jan 2026 03:04:05 GMT", there + offset).state == state);
}

TEST_CASE("the clock check says in which direction the clock is wrong") {
  const auto there = system_clock::from_time_t(1767323045);

  CHECK(CheckClock("Fri, 02 Jan 2026 03:04:05 GMT", there + 400s).detail ==
        "this machine is 400 s ahead of the sign-in service");
  CHECK(CheckClock("Fri, 02 Jan 2026 03:04:05 GMT", there - 400s).detail ==
        "this machine is 400 s behind the sign-in service");
  CHECK(CheckClock("", there).state == CheckState::kSkipped);
}

TEST_CASE("a certificate is warned of in its last month and refused after it") {
  const auto now = system_clock::from_time_t(1767323045);
  const auto day = 24h;
  const auto state = [&](system_clock::duration from, system_clock::duration to) {
    return CheckCertificateDates("CN=x", now + from, now + to, now).state;
  };

  CHECK(state(-day, 31 * day) == CheckState::kOk);
  CHECK(state(-day, 29 * day) == CheckState::kWarning);
  CHECK(state(-2 * day, -day) == CheckState::kFailed);
  CHECK(state(day, 31 * day) == CheckState::kFailed);
  CHECK(CheckCertificateDates("CN=x", now - day, now - 1s, now).detail ==
        "CN=x expired on 2026-01-02");
  CHECK(CheckCertificateDates("CN=x", now - day, now - 1s, now).exit == ExitCode::kAuth);
}

TEST_CASE("a database that is not there yet is fine, one that is none is not") {
  CHECK(CheckDatabase("nowhere.db").state == CheckState::kOk);

  std::ofstream("foreign.db")
      << "this is no database, whatever its name says, and long enough to look like one";
  CHECK(CheckDatabase("foreign.db").state == CheckState::kFailed);
  std::filesystem::remove("foreign.db");
}

TEST_CASE("a directory that is not there has no room") {
  CHECK(CheckDisk("/nowhere/at/all/audit.db").state == CheckState::kFailed);
  CHECK(CheckDisk("/nowhere/at/all/audit.db").exit == ExitCode::kUsage);
}

TEST_CASE("without a usable configuration the doctor still looks at the database") {
  ConfigSources sources;
  sources.flags = {{"db.path", "nowhere.db"}};

  const auto checks = RunDoctor(LoadConfig(sources), {});

  CHECK(checks.front().name == "configuration");
  CHECK(checks.front().state == CheckState::kFailed);
  CHECK(checks[1].name == "database");
  CHECK(ExitOf(checks) == ExitCode::kUsage);
}

TEST_CASE("the first failure decides the exit code, because it causes the others") {
  const std::vector<Check> checks = {
      Check("a", CheckState::kWarning, ""),
      Check("b", Error(ErrorCode::kAuth, "refused", "try again")),
      Check("c", Error(ErrorCode::kUnreachable, "gone")),
  };

  CHECK(ExitOf(checks) == ExitCode::kAuth);
  CHECK(ExitOf({checks.front()}) == ExitCode::kDone);
}

TEST_CASE("the doctor's report shows remedies where something is to be done") {
  const std::vector<Check> checks = {
      Check("a", CheckState::kOk, "fine", "nothing"),
      Check("b", Error(ErrorCode::kUnreachable, "gone", "plug it in")),
  };

  CHECK(RenderChecks(checks) ==
        "CHECK  STATE   DETAIL\n"
        "a      ok      fine\n"
        "b      failed  gone\n"
        "               -> plug it in\n");
  const auto json = nlohmann::json::parse(RenderChecksJson(checks));
  CHECK(json["exit_code"] == 5);
  CHECK(json["checks"][1]["remedy"] == "plug it in");
  CHECK(json["checks"][1]["state"] == "failed");
}

}  // namespace spa
