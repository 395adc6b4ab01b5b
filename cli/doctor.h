// Doctor: would an audit work, and if not, what is to be done? Each check stands for itself, names
// what it saw, and where it failed says the remedy.
//
// Threads: the caller's; network checks run their own io_context to its end.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/exit_code.h"
#include "core/config/config_loader.h"
#include "core/http/host_probe.h"

namespace spa {

enum class CheckState { kOk, kWarning, kFailed, kSkipped };
std::string_view Name(CheckState state);  // "ok", "warning", "failed", "skipped"

struct Check {
  Check() = default;
  Check(std::string name, CheckState state, std::string detail, std::string remedy = {})
      : name(std::move(name)), state(state), detail(std::move(detail)), remedy(std::move(remedy)) {}
  Check(std::string name, const Error& error)
      : name(std::move(name)),
        state(CheckState::kFailed),
        detail(error.message),
        remedy(error.remedy),
        exit(ExitCodeOf(error.code)) {}

  std::string name;
  CheckState state = CheckState::kOk;
  std::string detail;
  std::string remedy;
  ExitCode exit = ExitCode::kFailure;  // What the command ends with where this check failed.
};

// In the order of causes: configuration, credential, the way to each host (dns, proxy, tls),
// sign-in, clock, consent, services, throttling, database, disk, cache. Each failed one has a
// remedy.
std::vector<Check> RunDoctor(Result<LoadedConfig> loaded,
                             const std::map<std::string, std::string>& environment);

// The first failed check is the cause of the others.
ExitCode ExitOf(const std::vector<Check>& checks);

std::string RenderChecks(const std::vector<Check>& checks);      // For people.
std::string RenderChecksJson(const std::vector<Check>& checks);  // {"checks": […], "exit_code": n}

// --- the checks that ask (doctor_network.cpp) ---

void CheckNetwork(const Config& config, const std::map<std::string, std::string>& environment,
                  std::vector<Check>& checks);

// --- of what was answered (doctor_answers.cpp) ---

enum class Api { kGraph, kSharePoint };
// The roles in a token against those an audit needs (graph.md 1.9); the remedy is the very consent.
std::vector<Check> CheckRoles(Api api, const std::vector<std::string>& roles, const Config& config);

// `date` is a Date header. Sign-in with a certificate fails when the clocks are minutes apart.
Check CheckClock(std::string_view date, std::chrono::system_clock::time_point now);

Check CheckCertificateDates(std::string_view subject,
                            std::chrono::system_clock::time_point not_before,
                            std::chrono::system_clock::time_point not_after,
                            std::chrono::system_clock::time_point now);

// "dns", "proxy" and "tls" of one host. A certificate that is not Microsoft's where it ought to be
// names who opens the traffic.
std::vector<Check> CheckWay(const HostProbe& probe, std::chrono::system_clock::time_point now);

// `answer`: the registration's passwordCredentials; empty where they may not be read.
Check CheckSecretEnd(std::string_view answer, const Secret& secret,
                     std::chrono::system_clock::time_point now);

// What the tenant will let us spend, and where that is from: the configuration, the licences in
// `skus` (empty: not to be read), a RateLimit-Limit header, or the smallest class.
Check CheckThrottleClass(std::string_view skus, std::string_view limit_header, int configured);

// --- of this machine (doctor_local.cpp) ---

Check CheckDatabase(const std::string& path);
// Nothing where no run holds the database.
std::optional<Check> CheckLock(const std::string& path);
// Room for what the next full run will need, by the figures of the last one.
Check CheckDisk(const std::string& path);
// Bytes; `expected` 0: not known.
Check CheckRoom(const std::string& directory, std::int64_t free, std::int64_t expected);
Check CheckCache(const Config& config);  // Asks the second level how it is.

}  // namespace spa
