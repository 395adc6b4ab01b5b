// Sampling of reuse, and the advice drawn from it.
#include "cache/advise.h"

#include <fmt/format.h>

#include "cache/cache_key.h"
#include "cache/reuse_sampler.h"
#include "tests/catch.h"

namespace spa {
namespace {

CacheTime At(long seconds) { return CacheTime(std::chrono::seconds(1'000'000 + seconds)); }

CacheKey Key(int i) { return CacheKey(CacheKind::kGroupMembers, fmt::format("g{}", i)); }

// A loop over so many keys, several times, one lookup a second.
std::map<std::string, std::int64_t> LoopOver(int keys, int rounds) {
  ReuseSampler sampler;
  long now = 0;
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < keys; ++i) sampler.Saw(Key(i).fingerprint(), At(++now));
  }
  auto counters = sampler.Take("group_members");
  counters["group_members.lookups"] = static_cast<std::int64_t>(keys) * rounds;
  counters["group_members.misses"] = keys;
  return counters;
}

}  // namespace

TEST_CASE("A loop over more keys than memory holds asks for more memory",
          "[cache][S2-75][S3-121]") {
  const auto counters = LoopOver(20'000, 3);

  const std::vector<KindAdvice> advice = Advise(counters, 10'000);

  REQUIRE(advice.size() == 1);
  CHECK(advice[0].kind == "group_members");
  REQUIRE(advice[0].entries.has_value());
  CHECK(*advice[0].entries >= 16'384);
  CHECK(*advice[0].entries <= 65'536);
  REQUIRE(advice[0].ttl.has_value());
  CHECK(advice[0].ttl->count() >= 16'384);
  CHECK(advice[0].reason.find("too few") != std::string::npos);
  CHECK(advice[0].hit_ratio == Approx(2.0 / 3));
}

TEST_CASE("The curve never falls and ends at the share of what came back", "[cache][S3-121]") {
  const auto advice = Advise(LoopOver(5'000, 4), 10'000);

  REQUIRE(advice.size() == 1);
  double before = 0;
  for (const CapacityPoint& point : advice[0].curve) {
    CHECK(point.hit_ratio >= before);
    before = point.hit_ratio;
  }
  CHECK(before == Approx(0.75).margin(0.01));
}

TEST_CASE("Without a record there is no advice", "[cache][S2-75]") {
  CHECK(Advise({}, 10'000).empty());
  const auto advice = Advise({{"site.lookups", 5}}, 10'000);
  REQUIRE(advice.size() == 1);
  CHECK_FALSE(advice[0].entries.has_value());
  CHECK(advice[0].reason.find("no advice") != std::string::npos);
}

TEST_CASE("What was taken from the sampler is not told again", "[cache]") {
  ReuseSampler sampler;
  for (int i = 0; i < 1000; ++i) sampler.Saw(Key(i).fingerprint(), At(i));

  CHECK_FALSE(sampler.Take("site").empty());
  CHECK(sampler.Take("site").empty());
}

}  // namespace spa
