#include "cli/progress.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/terminal.h"
#include "core/log/log.h"

namespace spa {
namespace {

constexpr std::chrono::milliseconds kLineInterval{100};
constexpr std::chrono::seconds kHeartbeatInterval{10};
constexpr std::chrono::seconds kRateWindow{2};
constexpr std::string_view kSeparator = "  ";

double Rounded(double value) { return std::round(value * 10) / 10; }

}  // namespace

std::chrono::seconds TimeLeft(const ProgressSnapshot& s) {
  if (s.sites_done <= 0 || s.sites_total <= s.sites_done) return std::chrono::seconds(0);
  const double share = static_cast<double>(s.sites_total - s.sites_done) / s.sites_done;
  return std::chrono::seconds(std::llround(s.elapsed.count() * share));
}

std::string FormatElapsed(std::chrono::duration<double> elapsed) {
  const long total = static_cast<long>(elapsed.count());
  const long hours = total / 3600, minutes = total / 60 % 60, seconds = total % 60;
  if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes, seconds);
  return fmt::format("{}:{:02}", minutes, seconds);
}

std::string FormatCount(long count) {
  std::string digits = std::to_string(std::labs(count));
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) digits.insert(at, ",");
  return count < 0 ? "-" + digits : digits;
}

std::string RenderLine(const ProgressSnapshot& s, double items_per_second, int width, bool color) {
  struct Part {
    std::string text;
    std::string_view style;
  };
  std::vector<Part> parts;
  parts.push_back({FormatElapsed(s.elapsed), "\x1b[2m"});
  if (!s.phase.empty()) parts.push_back({s.phase, "\x1b[1m"});
  if (s.throttled_for.count() > 0) {
    parts.push_back(
        {fmt::format("throttled {:.0f} s", std::ceil(s.throttled_for.count())), "\x1b[33m"});
  }
  if (s.units_per_minute > 0) {
    parts.push_back({fmt::format("{}/{} units/min", FormatCount(s.units_in_minute),
                                 FormatCount(s.units_per_minute)),
                     ""});
  }
  if (s.sites_total > 0) {
    parts.push_back(
        {fmt::format("{}/{} sites", FormatCount(s.sites_done), FormatCount(s.sites_total)), ""});
  }
  if (const auto left = TimeLeft(s); left.count() > 0) {
    parts.push_back({"~" + FormatElapsed(left) + " left", ""});
  }
  parts.push_back({FormatCount(s.items) + " items", ""});
  if (items_per_second >= 0.5) {
    parts.push_back({fmt::format("{}/s", FormatCount(std::lround(items_per_second))), ""});
  }
  if (s.scopes_read + s.scopes_pending > 0) {
    parts.push_back({fmt::format("{}/{} scopes", FormatCount(s.scopes_read),
                                 FormatCount(s.scopes_read + s.scopes_pending)),
                     ""});
  }
  parts.push_back(
      {fmt::format("{} calls ({} now)", FormatCount(s.http_requests), s.in_flight), ""});
  if (s.libraries > 0) parts.push_back({FormatCount(s.libraries) + " libraries", ""});
  if (s.retries > 0) parts.push_back({FormatCount(s.retries) + " retries", "\x1b[33m"});
  if (s.resource_units > 0) {
    parts.push_back({FormatCount(std::lround(s.resource_units)) + " units", ""});
  }

  std::string line;
  int used = 0;
  for (const Part& part : parts) {
    const int gap = used == 0 ? 0 : static_cast<int>(kSeparator.size());
    const int size = static_cast<int>(part.text.size());
    if (used + gap + size > width) continue;
    line.append(kSeparator.substr(0, gap));
    if (color && !part.style.empty()) {
      line.append(part.style).append(part.text).append("\x1b[0m");
    } else {
      line.append(part.text);
    }
    used += gap + size;
  }
  return line;
}

std::string RenderHeartbeat(const ProgressSnapshot& s, double items_per_second,
                            std::string_view run_id, std::string_view time) {
  nlohmann::ordered_json beat;
  beat["time"] = time;
  beat["event"] = "progress";
  if (!run_id.empty()) beat["run_id"] = run_id;
  beat["phase"] = s.phase;
  beat["elapsed_seconds"] = Rounded(s.elapsed.count());
  beat["sites_done"] = s.sites_done;
  beat["sites_total"] = s.sites_total;
  beat["libraries"] = s.libraries;
  beat["items"] = s.items;
  beat["items_per_second"] = Rounded(items_per_second);
  beat["scopes_read"] = s.scopes_read;
  beat["scopes_pending"] = s.scopes_pending;
  beat["http_requests"] = s.http_requests;
  beat["in_flight"] = s.in_flight;
  beat["throttled_for_seconds"] = Rounded(s.throttled_for.count());
  beat["retries"] = s.retries;
  beat["resource_units"] = Rounded(s.resource_units);
  beat["units_in_minute"] = s.units_in_minute;
  beat["units_per_minute"] = s.units_per_minute;
  return beat.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Progress::Options Progress::ForStderr(bool quiet) {
  Options options;
  if (quiet) return options;
  options.style = IsTerminal(stderr) ? Style::kLine : Style::kHeartbeat;
  options.color = UseColor(stderr);
  return options;
}

Progress::Progress(std::FILE* out, Options options) : out_(out), options_(std::move(options)) {
  if (options_.style == Style::kLine) log::SetBeforeLine([this] { Clear(); });
}

Progress::~Progress() {
  if (options_.style == Style::kLine) log::SetBeforeLine(nullptr);
  Clear();
}

void Progress::MeasureRate(Clock::time_point now, const ProgressSnapshot& snapshot) {
  const std::chrono::duration<double> span = now - rate_since_;
  if (span < kRateWindow) return;
  items_per_second_ = static_cast<double>(snapshot.items - rate_items_) / span.count();
  rate_since_ = now;
  rate_items_ = snapshot.items;
}

void Progress::Tick(Clock::time_point now, const ProgressSnapshot& snapshot) {
  if (options_.style == Style::kNone) return;
  if (!started_) {
    started_ = true;
    rate_since_ = now;
    rate_items_ = snapshot.items;
    last_drawn_ = options_.style == Style::kLine ? now - kLineInterval : now;
  }
  MeasureRate(now, snapshot);
  const Clock::duration interval = options_.style == Style::kLine
                                       ? Clock::duration(kLineInterval)
                                       : Clock::duration(kHeartbeatInterval);
  if (now - last_drawn_ < interval) return;
  last_drawn_ = now;

  const std::lock_guard lock(mutex_);
  if (options_.style == Style::kLine) {
    const int width = options_.width > 0 ? options_.width : TerminalWidth(out_);
    const std::string line = RenderLine(snapshot, items_per_second_, width - 1, options_.color);
    fmt::print(out_, "\r{}\x1b[K", line);
    line_shown_ = true;
  } else {
    const auto time = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    fmt::print(out_, "{}\n",
               RenderHeartbeat(snapshot, items_per_second_, options_.run_id,
                               fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(time))));
  }
  std::fflush(out_);
}

void Progress::Clear() {
  const std::lock_guard lock(mutex_);
  if (!line_shown_) return;
  std::fputs("\r\x1b[K", out_);
  std::fflush(out_);
  line_shown_ = false;
}

}  // namespace spa
