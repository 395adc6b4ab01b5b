// What a run that is recorded or replayed does otherwise (core/capture/capture.h).
//
// Recorded: everything is read, from the services alone: nothing that an earlier run or the second
// level of the cache remembers.
// Replayed: tenant and settings are those of the capture; no credential, no second level, no limit.
// All work is done in one order on one thread and the clock stands still, so that the same capture
// always gives the same database.
#pragma once

#include <string>

#include "cli/audit_run.h"
#include "core/auth/token_source.h"
#include "core/capture/capture.h"

namespace spa {

AuditOptions ForRecording(AuditOptions options);
AuditOptions ForReplay(AuditOptions options, const CaptureHead& head);

// The head of what is being recorded.
CaptureHead HeadOf(const Config& config, const RunInfo& run, bool sharepoint);
// As the database enters a replayed run.
RunIdentity IdentityOf(const CaptureHead& head);
// When the recorded run began or ended, of its text; 1970 where that is none.
std::chrono::system_clock::time_point RunTime(const std::string& text);

// Stands in for sign-in, and has no token. `sharepoint`: whether SharePoint listened.
class ReplayTokens final : public TokenSource {
 public:
  explicit ReplayTokens(bool sharepoint) : sharepoint_(sharepoint) {}
  Task<Result<AccessToken>> Get(std::string) override;
  void Reject(const std::string&, const Secret&) override {}
  CredentialKind kind() const override {
    return sharepoint_ ? CredentialKind::kCertificate : CredentialKind::kSecret;
  }
  long requests() const override { return 0; }

 private:
  bool sharepoint_;
};

}  // namespace spa
