#include "serve/prometheus.h"

#include <fmt/format.h>

#include <iterator>

namespace spa {
namespace {

constexpr double kQuantiles[] = {0.5, 0.95, 0.99, 0.999};

// Label values here are names of ours: letters, digits and '_', nothing to escape.
class Text {
 public:
  void Family(std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name,
                   type);
  }
  template <class Number>
  void Sample(std::string_view name, std::string_view labels, Number value) {
    fmt::format_to(std::back_inserter(text_), "{}{}{}{} {}\n", name, labels.empty() ? "" : "{",
                   labels, labels.empty() ? "" : "}", value);
  }
  template <class Number>
  void One(std::string_view name, std::string_view type, std::string_view help, Number value) {
    Family(name, type, help);
    Sample(name, {}, value);
  }
  void Quantiles(std::string_view name, const std::string& labels,
                 const LatencyHistogram::Snapshot& took) {
    const std::string before = labels.empty() ? "" : labels + ",";
    for (const double q : kQuantiles) {
      const std::chrono::duration<double> seconds = took.Quantile(q);
      Sample(name, fmt::format("{}quantile=\"{}\"", before, q), seconds.count());
    }
    Sample(fmt::format("{}_count", name), labels, took.count());
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string KindLabel(const KindStats& kind) { return fmt::format("kind=\"{}\"", kind.kind); }

void Counters(const CacheStats& stats, Text& text) {
  for (const KindCounter& counter : kCounters) {
    const std::string name =
        fmt::format("spa_cache_{}{}", counter.name, counter.lasting ? "_total" : "");
    text.Family(name, counter.lasting ? "counter" : "gauge", counter.help);
    for (const KindStats& kind : stats.kinds) {
      text.Sample(name, KindLabel(kind), kind.*counter.value);
    }
  }
}

void Rates(const CacheStats& stats, Text& text) {
  struct Rate {
    std::string_view name, help;
    double (KindStats::*value)() const;
  };
  constexpr Rate kRates[] = {
      {"spa_cache_hit_ratio", "Share of lookups that were no miss", &KindStats::hit_rate},
      {"spa_cache_repeat_hit_ratio", "The same over keys asked for before",
       &KindStats::repeat_hit_rate},
      {"spa_cache_speedup", "The median load over the median hit", &KindStats::speedup},
      {"spa_cache_utilization", "How full the fuller of the two budgets is",
       &KindStats::utilization},
  };
  for (const Rate& rate : kRates) {
    text.Family(rate.name, "gauge", rate.help);
    for (const KindStats& kind : stats.kinds) {
      text.Sample(rate.name, KindLabel(kind), (kind.*rate.value)());
    }
  }
}

void Latencies(const CacheStats& stats, Text& text) {
  constexpr std::string_view kName = "spa_cache_latency_seconds";
  text.Family(kName, "summary", "How long hits and loads take");
  for (const KindStats& kind : stats.kinds) {
    text.Quantiles(kName, KindLabel(kind) + ",op=\"hit_l1\"", kind.hit_l1);
    text.Quantiles(kName, KindLabel(kind) + ",op=\"hit_l2\"", kind.hit_l2);
    text.Quantiles(kName, KindLabel(kind) + ",op=\"load\"", kind.load);
  }
}

void SecondLevel(const SecondLevelStats& l2, Text& text) {
  text.One("spa_cache_store_up", "gauge", "The second level can be reached",
           l2.open && l2.reachable ? 1 : 0);
  text.One("spa_cache_store_degraded_seconds_total", "counter", "Time it could not, in all",
           std::chrono::duration<double>(l2.degraded).count());
  text.One("spa_cache_store_operations_total", "counter", "Calls of the second level",
           l2.operations);
  text.One("spa_cache_store_errors_total", "counter", "Those that failed", l2.errors);
  text.One("spa_cache_store_queue", "gauge", "Writes waiting until it is back", l2.waiting);
  text.One("spa_cache_store_queue_dropped_total", "counter", "Such writes given up", l2.dropped);
  text.One("spa_cache_store_changes_total", "counter", "Changes heard of from others", l2.changes);
  text.Family("spa_cache_store_latency_seconds", "summary", "How long the second level takes");
  text.Quantiles("spa_cache_store_latency_seconds", {}, l2.took);
  text.Family("spa_cache_store_call_seconds", "summary", "The same, by operation");
  for (const StoreCallStats& call : l2.calls) {
    text.Quantiles("spa_cache_store_call_seconds", fmt::format("op=\"{}\"", call.operation),
                   call.took);
  }
}

void Failures(const CacheStats& stats, Text& text) {
  constexpr std::string_view kName = "spa_cache_failures_total";
  text.Family(kName, "counter", "Failures by store, operation and type");
  const auto each = [&](const FailureCounts& counts, const std::string& labels) {
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] == 0) continue;
      text.Sample(kName, fmt::format("{},type=\"{}\"", labels, FailureName(i)), counts[i]);
    }
  };
  for (const KindStats& kind : stats.kinds) {
    each(kind.load_failures, KindLabel(kind) + ",store=\"loader\",op=\"load\"");
  }
  for (const StoreCallStats& call : stats.l2.calls) {
    each(call.failures, fmt::format("store=\"{}\",op=\"{}\"", stats.l2.store(), call.operation));
  }
}

void Alerts(const AlertWatch& alerts, Text& text) {
  const auto label = [](AlertRule rule) { return fmt::format("rule=\"{}\"", NameOf(rule)); };
  text.Family("spa_cache_alert", "gauge", "The rule holds now");
  for (const AlertRule rule : kAlertRules) {
    text.Sample("spa_cache_alert", label(rule), alerts.Of(rule).active ? 1 : 0);
  }
  text.Family("spa_cache_alerts_total", "counter", "How often the rule began to hold");
  for (const AlertRule rule : kAlertRules) {
    text.Sample("spa_cache_alerts_total", label(rule), alerts.Of(rule).raised);
  }
}

}  // namespace

std::string PrometheusText(const CacheStats& stats, const AlertWatch& alerts) {
  Text text;
  text.One("spa_cache_enabled", "gauge", "The cache is in use", stats.enabled ? 1 : 0);
  Counters(stats, text);
  Rates(stats, text);
  Latencies(stats, text);
  if (!stats.l2.url.empty()) SecondLevel(stats.l2, text);
  Failures(stats, text);
  text.One("spa_cache_keys_total", "counter", "Keys made", stats.keys_made);
  text.One("spa_cache_keys_hashed_total", "counter", "Those made by a digest", stats.keys_hashed);
  Alerts(alerts, text);
  return text.Take();
}

}  // namespace spa
