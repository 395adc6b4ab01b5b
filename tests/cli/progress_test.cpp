#include "cli/progress.h"

#include <nlohmann/json.hpp>

#include "cli/terminal.h"
#include "tests/catch.h"

namespace spa {
namespace {

using namespace std::chrono_literals;

ProgressSnapshot Halfway() {
  ProgressSnapshot snapshot;
  snapshot.phase = "discovering";
  snapshot.elapsed = 65s;
  snapshot.sites_done = 5;
  snapshot.sites_total = 10;
  snapshot.libraries = 12;
  snapshot.items = 12345;
  snapshot.scopes_read = 30;
  snapshot.scopes_pending = 10;
  snapshot.http_requests = 400;
  snapshot.in_flight = 7;
  return snapshot;
}

// What Progress wrote to a file of its own.
class Screen {
 public:
  Screen() : file_(std::tmpfile()) { REQUIRE(file_ != nullptr); }
  ~Screen() { std::fclose(file_); }
  std::FILE* file() { return file_; }
  std::string Text() {
    std::string text(static_cast<std::size_t>(std::ftell(file_)), '\0');
    std::rewind(file_);
    REQUIRE(std::fread(text.data(), 1, text.size(), file_) == text.size());
    return text;
  }

 private:
  std::FILE* file_;
};

}  // namespace

TEST_CASE("the progress line says phase, sites, time left, items, scopes and calls") {
  CHECK(RenderLine(Halfway(), 190, 200, false) ==
        "1:05  discovering  5/10 sites  ~1:05 left  12,345 items  190/s  30/40 scopes  400 calls "
        "(7 now)  "
        "12 libraries");
}

TEST_CASE("a pause by the service comes right after the phase") {
  ProgressSnapshot snapshot = Halfway();
  snapshot.throttled_for = 12.2s;
  snapshot.retries = 3;

  CHECK(RenderLine(snapshot, 0, 60, false)
            .starts_with("1:05  discovering  throttled 13 s  5/10 sites"));
  CHECK(RenderLine(snapshot, 0, 200, false).ends_with("3 retries"));
}

TEST_CASE("the progress line is never wider than the terminal") {
  for (int width = 0; width < 130; ++width) {
    CHECK(static_cast<int>(RenderLine(Halfway(), 190, width, false).size()) <= width);
  }
}

TEST_CASE("colors change nothing but colors") {
  std::string colored = RenderLine(Halfway(), 190, 100, true);
  CHECK(colored.find('\x1b') != std::string::npos);
  for (std::size_t at; (at = colored.find('\x1b')) != std::string::npos;) {
    colored.erase(at, colored.find('m', at) - at + 1);
  }

  CHECK(colored == RenderLine(Halfway(), 190, 100, false));
}

TEST_CASE("time left is told only where there is a share to tell it by") {
  ProgressSnapshot snapshot;
  snapshot.elapsed = 60s;
  snapshot.sites_total = 4;
  CHECK(TimeLeft(snapshot) == 0s);
  snapshot.sites_done = 1;
  CHECK(TimeLeft(snapshot) == 180s);
  snapshot.sites_done = 4;
  CHECK(TimeLeft(snapshot) == 0s);
}

TEST_CASE("counts and times are written for people") {
  CHECK(FormatCount(0) == "0");
  CHECK(FormatCount(999) == "999");
  CHECK(FormatCount(1000) == "1,000");
  CHECK(FormatCount(1234567) == "1,234,567");
  CHECK(FormatElapsed(5s) == "0:05");
  CHECK(FormatElapsed(3723s) == "1:02:03");
}

TEST_CASE("a heartbeat is one JSON object on one line") {
  const std::string line = RenderHeartbeat(Halfway(), 190.26, "run-1", "2026-01-02T03:04:05Z");

  CHECK(line.find('\n') == std::string::npos);
  const auto beat = nlohmann::json::parse(line);
  CHECK(beat["event"] == "progress");
  CHECK(beat["time"] == "2026-01-02T03:04:05Z");
  CHECK(beat["run_id"] == "run-1");
  CHECK(beat["phase"] == "discovering");
  CHECK(beat["items"] == 12345);
  CHECK(beat["items_per_second"] == 190.3);
  CHECK(beat["scopes_pending"] == 10);
  CHECK(beat["in_flight"] == 7);
  CHECK(beat["throttled_for_seconds"] == 0);
}

TEST_CASE("heartbeats come every ten seconds, the first after ten") {
  Screen screen;
  {
    Progress::Options options;
    options.style = Progress::Style::kHeartbeat;
    Progress progress(screen.file(), options);
    const Progress::Clock::time_point start{};
    for (int second = 0; second <= 25; ++second)
      progress.Tick(start + std::chrono::seconds(second), Halfway());
  }

  const std::string text = screen.Text();
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);
}

TEST_CASE("the live line is redrawn at most ten times a second and taken away at the end") {
  Screen screen;
  {
    Progress::Options options;
    options.style = Progress::Style::kLine;
    options.width = 80;
    Progress progress(screen.file(), options);
    const Progress::Clock::time_point start{};
    for (int ms = 0; ms < 1000; ms += 10)
      progress.Tick(start + std::chrono::milliseconds(ms), Halfway());
  }

  const std::string text = screen.Text();
  CHECK(std::count(text.begin(), text.end(), '\r') == 11);
  CHECK(text.ends_with("\r\x1b[K"));
}

TEST_CASE("quiet progress writes nothing") {
  Screen screen;
  {
    Progress progress(screen.file(), Progress::ForStderr(true));
    progress.Tick(Progress::Clock::time_point{}, Halfway());
    progress.Tick(Progress::Clock::time_point{} + 20s, Halfway());
  }

  CHECK(screen.Text().empty());
}

TEST_CASE("a table aligns its columns and escapes its cells") {
  CHECK(RenderTable({{"name", "n"}, {"Gehälter", "1"}, {"a\x1b[m", "2"}}) ==
        "name      n\nGehälter  1\na\\x1b[m   2\n");
}

}  // namespace spa
