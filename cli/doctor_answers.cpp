// The doctor's checks of what it was told: by tokens, certificates, clocks, and the way to a host.
#include <curl/curl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <span>

#include "cli/doctor.h"
#include "cli/progress.h"
#include "core/clock.h"
#include "core/http/url.h"

namespace spa {
namespace {

using namespace std::string_view_literals;
using nlohmann::json;
using std::chrono::system_clock;

// Without one of `any_of`, `lost` is what an audit cannot do.
struct Need {
  Api api;
  std::string_view name;
  std::span<const std::string_view> any_of;
  std::string_view lost;
  std::string_view grant;  // The permission to ask an administrator for,
  std::string_view id;     // and its number, the same in every tenant.
  bool vital;
};

constexpr std::array kReadSites = {"Sites.Read.All"sv, "Sites.ReadWrite.All"sv,
                                   "Sites.Manage.All"sv, "Sites.FullControl.All"sv};
constexpr std::array kFullControl = {"Sites.FullControl.All"sv};
constexpr std::array kReadGroups = {"GroupMember.Read.All"sv, "GroupMember.ReadWrite.All"sv,
                                    "Group.Read.All"sv,       "Group.ReadWrite.All"sv,
                                    "Directory.Read.All"sv,   "Directory.ReadWrite.All"sv};
constexpr std::array kReadUsers = {"User.ReadBasic.All"sv, "User.Read.All"sv,
                                   "User.ReadWrite.All"sv, "Directory.Read.All"sv,
                                   "Directory.ReadWrite.All"sv};

constexpr std::array kReadSettings = {"SharePointTenantSettings.Read.All"sv,
                                      "SharePointTenantSettings.ReadWrite.All"sv};
constexpr std::array kReadSignIns = {"AuditLog.Read.All"sv};

constexpr std::array kNeeds = {
    Need{Api::kGraph, "consent: sites", kReadSites, "sites, libraries and items cannot be read",
         "Sites.FullControl.All", "a82116e5-55eb-4c41-a434-62fe8a61c773", true},
    Need{Api::kGraph, "consent: permissions", kFullControl,
         "the change feed does not tell all permissions, and site permissions stay closed",
         "Sites.FullControl.All", "a82116e5-55eb-4c41-a434-62fe8a61c773", false},
    Need{Api::kGraph, "consent: groups", kReadGroups, "members of groups stay unknown",
         "GroupMember.Read.All", "98830695-27a2-44f7-8c18-0c3ebc9698f6", false},
    Need{Api::kGraph, "consent: users", kReadUsers,
         "names and account states of people stay unknown", "User.Read.All",
         "df021288-bdef-4463-88db-98f22de89214", false},
    Need{Api::kGraph, "consent: sharing settings", kReadSettings,
         "what the tenant lets people share stays unknown, and what that blocks",
         "SharePointTenantSettings.Read.All", "83d4163d-a2d8-4d3b-9695-4ae3ca98f888", false},
    Need{Api::kGraph, "consent: sign-ins", kReadSignIns,
         "which guests have not signed in for long stays unknown", "AuditLog.Read.All",
         "b0afded3-3588-46d8-8b3d-9842eff778da", false},
    Need{Api::kSharePoint, "consent: SharePoint", kFullControl,
         "role assignments, site groups and site administrators cannot be read",
         "Sites.FullControl.All", "678536fe-1083-478a-9c59-b99265e6b0d3", false},
};

std::string Day(system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%d}", fmt::gmtime(system_clock::to_time_t(time)));
}

struct Resource {
  std::string_view name, id;  // As consent names it, the same in every tenant.
};
constexpr Resource kResources[] = {{"Microsoft Graph", "00000003-0000-0000-c000-000000000000"},
                                   {"SharePoint", "00000003-0000-0ff1-ce00-000000000000"}};

// What an administrator does, by command and by hand.
std::string ConsentTo(Api api, std::string_view permission, std::string_view id,
                      const Config& config) {
  const Resource& resource = kResources[static_cast<int>(api)];
  const std::string app = config.auth.client_id.empty() ? "CLIENT_ID" : config.auth.client_id;
  return fmt::format(
      "consent to the application permission {0} of {1}: `az ad app permission add --id {2} --api "
      "{3} --api-permissions {4}=Role`, then `az ad app permission admin-consent --id {2}`; or in "
      "the Entra admin center: App registrations, the application, API permissions, Add a "
      "permission, {1}, Application permissions, {0}, Grant admin consent",
      permission, resource.name, app, resource.id, id);
}

bool Holds(const std::vector<std::string>& roles, std::string_view role) {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

}  // namespace

std::vector<Check> CheckRoles(Api api, const std::vector<std::string>& roles,
                              const Config& config) {
  const std::string_view api_name = kResources[static_cast<int>(api)].name;
  if (roles.empty()) {
    const auto* first = std::find_if(kNeeds.begin(), kNeeds.end(),
                                     [&](const Need& need) { return need.api == api; });
    Check none(fmt::format("consent: {}", api_name), CheckState::kFailed,
               fmt::format("the token for {} holds no application permission", api_name),
               ConsentTo(api, first->grant, first->id, config));
    none.exit = ExitCode::kAuth;
    return {none};
  }
  std::vector<Check> checks;
  for (const Need& need : kNeeds) {
    if (need.api != api) continue;
    const auto held = std::find_if(need.any_of.begin(), need.any_of.end(),
                                   [&](std::string_view role) { return Holds(roles, role); });
    if (held != need.any_of.end()) {
      checks.emplace_back(std::string(need.name), CheckState::kOk,
                          fmt::format("{} of {}", *held, api_name));
      continue;
    }
    // Consent to single sites is enough where single sites are audited.
    const bool selected =
        need.vital && Holds(roles, "Sites.Selected") && !config.target_sites.empty();
    Check missing(std::string(need.name),
                  need.vital && !selected ? CheckState::kFailed : CheckState::kWarning,
                  selected ? "Sites.Selected: only the sites granted to the application can be read"
                           : fmt::format("without {} of {} {}", need.grant, api_name, need.lost),
                  ConsentTo(api, need.grant, need.id, config));
    missing.exit = ExitCode::kAuth;
    checks.push_back(std::move(missing));
  }
  return checks;
}

Check CheckClock(std::string_view date, system_clock::time_point now) {
  const std::time_t there = curl_getdate(std::string(date).c_str(), nullptr);
  if (there < 0) return Check("clock", CheckState::kSkipped, "the answer carried no readable Date");
  const auto apart =
      std::chrono::duration_cast<std::chrono::seconds>(now - system_clock::from_time_t(there));
  const long seconds = std::abs(apart.count());
  if (seconds <= 60) return Check("clock", CheckState::kOk, fmt::format("{} s apart", seconds));
  Check wrong(
      "clock", seconds <= 300 ? CheckState::kWarning : CheckState::kFailed,
      fmt::format("this machine is {} s {} the sign-in service", seconds,
                  apart.count() > 0 ? "ahead of" : "behind"),
      "set the clock (chrony, systemd-timesyncd); sign-in fails when clocks are minutes apart");
  wrong.exit = ExitCode::kAuth;
  return wrong;
}

Check CheckCertificateDates(std::string_view subject, system_clock::time_point not_before,
                            system_clock::time_point not_after, system_clock::time_point now) {
  constexpr std::chrono::hours kSoon{30 * 24};
  const std::string_view remedy =
      "make a new certificate, upload it to the app registration, and name it here";
  const auto failed = [&](std::string detail) {
    Check check("certificate", CheckState::kFailed, std::move(detail), std::string(remedy));
    check.exit = ExitCode::kAuth;
    return check;
  };
  if (now >= not_after) return failed(fmt::format("{} expired on {}", subject, Day(not_after)));
  if (now < not_before)
    return failed(fmt::format("{} is not valid before {}", subject, Day(not_before)));
  const auto days = std::chrono::duration_cast<std::chrono::hours>(not_after - now).count() / 24;
  const std::string detail =
      fmt::format("{} expires on {}, in {} days", subject, Day(not_after), days);
  if (not_after - now < kSoon)
    return Check("certificate", CheckState::kWarning, detail, std::string(remedy));
  return Check("certificate", CheckState::kOk, detail);
}

namespace {

// Whose certificates these services show where nobody stands in between.
constexpr std::array kMicrosoftHosts = {
    ".microsoftonline.com"sv, ".microsoftonline.us"sv, "graph.microsoft.com"sv,
    "graph.microsoft.us"sv,   ".sharepoint.com"sv,     ".sharepoint.us"sv,
    ".sharepoint-mil.us"sv,   ".chinacloudapi.cn"sv,   ".sharepoint.cn"sv};
constexpr std::array kMicrosoftIssuers = {"Microsoft"sv, "DigiCert"sv};

template <class Words>
bool EndsWithOne(std::string_view text, const Words& ends) {
  return std::any_of(ends.begin(), ends.end(), [&](auto end) { return text.ends_with(end); });
}

template <class Words>
bool HasOne(std::string_view text, const Words& words) {
  return std::any_of(words.begin(), words.end(),
                     [&](auto word) { return text.find(word) != text.npos; });
}

Check Unreachable(std::string name, std::string detail, std::string remedy) {
  Check check(std::move(name), CheckState::kFailed, std::move(detail), std::move(remedy));
  check.exit = ExitCode::kUnreachable;
  return check;
}

Check CheckName(const HostProbe& probe) {
  if (!probe.proxy.empty()) {
    return Check("dns", CheckState::kOk, fmt::format("{}: left to the proxy", probe.host));
  }
  if (probe.failed_at == HostProbe::Stage::kName) {
    return Unreachable("dns", fmt::format("{} has no address: {}", probe.host, probe.failure),
                       "check the host's name in the configuration and the DNS server (`getent "
                       "hosts NAME`); behind a proxy set https_proxy");
  }
  return Check("dns", CheckState::kOk,
               fmt::format("{} is {}", probe.host, fmt::join(probe.addresses, ", ")));
}

Check CheckProxy(const HostProbe& probe) {
  if (probe.proxy.empty()) {
    return Check("proxy", CheckState::kOk, fmt::format("none for {} (https_proxy)", probe.host));
  }
  if (probe.failed_at != HostProbe::Stage::kProxy) {
    return Check("proxy", CheckState::kOk, fmt::format("{} for {}", probe.proxy, probe.host));
  }
  if (probe.proxy_status == 0) {
    return Unreachable("proxy", fmt::format("{} does not answer: {}", probe.proxy, probe.failure),
                       fmt::format("correct https_proxy, or add {} to no_proxy",
                                   SplitUrl("https://" + probe.host).host));
  }
  return Unreachable(
      "proxy",
      fmt::format("{} refuses to connect to {}: HTTP {}", probe.proxy, probe.host,
                  probe.proxy_status),
      probe.proxy_status == 407
          ? "give it a user name and password: https_proxy=http://USER:PASSWORD@HOST:PORT"
          : fmt::format("have it let {} pass, or add the host to no_proxy", probe.host));
}

// Who vouches for the host, until when, and whether that is whom it should be.
Check CheckChain(const HostProbe& probe, system_clock::time_point now) {
  const std::string host = SplitUrl("https://" + probe.host).host;
  const bool known = EndsWithOne("." + host, kMicrosoftHosts) || EndsWithOne(host, kMicrosoftHosts);
  if (probe.chain.empty()) {
    return Unreachable("tls", fmt::format("{}: {}", probe.host, probe.failure),
                       "check firewall and proxy; TLS 1.2 has to pass");
  }
  const ShownCertificate& own = probe.chain.front();
  const bool foreign = known && !HasOne(own.issuer, kMicrosoftIssuers);
  if (probe.failed_at == HostProbe::Stage::kTrust) {
    std::string detail = fmt::format("{} shows a certificate of {}, which is not trusted: {}",
                                     probe.host, own.issuer, probe.failure);
    if (foreign) detail += "; it is not Microsoft's: a proxy on the way opens what is sent";
    return Unreachable("tls", std::move(detail),
                       foreign
                           ? "have the proxy let this host pass unopened; where it may not, set "
                             "tls.ca_file to the proxy's CA"
                           : "set tls.ca_file to the CA that signed it");
  }
  const auto days =
      std::chrono::duration_cast<std::chrono::hours>(own.not_after - now).count() / 24;
  const std::string detail = fmt::format("{}: certificate of {}, until {}, chain of {}", probe.host,
                                         own.issuer, Day(own.not_after), probe.chain.size());
  if (foreign) {
    return Check("tls", CheckState::kWarning,
                 fmt::format("{}; it is not Microsoft's: a proxy on the way opens what is sent, "
                             "tokens too",
                             detail),
                 "have the proxy let this host pass unopened");
  }
  if (days < 7) {
    return Check("tls", CheckState::kWarning, detail,
                 "whoever runs that host has to renew its certificate");
  }
  return Check("tls", CheckState::kOk, detail);
}

}  // namespace

std::vector<Check> CheckWay(const HostProbe& probe, system_clock::time_point now) {
  using Stage = HostProbe::Stage;
  std::vector<Check> checks = {CheckName(probe)};
  if (probe.failed_at == Stage::kName) return checks;
  checks.push_back(CheckProxy(probe));
  if (probe.failed_at == Stage::kProxy) return checks;
  if (probe.failed_at == Stage::kConnection) {
    checks.push_back(Unreachable("connection", fmt::format("{}: {}", probe.host, probe.failure),
                                 "check firewall, proxy (https_proxy, no_proxy) and the address"));
    return checks;
  }
  if (probe.chain.empty() && probe.failed_at == Stage::kDone) {
    checks.emplace_back("tls", CheckState::kSkipped,
                        fmt::format("{} is spoken to without TLS, on this machine", probe.host));
    return checks;
  }
  checks.push_back(CheckChain(probe, now));
  return checks;
}

Check CheckSecretEnd(std::string_view answer, const Secret& secret, system_clock::time_point now) {
  const auto unknown = [](std::string_view why) {
    return Check("secret", CheckState::kSkipped, fmt::format("when it ends {}", why),
                 "look it up: App registrations, the application, Certificates & secrets; with "
                 "Application.Read.All the doctor reads it");
  };
  if (answer.empty()) return unknown("may not be read");
  const json told = json::parse(answer, nullptr, false);
  if (!told.is_object() || !told.contains("passwordCredentials") ||
      !told["passwordCredentials"].is_array()) {
    return unknown("was not told");
  }
  // The first three letters are kept in the clear for this: which of several it is.
  const std::string hint = secret.Reveal().substr(0, 3);
  std::optional<system_clock::time_point> end;
  for (const json& one : told["passwordCredentials"]) {
    if (!one.is_object() || one.value("hint", std::string()) != hint) continue;
    std::string text = one.value("endDateTime", std::string()).substr(0, 19) + "Z";
    const auto when = ParseUtc(text);
    if (when && (!end || *when < *end)) end = when;
  }
  if (!end) return unknown("is not among what the registration tells");
  const auto days = std::chrono::duration_cast<std::chrono::hours>(*end - now).count() / 24;
  const std::string remedy =
      "make a new secret, or better a certificate (docs/setup.md), before that day";
  if (*end <= now) {
    Check check("secret", CheckState::kFailed, fmt::format("it ended on {}", Day(*end)), remedy);
    check.exit = ExitCode::kAuth;
    return check;
  }
  return Check("secret", days < 30 ? CheckState::kWarning : CheckState::kOk,
               fmt::format("it ends on {}, in {} days", Day(*end), days), remedy);
}

namespace {

struct ThrottleRow {      // graph.md 6.1
  std::int64_t licences;  // At most; 0: any.
  std::int64_t per_minute, per_day;
};
constexpr ThrottleRow kThrottleClasses[] = {{1000, 1250, 1'200'000},
                                            {5000, 2500, 2'400'000},
                                            {15000, 3750, 3'600'000},
                                            {50000, 5000, 4'800'000},
                                            {0, 6250, 6'000'000}};

// Licences bought that hold SharePoint; nothing where the answer does not say.
std::optional<std::int64_t> Licences(std::string_view answer) {
  const json told = json::parse(answer, nullptr, false);
  if (!told.is_object() || !told.contains("value") || !told["value"].is_array()) return {};
  std::int64_t sum = 0;
  for (const json& sku : told["value"]) {
    if (!sku.is_object() || !sku.contains("servicePlans") || !sku["servicePlans"].is_array())
      continue;
    const bool holds =
        std::any_of(sku["servicePlans"].begin(), sku["servicePlans"].end(), [](const json& plan) {
          return plan.is_object() &&
                 plan.value("servicePlanName", std::string()).starts_with("SHAREPOINT");
        });
    const json units = sku.value("prepaidUnits", json::object());
    if (holds && units.is_object()) sum += units.value("enabled", std::int64_t{0});
  }
  return sum;
}

}  // namespace

Check CheckThrottleClass(std::string_view skus, std::string_view limit_header, int configured) {
  const auto say = [](std::string detail, std::string remedy = {}) {
    return Check("throttling", CheckState::kOk, std::move(detail), std::move(remedy));
  };
  if (configured > 0) {
    return say(fmt::format("{} resource units a minute, as configured", FormatCount(configured)));
  }
  if (const auto licences = Licences(skus)) {
    const ThrottleRow& row = *std::find_if(
        std::begin(kThrottleClasses), std::end(kThrottleClasses),
        [&](const ThrottleRow& one) { return one.licences == 0 || *licences <= one.licences; });
    return say(
        fmt::format("a guess from {} licences with SharePoint: {} resource units a minute, {} "
                    "a day",
                    FormatCount(*licences), FormatCount(row.per_minute), FormatCount(row.per_day)));
  }
  if (!limit_header.empty()) {
    return say(fmt::format("a guess from what the service says: {} resource units a minute",
                           limit_header));
  }
  return say(
      "a guess, the smallest class: 1,250 resource units a minute, 1,200,000 a day; the number of "
      "licences may not be read",
      "set concurrency.resource_units_per_minute, or consent to Organization.Read.All");
}

}  // namespace spa
