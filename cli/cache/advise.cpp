#include "cache/advise.h"

#include "cli/cache/answer.h"
#include "cli/cache/session.h"
#include "cli/cache/verbs.h"

namespace spa {
namespace {

Json JsonOf(const KindAdvice& advice, bool with_curve) {
  Json json;
  json["kind"] = advice.kind;
  json["sampled"] = advice.sampled;
  json["hit_ratio"] = advice.hit_ratio;
  json["evictions"] = advice.evictions;
  json["expirations"] = advice.expirations;
  json["entries"] = advice.entries ? Json(*advice.entries) : Json();
  json["ttl"] = advice.ttl ? Json(advice.ttl->count()) : Json();
  json["reason"] = advice.reason;
  if (with_curve) {
    json["curve"] = Json::array();
    for (const CapacityPoint& point : advice.curve) {
      json["curve"].push_back({{"entries", point.entries}, {"hit_ratio", point.hit_ratio}});
    }
  }
  return json;
}

}  // namespace

Result<ExitCode> CacheAdvise(const CacheCall& call) {
  return WithStore(call, [&](Store& store) -> Task<Result<ExitCode>> {
    const auto counters = co_await store.Counters();
    if (!counters) co_return Fail(counters.error());
    const auto entries = static_cast<std::uint64_t>(call.config().cache.local_cache_size);
    Json kinds = Json::array();
    for (const KindAdvice& advice : Advise(*counters, entries)) {
      kinds.push_back(JsonOf(advice, call.Has("capacity")));
    }
    if (kinds.empty()) Remark(call, "nothing has been recorded yet: run an audit first");
    const bool recorded = !kinds.empty();
    co_return Answer(call, {{"recorded", recorded}, {"kinds", std::move(kinds)}});
  });
}

}  // namespace spa
