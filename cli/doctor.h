// Doctor: would an audit work, and if not, what is to be done? Each check stands for itself, names
// what it saw, and where it failed says the remedy.
//
// Threads: the caller's; network checks run their own io_context to its end.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/exit_code.h"
#include "core/config/config_loader.h"

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

// In the order of causes: configuration, credential, network, sign-in, consent, services, disk.
std::vector<Check> RunDoctor(Result<LoadedConfig> loaded,
                             const std::map<std::string, std::string>& environment);

// The first failed check is the cause of the others.
ExitCode ExitOf(const std::vector<Check>& checks);

std::string RenderChecks(const std::vector<Check>& checks);      // For people.
std::string RenderChecksJson(const std::vector<Check>& checks);  // {"checks": […], "exit_code": n}

// --- the checks that are plain functions ---

enum class Api { kGraph, kSharePoint };
// The roles in a token against those an audit needs (graph.md 1.9).
std::vector<Check> CheckRoles(Api api, const std::vector<std::string>& roles, const Config& config);

// `date` is a Date header. Sign-in with a certificate fails when the clocks are minutes apart.
Check CheckClock(std::string_view date, std::chrono::system_clock::time_point now);

Check CheckCertificateDates(std::string_view subject,
                            std::chrono::system_clock::time_point not_before,
                            std::chrono::system_clock::time_point not_after,
                            std::chrono::system_clock::time_point now);

Check CheckDatabase(const std::string& path);
Check CheckDisk(const std::string& path);
Check CheckCache(const Config& config);  // Asks the second level how it is.

}  // namespace spa
