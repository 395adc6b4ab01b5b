// The figures that docs/performance.md keeps are measured here in small. How large they are depends
// on the machine and is no matter of a test; that each is measured, of right values, is.
#include <fmt/format.h>

#include <algorithm>

#include "bench/bench.h"
#include "tests/catch.h"
#include "tests/support/redis_fixture.h"

using namespace spa;
using spa::testing::RedisServer;

namespace {

BenchOptions Small() {
  BenchOptions options;
  options.keys = 2'000;
  options.operations = 20'000;
  options.repeats = 1;
  return options;
}

std::vector<BenchResult> Measured(const char* suite, const BenchOptions& options = Small()) {
  const auto results = RunBench(suite, options);
  if (!results) FAIL(results.error().message);
  for (const BenchResult& result : *results) {
    CAPTURE(result.operation_type);
    CHECK(result.success_rate == 1);
    CHECK(result.operations_per_second > 0);
    CHECK(result.p99_ms > 0);
  }
  return *results;
}

BenchResult Of(const std::vector<BenchResult>& results, std::string_view operation) {
  for (const BenchResult& result : results) {
    if (result.operation_type == operation) return result;
  }
  FAIL("nothing was measured of " << operation);
  return {};
}

// Fences stay until they expire.
std::size_t EntriesIn(const RedisServer& server) {
  return server.Ask({"KEYS", "sharepoint_audit:*"}).items.size();
}

bool Has(const std::vector<BenchResult>& results, std::string_view operation) {
  return std::any_of(results.begin(), results.end(),
                     [&](const BenchResult& result) { return result.operation_type == operation; });
}

}  // namespace

TEST_CASE("Two thousand callers use the cache at the same time", "[cache][S3-45]") {
  const auto results = Measured("basic");
  for (const char* name : {"set", "get", "delete"}) {
    Of(results, fmt::format("{}, 2000 callers at once", name));
  }
  auto one = Small();
  one.concurrency = 1;
  Of(Measured("basic", one), "get, 1 callers at once");
}

TEST_CASE("Memory is measured by threads, with how well it scales", "[cache][S3-47][S3-91]") {
  auto options = Small();
  options.policies = {EvictionPolicy::kHybrid};
  const auto results = Measured("l1", options);
  const auto one = Of(results, "l1 hybrid 1 thread"), two = Of(results, "l1 hybrid 2 threads");
  CHECK(one.more.at("efficiency") == 1);
  const double cores = std::clamp<double>(std::thread::hardware_concurrency(), 1, 2);
  CHECK(two.more.at("efficiency") ==
        Approx(two.operations_per_second / one.operations_per_second / cores));
}

TEST_CASE("Memory is measured beside a list under one mutex", "[cache][S3-64][S3-96]") {
  auto options = Small();
  options.policies = {EvictionPolicy::kHybrid, EvictionPolicy::kLru};
  options.against_plain_lru = true;
  const auto results = Measured("l1", options);
  CHECK(results.size() == 6);
  for (const char* threads : {"1 thread", "2 threads"}) {
    const auto plain = Of(results, fmt::format("l1 lru-mutex {}", threads));
    for (const char* policy : {"hybrid", "lru"}) {
      const auto ours = Of(results, fmt::format("l1 {} {}", policy, threads));
      CHECK(ours.more.at("ratio") ==
            Approx(ours.operations_per_second / plain.operations_per_second));
    }
  }
}

TEST_CASE("A hit allocates nothing, and what a write allocates is told", "[cache][S3-88]") {
  auto options = Small();
  options.policies = {EvictionPolicy::kHybrid};
  for (const auto& hit : Measured("l1", options)) {
    CHECK(hit.more.at("allocations_per_operation") == 0);
  }
  CHECK(Of(Measured("basic"), "set").more.at("allocations_per_operation") >= 1);
  for (const auto& filled : Measured("memory")) {
    CHECK(filled.more.at("heap_unused_share") >= 0);
    CHECK(filled.more.at("heap_unused_share") < 1);
  }
}

TEST_CASE("What a token and an error cost is told in nanoseconds, cached and not",
          "[cache][S2-46]") {
  const auto results = Measured("ratios");
  const auto token = Of(results, "token, cached");
  CHECK(token.more.at("cached_ns") == Approx(token.p50_ms * 1e6));
  CHECK(token.more.at("cold_ns") == Approx(Of(results, "token, validated").p50_ms * 1e6));
  const auto error = Of(results, "error, cached");
  CHECK(error.more.at("full_path_ns") ==
        Approx(Of(results, "error, asked for on loopback").p50_ms * 1e6));
  CHECK(error.more.at("full_path_ns") > error.more.at("cold_ns"));
  CHECK(error.more.at("full_path_ratio") > 34);  // A request against a lookup, on any machine.
}

TEST_CASE("Simple operations are timed in memory, on disk and on Redis",
          "[cache][S3-46][S3-90][S3-92]") {
  const RedisServer server;
  auto options = Small();
  Of(Measured("basic", options), "get");
  Of(Measured("disk", options), "get 1 at a time");
  options.l2 = server.url();
  const auto redis = Measured("redis", options);
  for (const char* name : {"put 1 at a time", "put 100 at a time", "get 1 at a time",
                           "get 100 at a time", "get, 2000 callers at once"}) {
    Of(redis, name);
  }
  CHECK(EntriesIn(server) == 0);
}

TEST_CASE("Redis is measured with and without pipelining", "[cache][S3-67]") {
  const RedisServer server;
  auto options = Small();
  options.l2 = server.url();
  const auto results = Measured("redis", options);
  const auto pipelined = Of(results, "get, 2000 callers at once");
  const auto in_turn = Of(results, "get, 2000 callers at once, not pipelined");
  CHECK(pipelined.more.at("ratio") ==
        Approx(pipelined.operations_per_second / in_turn.operations_per_second));
  CHECK(pipelined.more.at("ratio") > 1);
  options.pipeline = false;
  CHECK_FALSE(Has(Measured("redis", options), "get, 2000 callers at once"));
}

TEST_CASE("A batch of a hundred is measured beside a hundred gets of Redis", "[cache][S3-58]") {
  const RedisServer server;
  auto options = Small();
  options.l2 = server.url();
  const auto results = Measured("batch", options);
  const auto together = Of(results, "one get of 100");
  CHECK(together.more.at("ratio") == Approx(Of(results, "100 gets").p50_ms / together.p50_ms));
  CHECK(together.more.at("ratio") > 1);
  CHECK(EntriesIn(server) == 0);
}
