// The doctor's checks that need no network.
#include <curl/curl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <span>

#include "cache/store_factory.h"
#include "cli/cache_options.h"
#include "cli/doctor.h"
#include "core/sqlite.h"
#include "core/store/audit_store.h"

namespace spa {
namespace {

using namespace std::string_view_literals;
using std::chrono::system_clock;

// Without one of `any_of`, `lost` is what an audit cannot do.
struct Need {
  Api api;
  std::string_view name;
  std::span<const std::string_view> any_of;
  std::string_view lost;
  std::string_view grant;  // The permission to ask an administrator for.
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
         "Sites.FullControl.All", true},
    Need{Api::kGraph, "consent: permissions", kFullControl,
         "the change feed does not tell all permissions, and site permissions stay closed",
         "Sites.FullControl.All", false},
    Need{Api::kGraph, "consent: groups", kReadGroups, "members of groups stay unknown",
         "GroupMember.Read.All", false},
    Need{Api::kGraph, "consent: users", kReadUsers,
         "names and account states of people stay unknown", "User.Read.All", false},
    Need{Api::kGraph, "consent: sharing settings", kReadSettings,
         "what the tenant lets people share stays unknown, and what that blocks",
         "SharePointTenantSettings.Read.All", false},
    Need{Api::kGraph, "consent: sign-ins", kReadSignIns,
         "which guests have not signed in for long stays unknown", "AuditLog.Read.All", false},
    Need{Api::kSharePoint, "consent: SharePoint", kFullControl,
         "role assignments, site groups and site administrators cannot be read",
         "Sites.FullControl.All", false},
};

std::string Day(system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%d}", fmt::gmtime(system_clock::to_time_t(time)));
}

bool Holds(const std::vector<std::string>& roles, std::string_view role) {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

}  // namespace

std::vector<Check> CheckRoles(Api api, const std::vector<std::string>& roles,
                              const Config& config) {
  const std::string_view api_name = api == Api::kGraph ? "Microsoft Graph" : "SharePoint";
  if (roles.empty()) {
    Check none(fmt::format("consent: {}", api_name), CheckState::kFailed,
               fmt::format("the token for {} holds no application permission", api_name),
               "let an administrator grant consent to the application's permissions (not the "
               "delegated ones)");
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
    Check missing(
        std::string(need.name),
        need.vital && !selected ? CheckState::kFailed : CheckState::kWarning,
        selected ? "Sites.Selected: only the sites granted to the application can be read"
                 : fmt::format("without {} of {} {}", need.grant, api_name, need.lost),
        fmt::format("consent to the application permission {} of {}", need.grant, api_name));
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

Check CheckDatabase(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return Check("database", CheckState::kOk,
                 fmt::format("{} is not there yet; the first audit makes it", path));
  }
  // As the program opens it: a foreign file, or one of a newer version, is refused here.
  if (auto store = AuditStore::Open(path, AuditStore::Mode::kReadOnly); !store) {
    return Check("database", store.error());
  }
  auto database = sqlite::Database::Open(path, sqlite::Database::Mode::kReadOnly);
  if (!database) return Check("database", database.error());
  std::string verdict;
  {
    sqlite::Statement quick_check(**database, "PRAGMA quick_check(1)");
    if (quick_check.Step()) verdict = quick_check.String(0);
  }
  if (auto checked = (*database)->Check("checking " + path); !checked)
    return Check("database", checked.error());
  if (verdict == "ok") return Check("database", CheckState::kOk, fmt::format("{} is sound", path));
  return Check("database", CheckState::kFailed, fmt::format("{} is damaged: {}", path, verdict),
               "restore it from a backup, or move it away and run a full audit");
}

namespace {

Task<Result<StoreInfo>> AskStore(Store& store) {
  Result<StoreInfo> info = Fail(ErrorCode::kUnreachable, "no answer");
  const auto opened = co_await store.Open();
  if (opened) {
    info = co_await store.Info();
  } else {
    info = Fail(opened.error());
  }
  co_await store.Close();
  co_return info;
}

}  // namespace

// An audit goes on without its second level, so nothing here is more than a warning.
Check CheckCache(const Config& config) {
  const CacheManager::Options options = CacheOptionsOf(config);
  if (!options.enabled) return Check("cache", CheckState::kSkipped, "switched off");
  if (IsNoStore(options.l2)) return Check("cache", CheckState::kOk, "memory alone");
  constexpr std::string_view kDisk = "disk:";
  const std::string path = options.l2.substr(std::min(options.l2.size(), kDisk.size()));
  std::error_code ignored;
  if (options.l2.starts_with(kDisk) && !std::filesystem::exists(path, ignored)) {
    return Check("cache", CheckState::kOk,
                 fmt::format("{} is not there yet; the first audit makes it", path));
  }
  const auto warning = [](const Error& error) {
    Check check("cache", error);
    check.state = CheckState::kWarning;
    return check;
  };
  asio::io_context io;
  auto store = MakeStore(io.get_executor(), options.l2, options.store, options.security);
  if (!store) return warning(store.error());
  Result<StoreInfo> info = Fail(ErrorCode::kUnreachable, "no answer");
  std::exception_ptr failure;
  asio::co_spawn(io, AskStore(**store), [&](std::exception_ptr error, Result<StoreInfo> answer) {
    failure = error;
    if (!error) info = std::move(answer);
  });
  io.run();
  if (failure) std::rethrow_exception(failure);
  if (!info) return warning(info.error());
  return Check("cache", CheckState::kOk,
               fmt::format("{} answers, {} entries", info->place, info->entries));
}

Check CheckDisk(const std::string& path) {
  constexpr std::uintmax_t kMegabyte = 1024 * 1024;
  std::error_code error;
  const auto directory = std::filesystem::absolute(path, error).parent_path();
  const auto space = std::filesystem::space(directory, error);
  if (error) {
    Check check("disk", CheckState::kFailed,
                fmt::format("{}: {}", directory.string(), error.message()),
                "make the directory, or name another with db.path");
    check.exit = ExitCode::kUsage;
    return check;
  }
  const auto free = space.available / kMegabyte;
  const std::string detail = fmt::format("{} MB free in {}", free, directory.string());
  const std::string_view remedy = "make room, or name a file on another disk with db.path";
  if (free < 100) return Check("disk", CheckState::kFailed, detail, std::string(remedy));
  if (free < 1024) return Check("disk", CheckState::kWarning, detail, std::string(remedy));
  return Check("disk", CheckState::kOk, detail);
}

}  // namespace spa
