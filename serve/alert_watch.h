// AlertWatch: says so when the cache does badly, within half a minute.
//
// Looks at the cache every 5 s and judges by what happened in the last 20 s. A rule that begins to
// hold writes one WARN line, one that ends one INFO line; between them it is a metric (`active`).
//
// Threads: the io_context's thread. Time and samples are parameters, so that tests need no clock.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "core/latency_histogram.h"

namespace spa {

enum class AlertRule {
  kLowHitRate,   // Many lookups, few hits.
  kSecondLevel,  // The second level is out of reach or slow.
  kErrors,       // Loads or the second level fail.
};
inline constexpr std::array kAlertRules = {AlertRule::kLowHitRate, AlertRule::kSecondLevel,
                                           AlertRule::kErrors};
std::string_view NameOf(AlertRule rule);  // "low_hit_rate"

// How the cache is: counts since it began, and the state of the second level now.
struct AlertSample {
  AlertSample() = default;
  std::uint64_t lookups = 0, hits = 0;
  std::uint64_t operations = 0, errors = 0;  // Loads, and calls of the second level.
  bool reachable = true;
  LatencyHistogram::Snapshot took;  // The second level's answers.
};

struct Alert {
  Alert() = default;
  bool active = false;
  std::uint64_t raised = 0;  // How often it began.
  std::string reason;        // Of the last time.
};

struct AlertLimits {
  AlertLimits() = default;
  double hit_rate = 0.2;  // Below it, where there were
  std::uint64_t lookups = 200;
  double error_rate = 0.1;  // Above it, where there were
  std::uint64_t errors = 5;
  std::chrono::microseconds took{50'000};
};

class AlertWatch {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kEvery{5}, kWindow{20};

  // `changed` is told of every alert that begins or ends, after the log line.
  using Changed = std::function<void(AlertRule, const Alert&)>;

  explicit AlertWatch(AlertLimits limits = AlertLimits(), Changed changed = nullptr)
      : limits_(limits), changed_(std::move(changed)) {}

  void Look(const AlertSample& sample, Time now);
  const Alert& Of(AlertRule rule) const { return alerts_[static_cast<std::size_t>(rule)]; }

 private:
  void Judge(AlertRule rule, std::string reason);  // Empty: all is well.

  AlertLimits limits_;
  Changed changed_;
  std::array<Alert, kAlertRules.size()> alerts_;
  std::deque<std::pair<Time, AlertSample>> seen_;  // The oldest is the window's beginning.
};

}  // namespace spa
