#include "cache/cache_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cache/cache_policy.h"

namespace spa {
namespace {

using Json = nlohmann::ordered_json;

double Share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

// Seconds since the epoch; null where it is the epoch itself: never.
Json Moment(CacheTime time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch());
  return seconds.count() == 0 ? Json() : Json(seconds.count());
}

Json KindJson(const KindStats& stats) {
  Json json = Json(ToJson(stats));
  json["hit_ratio"] = stats.hit_rate();
  return json;
}

Json SecondLevelJson(const CacheReport& report) {
  const SecondLevelStats& l2 = report.stats.l2;
  Json json;
  json["url"] = l2.url;
  json["kind"] = report.store ? Json(report.store->kind) : Json();
  json["version"] = report.store ? Json(report.store->version) : Json();
  json["open"] = l2.open;
  json["reachable"] = l2.reachable;
  json["watching"] = l2.watching;
  json["entries"] = report.store ? report.store->entries : 0;
  json["bytes"] = report.store ? report.store->bytes : 0;
  json["puts"] = report.stats.total.l2_writes;
  json["errors"] = report.stats.total.l2_errors;
  json["degraded_seconds"] = static_cast<double>(l2.degraded.count()) / 1000.0;
  json["queued"] = l2.queued;
  json["replayed"] = l2.replayed;
  json["dropped"] = l2.dropped;
  json["waiting"] = l2.waiting;
  json["changes"] = l2.changes;
  return json;
}

// Of the nodes together.
struct NodeSums {
  std::uint64_t operations = 0, errors = 0, reconnects = 0, bytes_in = 0, bytes_out = 0;
};
NodeSums SumOf(const std::optional<StoreInfo>& store) {
  NodeSums sum;
  if (!store) return sum;
  for (const StoreNode& node : store->nodes) {
    sum.operations += node.operations;
    sum.errors += node.errors;
    sum.reconnects += node.reconnects;
    sum.bytes_in += node.bytes_in;
    sum.bytes_out += node.bytes_out;
  }
  return sum;
}

Json RedisJson(const StoreInfo& store, const NodeSums& sums) {
  std::map<std::string, LatencyHistogram::Snapshot> commands;
  Json breakers = Json::object();
  for (const StoreNode& node : store.nodes) {
    for (const auto& [name, took] : node.commands) commands[name] += took;
    breakers[node.name] = NameOf(node.health.state);
  }
  Json by_command = Json::object();
  for (const auto& [name, took] : commands) {
    by_command[name] = {{"count", took.count()},
                        {"p50_us", took.Quantile(0.5).count() / 1000},
                        {"p99_us", took.Quantile(0.99).count() / 1000},
                        {"max_us", took.max().count() / 1000}};
  }
  return {{"ops", sums.operations},         {"errors", sums.errors},
          {"reconnects", sums.reconnects},  {"bytes_in", sums.bytes_in},
          {"bytes_out", sums.bytes_out},    {"version", store.version},
          {"breaker", std::move(breakers)}, {"commands", std::move(by_command)}};
}

bool IsUp(const StoreNode& node) { return node.up; }

bool IsRedis(const CacheReport& report) {
  return report.store && report.store->kind.starts_with("redis");
}

}  // namespace

CacheReport ReportOf(const CacheStats& live, const std::map<std::string, std::int64_t>& counters,
                     std::optional<StoreInfo> store) {
  CacheReport report;
  report.store = std::move(store);
  CacheStats& stats = report.stats;
  stats.enabled = live.enabled;
  stats.mode = live.mode;
  for (const CachePolicy& policy : kCachePolicies) stats.kinds.emplace_back().kind = policy.name;
  stats.total.kind = "total";
  for (const auto& [name, value] : counters) {
    const std::size_t dot = std::min(name.rfind('.'), name.size());
    for (KindStats& kind : stats.kinds) {
      if (kind.kind != std::string_view(name).substr(0, dot)) continue;
      for (const KindCounter& counter : kCounters) {
        if (!counter.lasting || counter.name != std::string_view(name).substr(dot + 1)) continue;
        kind.*counter.value += static_cast<std::uint64_t>(value);
        stats.total.*counter.value += static_cast<std::uint64_t>(value);
      }
    }
  }
  stats += live;
  stats.l2 = live.l2;
  return report;
}

Task<CacheReport> ReportOn(CacheManager& caches) {
  std::map<std::string, std::int64_t> counters;
  std::optional<StoreInfo> info;
  if (Store* store = caches.store(); store != nullptr) {
    if (auto read = co_await store->Counters()) counters = std::move(*read);
    if (auto read = co_await store->Info()) info = std::move(*read);
  }
  co_return ReportOf(caches.Stats(), counters, std::move(info));
}

Json ToJson(const StoreNode& node) {
  const Health& health = node.health;
  Json json;
  json["name"] = node.name;
  json["up"] = node.up;
  json["state"] = NameOf(health.state);
  json["since"] = Moment(health.since);
  json["latency_p50_us"] = health.p50.count();
  json["latency_p99_us"] = health.p99.count();
  json["error_rate"] = health.error_rate;
  json["last_error"] = health.last_error;
  json["retry_after"] = health.not_before ? Moment(*health.not_before) : Json();
  json["ops"] = node.operations;
  json["errors"] = node.errors;
  json["refused"] = health.refused;
  json["reconnects"] = node.reconnects;
  json["bytes_in"] = node.bytes_in;
  json["bytes_out"] = node.bytes_out;
  json["degraded_seconds"] = static_cast<double>(health.degraded.count()) / 1000.0;
  return json;
}

Json StatsJson(const CacheReport& report) {
  const CacheStats& stats = report.stats;
  const KindStats& total = stats.total;
  const NodeSums sums = SumOf(report.store);
  Json json;
  json["enabled"] = stats.enabled;
  json["mode"] = stats.mode;
  json["lookups"] = total.lookups;
  json["l1_hits"] = total.l1_hits;
  json["l2_hits"] = total.l2_hits;
  json["coalesced"] = total.coalesced;
  json["misses"] = total.misses;
  json["hit_ratio"] = total.hit_rate();
  json["repeat_hit_ratio"] = total.repeat_hit_rate();
  json["utilization"] = total.utilization();
  json["speedup"] = total.speedup();
  json["would_hit"] = total.would_hit;
  json["mismatch"] = total.would_mismatch;
  json["total"] = KindJson(total);
  json["total"]["l2_ops"] = sums.operations;
  json["l1"] = {{"entries", total.entries},
                {"bytes", total.bytes},
                {"max_entries", total.max_entries},
                {"max_bytes", total.max_bytes}};
  json["l2"] = SecondLevelJson(report);
  json["evictions"] = {
      {"size", total.evictions}, {"ttl", total.expirations}, {"tag", total.tag_evictions}};
  json["flights"] = {{"started", total.flights_started},
                     {"joined", total.flights_joined},
                     {"cancelled", total.flights_cancelled},
                     {"failed", total.flights_failed},
                     {"active", total.flights_active}};
  json["concurrency"] = {
      {"in_flight", total.flights_active},
      {"shard_waits", total.shard_waits},
      {"joined_ratio", Share(total.flights_joined, total.flights_started + total.flights_joined)},
      {"lease_waits", total.lease_waits}};
  json["verify"] = {{"checked", total.verify_checked}, {"mismatch", total.verify_mismatch}};
  const Json keygen = Json(ToJson(stats)).at("keygen");
  json["keygen"] = keygen;
  json["performance"] = {{"speedup", total.speedup()},
                         {"latency_ns", Json(ToJson(total)).at("latency_ns")}};
  json["compression"] = {{"encodes", total.encodes},
                         {"decodes", total.decodes},
                         {"decode_errors", total.decode_errors}};
  json["memory"] = {{"entries", total.entries},
                    {"bytes", total.bytes},
                    {"l2_entries", report.store ? report.store->entries : 0},
                    {"l2_bytes", report.store ? report.store->bytes : 0}};
  json["invalidation"] = {{"deletes", total.deletes},
                          {"by_tag", total.tag_evictions},
                          {"fenced_off", total.fenced_off},
                          {"changes_heard", stats.l2.changes}};
  json["uptime_seconds"] = stats.uptime.count();
  json["ops"] = Json(OperationsJson(stats));
  json["errors"] = Json(FailuresJson(stats));
  json["nodes"] = Json::array();
  if (report.store) {
    for (const StoreNode& node : report.store->nodes) json["nodes"].push_back(ToJson(node));
  }
  if (IsRedis(report)) {
    json["redis"] = RedisJson(*report.store, sums);
  }
  json["caches"] = Json::object();
  for (const KindStats& kind : stats.kinds) json["caches"][std::string(kind.kind)] = KindJson(kind);
  return json;
}

Json HealthJson(const CacheReport& report) {
  const SecondLevelStats& l2 = report.stats.l2;
  const bool wanted = !l2.url.empty();
  bool ill = wanted && !report.store;
  Json providers = Json::array();
  if (report.store) {
    for (const StoreNode& node : report.store->nodes) {
      if (!node.up || node.health.state != GateState::kClosed) ill = true;
      providers.push_back(ToJson(node));
    }
  }
  Json json;
  json["status"] = !report.stats.enabled ? "off" : ill ? "degraded" : "healthy";
  json["mode"] = report.stats.mode;
  json["l2"] = {{"url", l2.url},
                {"reachable", wanted && report.store.has_value()},
                {"watching", l2.watching}};
  const bool redis =
      IsRedis(report) && std::any_of(report.store->nodes.begin(), report.store->nodes.end(), IsUp);
  json["redis"] = {{"available", redis}};
  json["nodes"] = providers;
  json["providers"] = std::move(providers);
  return json;
}

}  // namespace spa
