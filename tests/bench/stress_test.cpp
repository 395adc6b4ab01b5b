#include "bench/stress.h"

#include "bench/history.h"
#include "bench/welch.h"
#include "core/log/log.h"
#include "tests/catch.h"

using namespace spa;
using What = HistoryStep::What;

namespace {

HistoryStep Step(What what, std::uint64_t value, std::int64_t begin, std::int64_t end) {
  HistoryStep step;
  step.what = what;
  (what == What::kWrite ? step.written : step.seen) = value;
  step.begin = begin;
  step.end = end;
  return step;
}

StressReport Run(const char* suite, StressOptions options = {}) {
  if (!options.operations) options.operations = 200'000;
  const auto report = RunStress(suite, options);
  REQUIRE(report);
  for (const auto& problem : report->problems) UNSCOPED_INFO(problem);
  return *report;
}

// As many as suit a store on disk.
StressOptions Few() {
  StressOptions options;
  options.operations = 2'000;
  return options;
}

}  // namespace

TEST_CASE("A history is accepted where some order explains it", "[cache]") {
  CHECK(Linearizable({}));
  CHECK(Linearizable({Step(What::kWrite, 1, 0, 10), Step(What::kRead, 1, 20, 30),
                      Step(What::kErase, 1, 40, 50), Step(What::kRead, 0, 60, 70)}));
  // Two writes at once: either may be last, but then for everybody.
  CHECK(Linearizable({Step(What::kWrite, 1, 0, 10), Step(What::kWrite, 2, 0, 10),
                      Step(What::kRead, 1, 20, 30), Step(What::kRead, 1, 40, 50)}));
  // A read beside a write may see the old or the new.
  CHECK(Linearizable({Step(What::kWrite, 1, 0, 10), Step(What::kWrite, 2, 20, 60),
                      Step(What::kRead, 1, 30, 40), Step(What::kRead, 2, 45, 50)}));
}

TEST_CASE("A history that no order explains is refused", "[cache]") {
  // Old again after new.
  CHECK_FALSE(Linearizable({Step(What::kWrite, 1, 0, 10), Step(What::kWrite, 2, 20, 60),
                            Step(What::kRead, 2, 30, 40), Step(What::kRead, 1, 45, 50)}));
  // Seen after it was erased.
  CHECK_FALSE(Linearizable(
      {Step(What::kWrite, 1, 0, 10), Step(What::kErase, 1, 20, 30), Step(What::kRead, 1, 40, 50)}));
  // Never written.
  CHECK_FALSE(Linearizable({Step(What::kRead, 9, 0, 10)}));
  // Two updates of the same value: one was lost.
  auto first = Step(What::kUpdate, 0, 0, 10);
  first.written = 1;
  auto second = Step(What::kUpdate, 0, 5, 15);
  second.written = 2;
  CHECK_FALSE(Linearizable({first, second}));
}

TEST_CASE("Recorded histories of the memory store are linearizable", "[cache]") {
  const auto report = Run("history");
  CHECK(report.problems.empty());
  CHECK(report.figures.at("histories") > 1'000);
}

TEST_CASE("Everything at once on eight threads leaves values, bounds and accounts right",
          "[cache][S2-01][S3-80]") {
  CHECK(Run("mixed").problems.empty());
}

TEST_CASE("Fifty thousand callers of one key make one load", "[cache][S3-62][S3-79]") {
  CHECK(Run("single-key").problems.empty());
}

TEST_CASE("Filling with far more than fits keeps memory near the budget", "[cache]") {
  CHECK(Run("fill").problems.empty());
}

TEST_CASE("Ten seconds of load on both levels leave memory as it was", "[cache][S3-82]") {
  StressOptions options;
  options.duration = std::chrono::seconds(10);
  const auto report = Run("soak", options);
  CHECK(report.problems.empty());
  CHECK(report.figures.at("rounds") > 1);
  CHECK(report.figures.contains("rss_mb_per_hour"));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(report.figures.at("grown_mb") < 8);
#endif
  CHECK_FALSE(RunStress("no such suite", options));
}

TEST_CASE("Samples of the same mean are told from those of another", "[cache]") {
  Moments low, high, alike;
  for (int i = 0; i < 1'000; ++i) {
    low.Add(100 + i % 10);
    alike.Add(100 + (i + 3) % 10);
    high.Add(101 + i % 10);
  }
  CHECK(std::abs(WelchT(low, alike)) < 0.1);
  CHECK(WelchT(high, low) > 4.5);
  CHECK(low.mean() == Approx(104.5));
}

TEST_CASE("The time a wrong API key takes does not tell how much of it is right",
          "[cache][S3-09]") {
  StressOptions options;
  options.operations = 50'000;
  const auto report = Run("timing", options);
  CHECK(report.figures.at("t") < 4.5);
  CHECK(report.figures.at("t_of_a_plain_comparison") > 4.5);
}

TEST_CASE("A store that fails, dawdles and returns garbage causes misses and no wrong value",
          "[cache][S3-84]") {
  log::Options quiet;
  quiet.stderr_level = log::Level::kError;
  REQUIRE(log::Open(quiet));
  const auto report = Run("chaos", Few());
  CHECK(report.problems.empty());
  CHECK(report.figures.at("store_errors") > 100);
  CHECK(report.figures.at("hits") > 100);
}

TEST_CASE("A second level that cannot be opened is no answer", "[cache]") {
  auto options = Few();
  options.b = "redis://127.0.0.1:1";
  CHECK_FALSE(RunStress("contract", options));
}

TEST_CASE("Memory alone and two levels answer two thousand random operations alike",
          "[cache][S3-83]") {
  const auto report = Run("contract", Few());
  CHECK(report.problems.empty());
  CHECK(report.figures.at("operations") == 2'000);
}

TEST_CASE("An observer that throws fails no lookup", "[cache][S1-18]") {
  const auto report = Run("observers", Few());
  CHECK(report.problems.empty());
  CHECK(report.figures.at("thrown") > 0);
}
