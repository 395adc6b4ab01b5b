#include "cli/replay.h"

#include "core/clock.h"

namespace spa {

AuditOptions ForRecording(AuditOptions options) {
  options.mode = RunMode::kFull;
  options.config.cache.l2 = "none";
  options.config.cache.l2_fallback.clear();
  return options;
}

AuditOptions ForReplay(AuditOptions options, const CaptureHead& head) {
  const Config& recorded = head.settings;
  Config& config = options.config;
  config.auth = recorded.auth;
  config.tenant_url = recorded.tenant_url;
  config.target_sites = recorded.target_sites;
  config.graph = recorded.graph;
  config.discovery = recorded.discovery;
  config.permissions = recorded.permissions;
  config.concurrency = ConcurrencyConfig();
  config.concurrency.max_api_calls = 1;
  config.concurrency.max_sites = 1;
  config.cache = CacheConfig();
  config.cache.l2 = "none";
  options.mode = RunMode::kFull;
  options.max_age.reset();
  return options;
}

CaptureHead HeadOf(const Config& config, const RunInfo& run, bool sharepoint) {
  CaptureHead head;
  head.run_id = run.id;
  head.started_at = run.started_at;
  head.sharepoint = sharepoint;
  head.settings = config;
  return head;
}

RunIdentity IdentityOf(const CaptureHead& head) {
  RunIdentity identity;
  identity.id = head.run_id;
  identity.started_at = head.started_at;
  identity.finished_at = head.finished_at.empty() ? head.started_at : head.finished_at;
  return identity;
}

std::chrono::system_clock::time_point RunTime(const std::string& text) {
  return ParseUtc(text).value_or(std::chrono::system_clock::time_point());
}

Task<Result<AccessToken>> ReplayTokens::Get(std::string) {
  AccessToken token;
  token.value = Secret("replayed");
  token.expires_at = token.renew_at = std::chrono::system_clock::time_point::max();
  co_return token;
}

}  // namespace spa
