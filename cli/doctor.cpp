#include "cli/doctor.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/terminal.h"
#include "core/auth/certificate.h"

namespace spa {
namespace {

using Checks = std::vector<Check>;
using std::chrono::system_clock;

std::string_view Describe(CredentialKind kind) {
  switch (kind) {
    case CredentialKind::kCertificate:
      return "certificate";
    case CredentialKind::kSecret:
      return "client secret (SharePoint REST needs a certificate)";
    case CredentialKind::kFederated:
      return "federated token";
    case CredentialKind::kManagedIdentity:
      return "managed identity";
  }
  return "";
}

// False where the credential is known not to work.
bool CheckCredential(const Config& config, Checks& checks) {
  const CredentialKind kind = *ChosenCredential(config.auth);
  checks.emplace_back("credential", CheckState::kOk, std::string(Describe(kind)));
  if (kind != CredentialKind::kCertificate) return true;
  const auto certificate =
      LoadCertificate(config.auth.certificate_path, config.auth.certificate_password);
  if (!certificate) {
    checks.back() = Check("certificate", certificate.error());
    return false;
  }
  checks.push_back(CheckCertificateDates(certificate->subject, certificate->not_before,
                                         certificate->not_after, system_clock::now()));
  return checks.back().state != CheckState::kFailed;
}

// Where the failure itself brought none.
std::string Advice(ExitCode exit) {
  switch (exit) {
    case ExitCode::kAuth:
      return "check credential and consent of the app registration (docs/setup.md)";
    case ExitCode::kUnreachable:
      return "check network, firewall and proxy, then try again";
    case ExitCode::kUsage:
      return "correct the configuration (docs/configuration.md)";
    default:
      return "run it again with -vv and look at what was asked last";
  }
}

}  // namespace

std::string_view Name(CheckState state) {
  constexpr std::string_view kNames[] = {"ok", "warning", "failed", "skipped"};
  return kNames[static_cast<int>(state)];
}

std::vector<Check> RunDoctor(Result<LoadedConfig> loaded,
                             const std::map<std::string, std::string>& environment) {
  Checks checks;
  if (!loaded) return {Check("configuration", loaded.error())};
  const std::string database = loaded->config.db_path;
  if (auto ready = PrepareForAudit(*loaded, environment); !ready) {
    checks.emplace_back("configuration", ready.error());
  } else {
    checks.emplace_back("configuration", CheckState::kOk,
                        fmt::format("for {}", loaded->config.tenant_url));
    if (CheckCredential(loaded->config, checks)) CheckNetwork(loaded->config, environment, checks);
  }
  checks.push_back(CheckDatabase(database));
  if (auto lock = CheckLock(database)) checks.push_back(*std::move(lock));
  checks.push_back(CheckDisk(database));
  checks.push_back(CheckCache(loaded->config));
  for (Check& check : checks) {
    if (check.state == CheckState::kFailed && check.remedy.empty())
      check.remedy = Advice(check.exit);
  }
  return checks;
}

ExitCode ExitOf(const std::vector<Check>& checks) {
  for (const Check& check : checks) {
    if (check.state == CheckState::kFailed) return check.exit;
  }
  return ExitCode::kDone;
}

std::string RenderChecks(const std::vector<Check>& checks) {
  std::vector<std::vector<std::string>> rows = {{"CHECK", "STATE", "DETAIL"}};
  for (const Check& check : checks) {
    rows.push_back({check.name, std::string(Name(check.state)), check.detail});
    const bool wanting = check.state == CheckState::kFailed || check.state == CheckState::kWarning;
    if (!check.remedy.empty() && wanting) rows.push_back({"", "", "-> " + check.remedy});
  }
  return RenderTable(rows);
}

std::string RenderChecksJson(const std::vector<Check>& checks) {
  nlohmann::ordered_json document;
  document["checks"] = nlohmann::ordered_json::array();
  for (const Check& check : checks) {
    nlohmann::ordered_json row;
    row["name"] = check.name;
    row["state"] = Name(check.state);
    row["detail"] = check.detail;
    row["remedy"] =
        check.remedy.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(check.remedy);
    document["checks"].push_back(std::move(row));
  }
  document["exit_code"] = static_cast<int>(ExitOf(checks));
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

}  // namespace spa
