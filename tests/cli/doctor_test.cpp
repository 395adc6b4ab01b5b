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
  const std::string& remedy = checks[2].remedy;
  CHECK(remedy.starts_with(
      "consent to the application permission GroupMember.Read.All of Microsoft Graph: "));
  CHECK(remedy.find("--api 00000003-0000-0000-c000-000000000000 --api-permissions "
                    "98830695-27a2-44f7-8c18-0c3ebc9698f6=Role") != std::string::npos);
  CHECK(remedy.find("admin-consent") != std::string::npos);
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

namespace {

HostProbe Shown(const std::string& issuer, HostProbe::Stage stage = HostProbe::Stage::kDone) {
  HostProbe probe;
  probe.host = "login.microsoftonline.com";
  probe.addresses = {"192.0.2.1"};
  probe.failed_at = stage;
  probe.failure = stage == HostProbe::Stage::kDone ? "" : "self-signed certificate in chain";
  ShownCertificate& own = probe.chain.emplace_back();
  own.subject = "CN=login.microsoftonline.com";
  own.issuer = issuer;
  own.not_after = system_clock::from_time_t(1767323045) + 90 * 24h;
  return probe;
}

const auto kThen = system_clock::from_time_t(1767323045);  // 2026-01-02

}  // namespace

TEST_CASE("a certificate of Microsoft's is fine, another one there names who opens the traffic") {
  CHECK(States(CheckWay(Shown("CN=DigiCert SHA2,O=DigiCert Inc,C=US"), kThen)) ==
        "dns ok, proxy ok, tls ok");
  const auto opened = CheckWay(Shown("CN=Proxy CA,O=Contoso"), kThen);
  CHECK(States(opened) == "dns ok, proxy ok, tls warning");
  CHECK(opened[2].detail.find("CN=Proxy CA,O=Contoso") != std::string::npos);
  CHECK(opened[2].detail.find("a proxy on the way") != std::string::npos);
  const auto refused = CheckWay(Shown("CN=Proxy CA,O=Contoso", HostProbe::Stage::kTrust), kThen);
  CHECK(States(refused) == "dns ok, proxy ok, tls failed");
  CHECK(refused[2].detail.find("a proxy on the way") != std::string::npos);
  CHECK(refused[2].remedy.find("tls.ca_file") != std::string::npos);
  CHECK(ExitOf(refused) == ExitCode::kUnreachable);

  HostProbe own = Shown("CN=Our CA,O=Contoso");
  own.host = "graph.contoso.example";
  CHECK(States(CheckWay(own, kThen)) == "dns ok, proxy ok, tls ok");
  CHECK(States(CheckWay(own, kThen + 86 * 24h)) == "dns ok, proxy ok, tls warning");
}

TEST_CASE("a name without an address, a proxy that refuses and a closed door each say what to do") {
  using Stage = HostProbe::Stage;
  HostProbe probe;
  probe.host = "login.microsoftonline.com";
  probe.failure = "Name or service not known";
  probe.failed_at = Stage::kName;
  const auto name = CheckWay(probe, kThen);
  CHECK(States(name) == "dns failed");
  probe.failed_at = Stage::kConnection;
  const auto door = CheckWay(probe, kThen);
  CHECK(States(door) == "dns ok, proxy ok, connection failed");
  probe.proxy = "http://proxy:3128";
  probe.failed_at = Stage::kProxy;
  const auto silent = CheckWay(probe, kThen);
  CHECK(States(silent) == "dns ok, proxy failed");
  probe.proxy_status = 403;
  const auto refuses = CheckWay(probe, kThen);
  CHECK(refuses[1].detail ==
        "http://proxy:3128 refuses to connect to login.microsoftonline.com: HTTP 403");
  probe.proxy_status = 407;
  CHECK(CheckWay(probe, kThen)[1].remedy.find("USER:PASSWORD") != std::string::npos);
  for (const auto& checks : {name, door, silent, refuses}) {
    CHECK_FALSE(checks.back().remedy.empty());
    CHECK(ExitOf(checks) == ExitCode::kUnreachable);
  }
}

TEST_CASE("the proxy is the one libcurl would take") {
  const std::map<std::string, std::string> environment = {
      {"https_proxy", "http://u:p@proxy:3128"}, {"no_proxy", "internal.example, .sharepoint.com"}};
  CHECK(ProxyFor("https://graph.microsoft.com/v1.0", environment) == "http://u:p@proxy:3128");
  CHECK(ProxyFor("https://contoso.sharepoint.com", environment).empty());
  CHECK(ProxyFor("https://a.internal.example", environment).empty());
  CHECK(ProxyFor("https://notinternal.example", environment) == "http://u:p@proxy:3128");
  CHECK(ProxyFor("https://127.0.0.1:8080", environment).empty());
  CHECK(ProxyFor("http://example.com", environment).empty());
  CHECK(ProxyFor("https://example.com", {{"ALL_PROXY", "x"}, {"NO_PROXY", "*"}}).empty());
}

TEST_CASE("of several secrets the one with our first letters tells its end") {
  const Secret secret("abcdef");
  const auto answer = [](const std::string& end) {
    return R"({"passwordCredentials": [{"hint": "xyz", "endDateTime": "2020-01-01T00:00:00Z"},
                                       {"hint": "abc", "endDateTime": ")" +
           end + R"("}]})";
  };
  CHECK(CheckSecretEnd(answer("2026-12-01T00:00:00Z"), secret, kThen).state == CheckState::kOk);
  CHECK(CheckSecretEnd(answer("2026-01-20T00:00:00.123Z"), secret, kThen).state ==
        CheckState::kWarning);
  const Check ended = CheckSecretEnd(answer("2026-01-01T00:00:00Z"), secret, kThen);
  CHECK(ended.state == CheckState::kFailed);
  CHECK(ended.exit == ExitCode::kAuth);
  CHECK(ended.detail == "it ended on 2026-01-01");
  for (const char* other : {"", "{}", "[]", R"({"passwordCredentials": [7]})", "no json"}) {
    CHECK(CheckSecretEnd(other, secret, kThen).state == CheckState::kSkipped);
  }
}

TEST_CASE("what may be spent is configured, told by licences or the service, or a guess") {
  const char* skus =
      R"({"value": [{"prepaidUnits": {"enabled": 900}, "servicePlans": [{"servicePlanName": "SHAREPOINTSTANDARD"}]},
                    {"prepaidUnits": {"enabled": 200}, "servicePlans": [{"servicePlanName": "SHAREPOINTENTERPRISE"}]},
                    {"prepaidUnits": {"enabled": 90000}, "servicePlans": [{"servicePlanName": "EXCHANGE_S"}]}]})";
  CHECK(CheckThrottleClass(skus, "", 0).detail ==
        "a guess from 1,100 licences with SharePoint: 2,500 resource units a minute, 2,400,000 a "
        "day");
  CHECK(CheckThrottleClass(skus, "", 3000).detail ==
        "3,000 resource units a minute, as configured");
  CHECK(CheckThrottleClass("", "1250", 0).detail.starts_with("a guess from what the service says"));
  const Check none = CheckThrottleClass("", "", 0);
  CHECK(none.detail.starts_with("a guess, the smallest class"));
  CHECK(none.remedy.find("Organization.Read.All") != std::string::npos);
}

TEST_CASE("the disk has to hold what the next full run needs") {
  constexpr std::int64_t kMegabyte = 1'000'000;
  CHECK(CheckRoom("/d", 5000 * kMegabyte, 1000 * kMegabyte).state == CheckState::kOk);
  CHECK(CheckRoom("/d", 3000 * kMegabyte, 1000 * kMegabyte).state == CheckState::kWarning);
  const Check full = CheckRoom("/d", 2000 * kMegabyte, 1000 * kMegabyte);
  CHECK(full.state == CheckState::kFailed);
  CHECK(full.detail ==
        "2000 MB free in /d; a full run may need 2064 MB, for a database of 1000 MB");
  CHECK_FALSE(full.remedy.empty());
  CHECK(CheckRoom("/d", 50 * kMegabyte, 0).state == CheckState::kFailed);
  CHECK(CheckRoom("/d", 500 * kMegabyte, 0).state == CheckState::kWarning);
  CHECK(CheckRoom("/d", 5000 * kMegabyte, 0).state == CheckState::kOk);
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
