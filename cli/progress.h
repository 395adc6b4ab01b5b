// Progress: what a person sees while a run works. On a terminal one line, redrawn in place;
// elsewhere one JSON heartbeat per line every 10 s (contract.md section 1).
//
// The caller owns the clock: it calls Tick as often as it likes (a few times a second), and
// Progress decides whether it is time to draw. Rendering is pure: a function of its arguments.
//
// Threads: Tick from one thread; Clear from any, because the log calls it before each line.
// Lifetime: while a Progress draws a line it is the log's before-line hook; one at a time.
// Errors: none; a closed stderr is ignored.
#pragma once

#include <chrono>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>

namespace spa {

struct ProgressSnapshot {
  ProgressSnapshot() = default;
  std::string phase;  // "discovering", "reading permissions", …
  std::chrono::duration<double> elapsed{0};
  long sites_done = 0, sites_total = 0;
  long libraries = 0;
  long items = 0;
  long scopes_read = 0, scopes_pending = 0;
  long http_requests = 0;
  int in_flight = 0;
  std::chrono::duration<double> throttled_for{0};  // Left until the pause ends; 0: not paused.
  long retries = 0;
  double resource_units = 0;
  long units_in_minute = 0;   // Spent in the last one.
  long units_per_minute = 0;  // That may be spent; 0: not known.
};

// Time left by the share of sites done; zero where it cannot be told yet.
std::chrono::seconds TimeLeft(const ProgressSnapshot& snapshot);

// "1:02:03", "4:05".
std::string FormatElapsed(std::chrono::duration<double> elapsed);
// "12,345"
std::string FormatCount(long count);

// At most `width` columns; parts that do not fit are left out, the most important come first.
std::string RenderLine(const ProgressSnapshot& snapshot, double items_per_second, int width,
                       bool color);

// One JSON object without newline. `time` is ISO 8601.
std::string RenderHeartbeat(const ProgressSnapshot& snapshot, double items_per_second,
                            std::string_view run_id, std::string_view time);

class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  enum class Style { kNone, kLine, kHeartbeat };
  struct Options {
    Options() = default;
    Style style = Style::kNone;
    bool color = false;
    int width = 0;  // Columns; 0: ask the terminal at every draw.
    std::string run_id;
  };
  // What stderr calls for: a line on a terminal, heartbeats elsewhere, nothing when quiet.
  static Options ForStderr(bool quiet);

  Progress(std::FILE* out, Options options);
  ~Progress();  // Clears the line.
  Progress(const Progress&) = delete;

  void SetRunId(std::string run_id) { options_.run_id = std::move(run_id); }
  void Tick(Clock::time_point now, const ProgressSnapshot& snapshot);
  void Clear();  // Takes the line away; the next Tick draws it again.

 private:
  void MeasureRate(Clock::time_point now, const ProgressSnapshot& snapshot);

  std::FILE* out_;
  Options options_;
  std::mutex mutex_;  // What is on the screen.
  bool line_shown_ = false;
  bool started_ = false;
  Clock::time_point last_drawn_{};
  Clock::time_point rate_since_{};
  long rate_items_ = 0;
  double items_per_second_ = 0;
};

}  // namespace spa
