// The verbs that tell how the cache is: stats, health, metrics, memory, ping, monitor.
#include <fmt/format.h>

#include <algorithm>

#include "cache/cache_report.h"
#include "cache/memory_store.h"
#include "cache/store_factory.h"
#include "cli/cache/answer.h"
#include "cli/cache/key_words.h"
#include "cli/cache/session.h"
#include "cli/cache/verbs.h"
#include "cli/cache_options.h"
#include "cli/files.h"
#include "cli/terminal.h"
#include "core/clock.h"
#include "core/system_probe.h"
#include "serve/prometheus.h"

namespace spa {
namespace {

// A node that cannot be connected to has been tried often enough by then.
constexpr std::chrono::seconds kDecided{3};

// Shows what `look` finds: once, or with --watch again and again. The first exit code that is not
// 0 stands.
Task<Result<ExitCode>> Watched(const CacheCall& call, std::chrono::milliseconds usual,
                               std::function<Task<Result<ExitCode>>()> look) {
  const bool again = call.Has("watch");
  const auto interval = call.Duration("interval", usual);
  if (!interval) co_return Fail(interval.error());
  const auto count = call.Number("count", again ? 0 : 1, 0);
  if (!count) co_return Fail(count.error());
  ExitCode exit = ExitCode::kDone;
  for (long i = 0; *count == 0 || i < *count; ++i) {
    if (i > 0) co_await Sleep(*interval);
    // On a terminal each picture takes the place of the one before.
    if (again && !call.json() && IsTerminal(stdout)) {
      if (auto cleared = Print("\x1b[H\x1b[2J"); !cleared) co_return cleared;
    }
    const auto shown = co_await look();
    if (!shown) co_return shown;
    if (exit == ExitCode::kDone) exit = *shown;
  }
  co_return exit;
}

Json SystemJson(const SystemSample& sample) {
  return {{"cpu_percent", sample.cpu_percent},
          {"process_cpu_percent", sample.process_cpu_percent},
          {"memory_percent", sample.memory_percent},
          {"memory_bytes", sample.memory_bytes},
          {"process_bytes", sample.process_bytes}};
}

// A node that only failed so far, and not often enough yet for its gate to open.
bool Undecided(const CacheReport& report) {
  if (!report.store) return false;
  const auto& nodes = report.store->nodes;
  return std::any_of(nodes.begin(), nodes.end(), [](const StoreNode& node) {
    return node.health.state == GateState::kClosed && node.health.error_rate >= 0.5;
  });
}

// What a person wants to see of the statistics.
Json Essence(const Json& stats) {
  Json shown;
  for (const char* name : {"mode", "lookups", "l1_hits", "l2_hits", "coalesced", "misses",
                           "hit_ratio", "repeat_hit_ratio", "l2", "evictions", "nodes"}) {
    shown[name] = stats.at(name);
  }
  Json kinds = Json::array();
  for (const auto& [kind, row] : stats.at("caches").items()) {
    if (row.at("lookups") == 0 && row.at("sets") == 0) continue;
    kinds.push_back({{"kind", kind},
                     {"lookups", row.at("lookups")},
                     {"l1_hits", row.at("l1_hits")},
                     {"l2_hits", row.at("l2_hits")},
                     {"misses", row.at("misses")},
                     {"hit_ratio", row.at("hit_ratio")},
                     {"stale", row.at("stale")},
                     {"sets", row.at("sets")},
                     {"evictions", row.at("evictions")}});
  }
  shown["caches"] = std::move(kinds);
  return shown;
}

}  // namespace

Result<ExitCode> CacheStatsVerb(const CacheCall& call) {
  std::string kind;
  if (!call.words().empty()) {
    const auto known = KindTyped(call.words().front());
    if (!known) return Fail(known.error());
    kind = PolicyOf(*known).name;
  }
  return WithCache(call, [&](CacheManager& caches) -> Task<Result<ExitCode>> {
    if (call.Has("reset") && caches.store() != nullptr) {
      if (auto reset = co_await caches.store()->ResetCounters(); !reset)
        co_return Fail(reset.error());
    }
    std::function<Task<Result<ExitCode>>()> look = [&]() -> Task<Result<ExitCode>> {
      Json stats = StatsJson(co_await ReportOn(caches));
      if (call.Has("internals")) {
        stats["internals"] = {{"shards", MemoryStore::kMostShards},
                              {"slice", MemoryStore::kSlice},
                              {"overhead_bytes", MemoryStore::kOverhead}};
      }
      if (!kind.empty()) {
        Json one = stats.at("caches").at(kind);
        co_return Answer(call, one);
      }
      if (call.json()) co_return Answer(call, stats);
      Json shown = Essence(stats);
      if (stats.contains("internals")) shown["internals"] = stats["internals"];
      co_return Answer(call, shown);
    };
    co_return co_await Watched(call, std::chrono::seconds(2), std::move(look));
  });
}

Result<ExitCode> CacheHealth(const CacheCall& call) {
  SystemProbe probe;
  probe.Sample();
  return WithCache(call, [&](CacheManager& caches) -> Task<Result<ExitCode>> {
    std::function<Task<Result<ExitCode>>()> look = [&]() -> Task<Result<ExitCode>> {
      // Often enough for a gate to have an opinion of a node that is gone.
      CacheReport report;
      for (int i = 0; i < 6; ++i) report = co_await ReportOn(caches);
      const auto end = std::chrono::steady_clock::now() + kDecided;
      while (Undecided(report) && std::chrono::steady_clock::now() < end) {
        co_await Sleep(std::chrono::milliseconds(20));
        report = co_await ReportOn(caches);
      }
      Json health = HealthJson(report);
      health["at"] = UtcText(std::chrono::system_clock::now());
      health["system"] = SystemJson(probe.Sample());
      const bool lost = !IsNoStore(caches.options().l2) && !report.store;
      if (lost) health["status"] = "degraded";
      const ExitCode exit = lost                                ? ExitCode::kUnreachable
                            : health.at("status") == "degraded" ? ExitCode::kFailure
                                                                : ExitCode::kDone;
      if (!call.json()) {
        health.erase("nodes");
        health.erase("redis");
      }
      co_return Answer(call, health, exit);
    };
    const std::chrono::seconds interval(call.config().cache.health_interval);
    co_return co_await Watched(call, interval, std::move(look));
  });
}

Result<ExitCode> CacheMetrics(const CacheCall& call) {
  return WithCache(call, [&](CacheManager& caches) -> Task<Result<ExitCode>> {
    const CacheReport report = co_await ReportOn(caches);
    co_return Print(PrometheusText(report.stats, AlertWatch()));
  });
}

Result<ExitCode> CacheMemory(const CacheCall& call) {
  SystemProbe probe;
  return WithCache(call, [&](CacheManager& caches) -> Task<Result<ExitCode>> {
    const CacheReport report = co_await ReportOn(caches);
    std::map<std::string, std::uint64_t> by_kind;
    Selector everything = Glob("sharepoint_audit:*");
    for (const std::string& text : co_await caches.Keys(std::move(everything))) {
      const auto key = CacheKey::Parse(text);
      ++by_kind[std::string(PolicyOf(key ? key->kind() : CacheKind::kUnnamed).name)];
    }
    const KindStats& total = report.stats.total;
    Json answer = {{"rss_bytes", probe.Sample().process_bytes},
                   {"l1", {{"entries", total.entries}, {"bytes", total.bytes}}},
                   {"l2",
                    {{"entries", report.store ? report.store->entries : 0},
                     {"bytes", report.store ? report.store->bytes : 0}}},
                   {"kinds", Json::array()}};
    for (const auto& [kind, entries] : by_kind) {
      answer["kinds"].push_back({{"kind", kind}, {"entries", entries}});
    }
    co_return Answer(call, answer);
  });
}

Result<ExitCode> CachePing(const CacheCall& call) {
  return WithStore(call, [&](Store& store) -> Task<Result<ExitCode>> {
    const auto began = std::chrono::steady_clock::now();
    const auto info = co_await store.Info();
    if (!info) co_return Fail(info.error());
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
    const Json answer = {{"ok", true},
                         {"kind", info->kind},
                         {"place", info->place},
                         {"version", info->version},
                         {"milliseconds", took.count()}};
    co_return Answer(call, answer,
                     fmt::format("{} answers in {:.2f} ms", info->place, took.count()));
  });
}

// Other processes' lookups show as steps of the counters that they leave when they end; writes and
// deletes as changes of the store, at once.
Result<ExitCode> CacheMonitor(const CacheCall& call) {
  const auto interval = call.Duration("interval", std::chrono::milliseconds(250));
  if (!interval) return Fail(interval.error());
  const auto most = call.Number("count", 0, 0);
  if (!most) return Fail(most.error());
  const auto limit = call.Duration("for", std::chrono::milliseconds(0));
  if (!limit) return Fail(limit.error());

  return WithStore(call, [&](Store& store) -> Task<Result<ExitCode>> {
    long shown = 0;
    Status printed;
    const auto say = [&](const Json& event) {
      const std::string line =
          call.json()
              ? event.dump()
              : fmt::format("{} {} {}", event.at("event").get<std::string>(),
                            event.value("key", event.value("kind", "")), event.value("count", 1));
      if (auto done = Print(line + '\n'); !done) printed = Fail(done.error());
      ++shown;
    };
    std::vector<StoreChange> heard;
    store.Watch([&](const StoreChange& change) { heard.push_back(change); });
    const auto tell_changes = [&]() -> Task<void> {
      std::vector<std::string> keys;
      for (StoreChange& change : std::exchange(heard, {})) {
        if (change.everything) say({{"event", "flush"}});
        for (std::string& key : change.keys) keys.push_back(std::move(key));
      }
      if (keys.empty()) co_return;
      std::vector<std::string> asked = keys;
      const auto found = co_await store.Get(std::move(asked));
      for (std::size_t i = 0; found && i < keys.size(); ++i) {
        say({{"event", (*found)[i] ? "set" : "delete"}, {"key", keys[i]}});
      }
    };
    struct Lookups {
      std::string_view counter, event;
    };
    constexpr Lookups kLookups[] = {{"l1_hits", "get_hit"},
                                    {"l2_hits", "get_hit"},
                                    {"coalesced", "get_hit"},
                                    {"misses", "get_miss"}};
    auto before = co_await store.Counters();
    const auto tell_lookups = [&]() -> Task<void> {
      auto now = co_await store.Counters();
      if (!now || !before) co_return;
      for (const auto& [name, value] : *now) {
        const auto earlier = before->find(name);
        const std::int64_t step = value - (earlier == before->end() ? 0 : earlier->second);
        const std::size_t dot = name.rfind('.');
        for (const Lookups& row : kLookups) {
          if (step <= 0 || name.substr(dot + 1) != row.counter) continue;
          say({{"event", row.event}, {"kind", name.substr(0, dot)}, {"count", step}});
        }
      }
      before = std::move(now);
    };
    std::function<Task<void>()> look = [&]() -> Task<void> {
      while ((*most == 0 || shown < *most) && printed) {
        co_await Sleep(*interval);
        co_await tell_changes();
        co_await tell_lookups();
      }
    };
    co_await Within(*limit, std::move(look));
    if (!printed) co_return Fail(printed.error());
    co_return ExitCode::kDone;
  });
}

}  // namespace spa
