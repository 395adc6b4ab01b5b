// The verbs that measure and load the cache, with a second level and within bounds of the system.
#include <sys/resource.h>

#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/support/redis_fixture.h"
#include "tests/system/program.h"

namespace spa::testing {
namespace {

using Json = nlohmann::json;

// For this process and those it starts.
class DataLimit {
 public:
  explicit DataLimit(rlim_t bytes) {
    REQUIRE(::getrlimit(RLIMIT_DATA, &before_) == 0);
    const rlimit now{bytes, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_DATA, &now) == 0);
  }
  ~DataLimit() { ::setrlimit(RLIMIT_DATA, &before_); }
  DataLimit(const DataLimit&) = delete;

 private:
  rlimit before_{};
};

// Fences stay until they expire.
std::size_t EntriesIn(const RedisServer& server) {
  return server.Ask({"KEYS", "sharepoint_audit:*"}).items.size();
}

Json Printed(const Ended& ended) {
  INFO(ended.err);
  REQUIRE(ended.exit == 0);
  return Json::parse(ended.out);
}

}  // namespace

TEST_CASE("bench measures the Redis that --l2 names, and leaves no entry in it",
          "[system][cache][S3-67]") {
  const RedisServer server;
  const auto bench = [&](Words more) {
    Words words = {"cache",     "bench", "redis",  "--ops", "20000",
                   "--repeats", "1",     "--json", "--l2",  server.url()};
    words.insert(words.end(), more.begin(), more.end());
    return Run(words);
  };
  const Json piped = Printed(bench({"--concurrency", "50"}));
  CHECK(piped.back().at("operation_type") == "get, 50 callers at once");
  CHECK(piped.back().at("ratio") > 0);
  const Json in_turn = Printed(bench({"--concurrency", "50", "--pipeline", "off"}));
  CHECK(in_turn.size() == piped.size() - 1);
  CHECK(EntriesIn(server) == 0);
  CHECK(Run({"cache", "bench", "redis"}).exit == 2);
  CHECK(bench({"--pipeline", "sometimes"}).exit == 2);
}

TEST_CASE("bench takes the policies and the plain list it is given",
          "[system][cache][S3-64][S3-96]") {
  const Words few = {"cache", "bench", "l1", "--ops", "2000", "--repeats", "1", "--threads", "1"};
  const auto with = [&](Words more) {
    more.insert(more.begin(), few.begin(), few.end());
    return Run(more);
  };
  const Json results = Printed(with({"--policy", "lru,s3fifo", "--vs", "lru-mutex", "--json"}));
  REQUIRE(results.size() == 3);
  CHECK(results[0].at("operation_type") == "l1 lru-mutex 1 thread");
  CHECK(results[1].at("operation_type") == "l1 lru 1 thread");
  CHECK(results[2].at("operation_type") == "l1 s3fifo 1 thread");
  CHECK(results[2].at("ratio") > 0);
  CHECK(with({"--policy", "random"}).exit == 2);
  CHECK(with({"--vs", "nothing"}).exit == 2);
}

TEST_CASE("stress compares two second levels by their URLs", "[system][cache][S3-83]") {
  const RedisServer server;
  const Folder folder;
  const Json report =
      Printed(Run({"cache", "stress", "contract", "--a", "disk:" + folder.File("cache.db"), "--b",
                   server.url(), "--ops", "3000", "--json"}));
  CHECK(report.at("ok") == true);
  CHECK(report.at("figures").at("operations") == 3'000);
  CHECK(report.at("figures").at("differences") == 0);
  CHECK(EntriesIn(server) == 0);
}

TEST_CASE("The bytes that are counted are those the process grows by", "[system][cache][S2-68]") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  WARN("A sanitizer's heap keeps a margin around everything.");
#else
  const Json results = Printed(Run({"cache", "bench", "memory", "--json"}));
  CHECK(results.size() == 3);
  for (const Json& filled : results) {
    CAPTURE(filled.dump());
    CHECK(filled.at("counted_of_grown") == Approx(1).margin(0.1));
  }
#endif
}

TEST_CASE("Two gigabytes go through a process that may have a quarter of one",
          "[system][cache][S3-81]") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  WARN("Its shadow alone is more than the limit.");
#else
  const DataLimit limit(rlim_t{256} << 20);
  const Json report = Printed(Run({"cache", "stress", "fill", "--bytes", "2G", "--json"}));
  CHECK(report.at("ok") == true);
  CHECK(report.at("figures").at("grown_mb") < 64);
  CHECK(Run({"cache", "stress", "fill", "--bytes", "2Q"}).exit == 2);
#endif
}

}  // namespace spa::testing
