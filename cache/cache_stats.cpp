#include "cache/cache_stats.h"

#include <iterator>
#include <nlohmann/json.hpp>
#include <numeric>
#include <tuple>

namespace spa {
namespace {

// In the order of ErrorCode.
constexpr std::string_view kFailureNames[] = {
    "usage",     "auth",      "unreachable", "untrusted", "throttled",
    "not_found", "forbidden", "locked",      "gone",      "unsupported",
    "refused",   "malformed", "storage",     "busy",      "internal"};
static_assert(std::size(kFailureNames) == std::tuple_size_v<FailureCounts>);

std::uint64_t SumOf(const FailureCounts& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

nlohmann::json ToJson(const LatencyHistogram::Snapshot& took) {
  return {{"count", took.count()},
          {"p50", took.Quantile(0.5).count()},
          {"p95", took.Quantile(0.95).count()},
          {"p99", took.Quantile(0.99).count()},
          {"p999", took.Quantile(0.999).count()},
          {"max", took.max().count()}};
}

}  // namespace

std::string_view FailureName(std::size_t code) { return kFailureNames[code]; }

std::string_view SecondLevelStats::store() const {
  return std::string_view(url).substr(0, url.find(':'));
}

StoreCallStats& StoreCallStats::operator+=(const StoreCallStats& other) {
  count += other.count;
  for (std::size_t i = 0; i < failures.size(); ++i) failures[i] += other.failures[i];
  took += other.took;
  return *this;
}

double KindStats::speedup() const {
  const auto& hit = hit_l1.count() > 0 ? hit_l1 : hit_l2;
  const auto fast = hit.Quantile(0.5).count(), slow = load.Quantile(0.5).count();
  return fast == 0 ? 0.0 : static_cast<double>(slow) / static_cast<double>(fast);
}

KindStats& KindStats::operator+=(const KindStats& other) {
  for (const KindCounter& counter : kCounters) this->*counter.value += other.*counter.value;
  oldest_hit = std::max(oldest_hit, other.oldest_hit);
  hit_l1 += other.hit_l1;
  hit_l2 += other.hit_l2;
  load += other.load;
  for (std::size_t i = 0; i < load_failures.size(); ++i) load_failures[i] += other.load_failures[i];
  return *this;
}

CacheStats& CacheStats::operator+=(const CacheStats& other) {
  for (const KindStats& theirs : other.kinds) {
    const auto ours = std::find_if(kinds.begin(), kinds.end(),
                                   [&](const KindStats& k) { return k.kind == theirs.kind; });
    if (ours != kinds.end()) {
      *ours += theirs;
    } else {
      kinds.push_back(theirs);
    }
  }
  total += other.total;
  l2.degraded += other.l2.degraded;
  l2.operations += other.l2.operations;
  l2.errors += other.l2.errors;
  l2.queued += other.l2.queued;
  l2.replayed += other.l2.replayed;
  l2.dropped += other.l2.dropped;
  l2.waiting += other.l2.waiting;
  l2.changes += other.l2.changes;
  l2.took += other.l2.took;
  l2.calls.resize(std::max(l2.calls.size(), other.l2.calls.size()));
  for (std::size_t i = 0; i < other.l2.calls.size(); ++i) {
    l2.calls[i].operation = other.l2.calls[i].operation;
    l2.calls[i] += other.l2.calls[i];
  }
  uptime = std::max(uptime, other.uptime);
  keys_made += other.keys_made;
  keys_hashed += other.keys_hashed;
  key_took += other.key_took;
  observer_errors += other.observer_errors;
  return *this;
}

nlohmann::json ToJson(const KindStats& stats) {
  nlohmann::json json;
  for (const KindCounter& counter : kCounters) json[counter.name] = stats.*counter.value;
  json["hits"] = stats.hits();
  json["hit_rate"] = stats.hit_rate();
  json["repeat_hit_rate"] = stats.repeat_hit_rate();
  json["utilization"] = stats.utilization();
  json["speedup"] = stats.speedup();
  json["oldest_hit_seconds"] = stats.oldest_hit.count();
  json["latency_ns"] = {{"hit_l1", ToJson(stats.hit_l1)},
                        {"hit_l2", ToJson(stats.hit_l2)},
                        {"load", ToJson(stats.load)}};
  return json;
}

nlohmann::json OperationsJson(const CacheStats& stats) {
  nlohmann::json operations = nlohmann::json::object();
  const auto put = [&](std::string_view operation, std::string_view store, std::uint64_t count) {
    const double seconds = stats.uptime.count();
    operations[std::string(operation)][std::string(store)] = {
        {"count", count}, {"rate", seconds > 0 ? static_cast<double>(count) / seconds : 0.0}};
  };
  const KindStats& total = stats.total;
  put("get", "memory", total.lookups);
  put("get", "loader", total.loads);
  put("set", "memory", total.sets);
  put("delete", "memory", total.deletes);
  put("evict", "memory", total.evictions);
  for (const StoreCallStats& call : stats.l2.calls) {
    put(call.operation, stats.l2.store(), call.count);
  }
  return operations;
}

nlohmann::json FailuresJson(const CacheStats& stats) {
  nlohmann::json failures = nlohmann::json::array();
  const auto put = [&](std::string_view store, std::string_view operation, std::string_view type,
                       std::uint64_t count, std::string_view kind = {}) {
    if (count == 0) return;
    failures.push_back(
        {{"store", store}, {"operation", operation}, {"type", type}, {"count", count}});
    if (!kind.empty()) failures.back()["kind"] = kind;
  };
  for (const KindStats& kind : stats.kinds) {
    for (std::size_t i = 0; i < kind.load_failures.size(); ++i) {
      put("loader", "load", FailureName(i), kind.load_failures[i], kind.kind);
    }
    // Other processes leave their sums behind, not what they are of.
    const std::uint64_t known = SumOf(kind.load_failures);
    put("loader", "load", "unknown", kind.load_errors - std::min(known, kind.load_errors),
        kind.kind);
    put("second_level", "any", "any", kind.l2_errors, kind.kind);
    put("second_level", "decode", "malformed", kind.decode_errors, kind.kind);
  }
  for (const StoreCallStats& call : stats.l2.calls) {
    for (std::size_t i = 0; i < call.failures.size(); ++i) {
      put(stats.l2.store(), call.operation, FailureName(i), call.failures[i]);
    }
  }
  return failures;
}

nlohmann::json ToJson(const CacheStats& stats) {
  nlohmann::json kinds = nlohmann::json::object();
  for (const KindStats& kind : stats.kinds) kinds[std::string(kind.kind)] = ToJson(kind);
  const SecondLevelStats& l2 = stats.l2;
  return {{"enabled", stats.enabled},
          {"mode", stats.mode},
          {"kinds", std::move(kinds)},
          {"total", ToJson(stats.total)},
          {"l2",
           {{"url", l2.url},
            {"open", l2.open},
            {"reachable", l2.reachable},
            {"watching", l2.watching},
            {"degraded_ms", l2.degraded.count()},
            {"operations", l2.operations},
            {"errors", l2.errors},
            {"queued", l2.queued},
            {"replayed", l2.replayed},
            {"dropped", l2.dropped},
            {"waiting", l2.waiting},
            {"changes", l2.changes},
            {"latency_ns", ToJson(l2.took)}}},
          {"operations", OperationsJson(stats)},
          {"failures", FailuresJson(stats)},
          {"uptime_seconds", stats.uptime.count()},
          {"keygen",
           {{"count", stats.keys_made},
            {"hashed", stats.keys_hashed},
            {"p50", stats.key_took.Quantile(0.5).count()},
            {"p99", stats.key_took.Quantile(0.99).count()}}},
          {"observer_errors", stats.observer_errors}};
}

nlohmann::json StoredToJson(const std::map<std::string, std::int64_t>& counters) {
  std::map<std::string, KindStats> kinds;
  KindStats total;
  for (const auto& [name, value] : counters) {
    const std::size_t dot = name.rfind('.');
    if (dot == std::string::npos) continue;
    for (const KindCounter& counter : kCounters) {
      if (!counter.lasting || counter.name != std::string_view(name).substr(dot + 1)) continue;
      kinds[name.substr(0, dot)].*counter.value = static_cast<std::uint64_t>(value);
      total.*counter.value += static_cast<std::uint64_t>(value);
    }
  }
  const auto render = [](const KindStats& stats) {
    nlohmann::json json;
    for (const KindCounter& counter : kCounters) {
      if (counter.lasting) json[counter.name] = stats.*counter.value;
    }
    json["hits"] = stats.hits();
    json["hit_rate"] = stats.hit_rate();
    json["repeat_hit_rate"] = stats.repeat_hit_rate();
    return json;
  };
  nlohmann::json by_kind = nlohmann::json::object();
  for (const auto& [kind, stats] : kinds) by_kind[kind] = render(stats);
  return {{"kinds", std::move(by_kind)}, {"total", render(total)}};
}

std::map<std::string, std::int64_t> LastingCounters(const CacheStats& before,
                                                    const CacheStats& now) {
  std::map<std::string, std::int64_t> more;
  for (const KindStats& kind : now.kinds) {
    const auto earlier = std::find_if(before.kinds.begin(), before.kinds.end(),
                                      [&](const KindStats& k) { return k.kind == kind.kind; });
    for (const KindCounter& counter : kCounters) {
      if (!counter.lasting) continue;
      const std::uint64_t base = earlier == before.kinds.end() ? 0 : (*earlier).*counter.value;
      const std::uint64_t step = kind.*counter.value - base;
      if (step > 0) {
        more[std::string(kind.kind).append(".").append(counter.name)] =
            static_cast<std::int64_t>(step);
      }
    }
  }
  return more;
}

}  // namespace spa
