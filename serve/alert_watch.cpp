#include "serve/alert_watch.h"

#include <fmt/format.h>

#include "core/log/log.h"

namespace spa {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, kAlertRules.size()> kNames = {
    "low_hit_rate", "second_level_degraded", "error_spike"};

double Share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

std::string_view NameOf(AlertRule rule) { return kNames[static_cast<std::size_t>(rule)]; }

void AlertWatch::Look(const AlertSample& sample, Time now) {
  seen_.emplace_back(now, sample);
  while (seen_.size() > 2 && seen_[1].first <= now - kWindow) seen_.pop_front();
  const AlertSample& then = seen_.front().second;

  const std::uint64_t lookups = sample.lookups - then.lookups, hits = sample.hits - then.hits;
  const bool few = lookups >= limits_.lookups && Share(hits, lookups) < limits_.hit_rate;
  Judge(AlertRule::kLowHitRate,
        few ? fmt::format("{} of {} lookups were hits", hits, lookups) : std::string());

  LatencyHistogram::Snapshot took = sample.took;
  took -= then.took;
  const std::chrono::nanoseconds usual = took.Quantile(0.5);
  Judge(AlertRule::kSecondLevel, !sample.reachable ? "it cannot be reached"
                                 : usual > limits_.took
                                     ? fmt::format("it takes {} ms to answer", usual / 1ms)
                                     : std::string());

  const std::uint64_t errors = sample.errors - then.errors;
  const std::uint64_t operations = sample.operations - then.operations;
  const bool many = errors >= limits_.errors && Share(errors, operations) > limits_.error_rate;
  Judge(AlertRule::kErrors,
        many ? fmt::format("{} of {} loads and store calls failed", errors, operations)
             : std::string());
}

void AlertWatch::Judge(AlertRule rule, std::string reason) {
  Alert& alert = alerts_[static_cast<std::size_t>(rule)];
  const bool active = !reason.empty();
  if (active) alert.reason = std::move(reason);
  if (active == alert.active) return;
  alert.active = active;
  if (active) {
    ++alert.raised;
    log::Warn("cache alert", {{"rule", std::string(NameOf(rule))}, {"reason", alert.reason}});
  } else {
    log::Info("cache alert is over", {{"rule", std::string(NameOf(rule))}});
  }
  if (changed_) changed_(rule, alert);
}

}  // namespace spa
