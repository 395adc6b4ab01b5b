// `cache warm`: fills the cache with what the last run used, before the next one asks for it.
#include <fmt/format.h>

#include "cache/store_factory.h"
#include "cli/audit_run.h"
#include "cli/cache/answer.h"
#include "cli/cache/verbs.h"
#include "cli/cache_options.h"
#include "cli/options.h"

namespace spa {
namespace {

constexpr long kUsualGroups = 1000;

// What outlives this process alone is worth it.
Status CheckKeeps(const Config& config) {
  const CacheManager::Options options = CacheOptionsOf(config);
  if (!options.enabled || options.mode != CacheMode::kReadWrite) {
    return Fail(ErrorCode::kUsage, "there is nothing to warm: the cache does not store and serve",
                "set cache.enabled, and cache.mode to readwrite");
  }
  if (IsNoStore(options.l2)) {
    return Fail(ErrorCode::kUsage, "there is nothing to warm: no second level would keep it",
                "give one with --l2, for example --l2 disk:.sharepoint-audit/cache.db");
  }
  return {};
}

Json JsonOf(const WarmOutcome& outcome) {
  Json json = {{"run_id", outcome.run_id},
               {"sites", outcome.sites},
               {"groups", outcome.groups},
               {"loaded", 0},
               {"known", 0},
               {"kinds", Json::array()},
               {"failed", Json::array()}};
  std::uint64_t loaded = 0, known = 0;
  for (const KindStats& kind : outcome.stats.kinds) {
    const auto named = KindNamed(kind.kind);
    if (!named || PolicyOf(*named).residence != Residence::kEverywhere || kind.lookups == 0)
      continue;
    loaded += kind.loads - kind.load_errors;
    known += kind.hits();
    json["kinds"].push_back({{"kind", kind.kind},
                             {"loaded", kind.loads - kind.load_errors},
                             {"known", kind.hits()},
                             {"failed", kind.load_errors}});
  }
  json["loaded"] = loaded;
  json["known"] = known;
  for (const WarmOutcome::Failed& one : outcome.failed)
    json["failed"].push_back({{"what", one.what}, {"reason", one.error.message}});
  return json;
}

}  // namespace

Result<ExitCode> CacheWarm(const CacheCall& call) {
  if (!call.Has("from-last-run")) {
    return Fail(ErrorCode::kUsage, "cache warm needs to be told with what", "add --from-last-run");
  }
  const auto groups = call.Number("top", kUsualGroups, 0);
  if (!groups) return Fail(groups.error());
  const Invocation& invocation = call.invocation();
  auto loaded = LoadConfigOf(invocation.flags, invocation.environment);
  if (!loaded) return Fail(std::move(loaded.error()));
  if (auto ready = PrepareForAudit(*loaded, invocation.environment); !ready)
    return Fail(std::move(ready.error()));
  if (auto keeps = CheckKeeps(loaded->config); !keeps) return Fail(std::move(keeps.error()));

  AuditOptions options;
  options.config = std::move(loaded->config);
  options.quiet = invocation.flags.quiet || call.json();
  const auto outcome = RunWarm(options, *groups);
  if (!outcome) return Fail(outcome.error());
  if (outcome->interrupted) return ExitCode::kInterrupted;
  if (!outcome->stats.l2.reachable) {
    return Fail(ErrorCode::kUnreachable, "the second level did not take what was loaded",
                "see `sharepoint-audit cache ping`");
  }
  return Answer(call, JsonOf(*outcome));
}

}  // namespace spa
