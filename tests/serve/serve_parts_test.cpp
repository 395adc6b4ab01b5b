#include <sys/stat.h>

#include <filesystem>

#include "core/log/log.h"
#include "serve/alert_watch.h"
#include "serve/api_key.h"
#include "serve/rate_limiter.h"
#include "tests/auth/test_certificate.h"
#include "tests/catch.h"

namespace spa {
namespace {

using namespace std::chrono_literals;

TEST_CASE("A caller may make a burst of calls, then as many as its bucket fills",
          "[cache][S2-41]") {
  RateLimiter limiter(10, 20);
  RateLimiter::Time now{};

  for (int i = 0; i < 20; ++i) CHECK_FALSE(limiter.Take("a", now));
  CHECK(limiter.Take("a", now) == 1s);
  CHECK_FALSE(limiter.Take("b", now));
  now += 100ms;
  CHECK_FALSE(limiter.Take("a", now));
  CHECK(limiter.Take("a", now));
  now += 1h;
  for (int i = 0; i < 20; ++i) CHECK_FALSE(limiter.Take("a", now));
  CHECK(limiter.Take("a", now));
}

TEST_CASE("A slow bucket says how long to wait") {
  RateLimiter limiter(0.1, 1);
  RateLimiter::Time now{};
  CHECK_FALSE(limiter.Take("a", now));
  CHECK(limiter.Take("a", now) == 10s);
}

TEST_CASE("Callers under ever new names share one bucket in the end") {
  RateLimiter limiter(1, 2);
  const RateLimiter::Time now{};
  std::size_t refused = 0;
  for (std::size_t i = 0; i < RateLimiter::kMostCallers + 100; ++i) {
    if (limiter.Take(std::to_string(i), now)) ++refused;
  }
  CHECK(refused == 98);
}

TEST_CASE("An API key matches itself alone") {
  const auto key = ApiKey::From(Secret("0123456789abcdef"));
  REQUIRE(key);
  CHECK(key->Matches("0123456789abcdef"));
  for (const char* wrong : {"", "0123456789abcdeF", "0123456789abcde", "0123456789abcdef0"}) {
    CHECK_FALSE(key->Matches(wrong));
  }
  CHECK(ApiKey::From(Secret("short")).error().code == ErrorCode::kUsage);
}

TEST_CASE("A key file is made for its owner alone, and read again") {
  const testing::TempFile place("");
  const std::string path = place.path() + ".d/serve.key";

  const auto made = ReadOrMakeKeyFile(path);
  REQUIRE(made);
  CHECK(made->Reveal().size() == 43);
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(ReadOrMakeKeyFile(path)->Reveal() == made->Reveal());

  REQUIRE(::chmod(path.c_str(), 0644) == 0);
  CHECK(ReadOrMakeKeyFile(path).error().code == ErrorCode::kUsage);
  std::filesystem::remove_all(place.path() + ".d");
}

AlertSample Sample(std::uint64_t lookups, std::uint64_t hits, std::uint64_t operations = 0,
                   std::uint64_t errors = 0) {
  AlertSample sample;
  sample.lookups = lookups;
  sample.hits = hits;
  sample.operations = operations;
  sample.errors = errors;
  return sample;
}

TEST_CASE("A low hit rate over many lookups raises an alert that ends with it",
          "[cache][S2-70][S3-95]") {
  std::vector<std::pair<AlertRule, bool>> told;
  AlertWatch watch(AlertLimits(), [&](AlertRule rule, const Alert& alert) {
    told.emplace_back(rule, alert.active);
  });
  AlertWatch::Time now{};
  watch.Look(Sample(0, 0), now);
  watch.Look(Sample(150, 0), now += 5s);  // Few lookups say nothing.
  CHECK_FALSE(watch.Of(AlertRule::kLowHitRate).active);
  watch.Look(Sample(300, 10), now += 5s);
  CHECK(watch.Of(AlertRule::kLowHitRate).active);
  CHECK(watch.Of(AlertRule::kLowHitRate).reason == "10 of 300 lookups were hits");
  for (std::uint64_t i = 1; i <= 5; ++i) watch.Look(Sample(300 + i * 200, 10 + i * 190), now += 5s);
  CHECK_FALSE(watch.Of(AlertRule::kLowHitRate).active);
  CHECK(watch.Of(AlertRule::kLowHitRate).raised == 1);
  CHECK(told == std::vector<std::pair<AlertRule, bool>>{{AlertRule::kLowHitRate, true},
                                                        {AlertRule::kLowHitRate, false}});
}

TEST_CASE("A spike of errors is told within thirty seconds", "[cache][S3-113]") {
  AlertWatch watch;
  AlertWatch::Time now{};
  std::uint64_t operations = 0;
  for (int i = 0; i < 100; ++i) {  // Long in good health.
    watch.Look(Sample(0, 0, operations += 100, 0), now += AlertWatch::kEvery);
  }
  const AlertWatch::Time fault = now;
  std::uint64_t errors = 0;
  while (!watch.Of(AlertRule::kErrors).active && now < fault + 1min) {
    operations += 100;
    watch.Look(Sample(0, 0, operations, errors += 30), now += AlertWatch::kEvery);
  }
  CHECK(now - fault <= 30s);
}

TEST_CASE("A second level that is out of reach or slow is told", "[cache][S2-69][S3-95]") {
  AlertWatch watch;
  AlertWatch::Time now{};
  LatencyHistogram took;
  AlertSample sample;
  for (int i = 0; i < 1000; ++i) took.Record(1ms);
  sample.took = took.Read();
  watch.Look(sample, now += 5s);
  for (int i = 0; i < 10; ++i) took.Record(60ms);  // The usual answer of late, not of all times.
  sample.took = took.Read();
  watch.Look(sample, now += 5s);
  CHECK(watch.Of(AlertRule::kSecondLevel).active);
  CHECK(watch.Of(AlertRule::kSecondLevel).reason.starts_with("it takes 6"));
  for (int i = 0; i < 6; ++i) {
    took.Record(1ms);
    sample.took = took.Read();
    watch.Look(sample, now += 5s);
  }
  CHECK_FALSE(watch.Of(AlertRule::kSecondLevel).active);
  sample.reachable = false;
  watch.Look(sample, now += 5s);
  CHECK(watch.Of(AlertRule::kSecondLevel).reason == "it cannot be reached");
  CHECK(watch.Of(AlertRule::kSecondLevel).raised == 2);
}

}  // namespace
}  // namespace spa
