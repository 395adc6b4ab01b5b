#include "cache/envelope.h"

#include <random>

#include "tests/catch.h"

namespace spa {
namespace {

constexpr std::string_view kKey = "sharepoint_audit:group_members:1:g1";

CacheTime At(std::int64_t seconds) { return CacheTime(std::chrono::seconds(seconds)); }

Envelope Sample(std::string payload) {
  Envelope envelope;
  envelope.schema = 3;
  envelope.fence = 42;
  envelope.created = At(1'800'000'000);
  envelope.fresh_until = At(1'800'003'600);
  envelope.stale_until = At(1'800'004'200);
  envelope.error_until = At(1'800'086'400);
  envelope.tags = {{"site", "hr"}, {"tenant", "contoso"}};
  envelope.payload = std::move(payload);
  return envelope;
}

SealOptions Keyed() {
  SealOptions options;
  options.mac_key = "a key that only its owner knows";
  return options;
}

std::string Random(std::mt19937& random, std::size_t size, int alphabet) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random() % static_cast<unsigned>(alphabet));
  return bytes;
}

void CheckSame(const Envelope& a, const Envelope& b) {
  CHECK(a.schema == b.schema);
  CHECK(a.fence == b.fence);
  CHECK(a.created == b.created);
  CHECK(a.fresh_until == b.fresh_until);
  CHECK(a.stale_until == b.stale_until);
  CHECK(a.error_until == b.error_until);
  CHECK(a.tags == b.tags);
  CHECK(a.payload == b.payload);
}

TEST_CASE("An envelope brings back all it was given", "[cache][envelope][S1-22]") {
  for (const SealOptions& options : {SealOptions(), Keyed()}) {
    for (const auto& payload : {std::string(), std::string("[]"), std::string(5000, 'x')}) {
      const Envelope sample = Sample(payload);

      const Opened opened = OpenEnvelope(Seal(sample, kKey, options), kKey, options);

      REQUIRE(opened.envelope);
      CheckSame(*opened.envelope, sample);
    }
  }
}

TEST_CASE("Ten thousand random payloads come back as they were", "[cache][envelope][S1-22]") {
  std::mt19937 random(4711);
  int compressed = 0;
  for (int i = 0; i < 10'000; ++i) {
    const SealOptions options = i % 2 == 0 ? SealOptions() : Keyed();
    const Envelope sample = Sample(Random(random, random() % 4000, i % 3 == 0 ? 256 : 4));

    const Opened opened = OpenEnvelope(Seal(sample, kKey, options), kKey, options);

    REQUIRE(opened.envelope);
    REQUIRE(opened.envelope->payload == sample.payload);
    compressed += opened.envelope->compressed ? 1 : 0;
  }
  CHECK(compressed > 1000);
  CHECK(compressed < 9000);
}

TEST_CASE("Payloads are compressed from 1000 bytes on where that pays",
          "[cache][envelope][S1-06][S1-12]") {
  std::mt19937 random(1);
  const auto compressed = [](std::string payload, const SealOptions& options) {
    return OpenEnvelope(Seal(Sample(std::move(payload)), kKey, options), kKey, options)
        .envelope.value()
        .compressed;
  };
  SealOptions late;
  late.compress_from = 2000;

  CHECK_FALSE(compressed(std::string(999, 'x'), {}));
  CHECK(compressed(std::string(1001, 'x'), {}));
  CHECK_FALSE(compressed(std::string(1001, 'x'), late));
  CHECK_FALSE(compressed(Random(random, 4000, 256), {}));  // Nothing to gain.
  CHECK(Seal(Sample(std::string(50'000, 'x')), kKey, {}).size() < 1000);
}

TEST_CASE("Every compression level opens alike", "[cache][envelope][S1-13]") {
  std::mt19937 random(2);
  const Envelope sample = Sample(Random(random, 20'000, 16));
  for (int level = 1; level <= 19; ++level) {
    SealOptions options;
    options.compression_level = level;
    const Opened opened = OpenEnvelope(Seal(sample, kKey, options), kKey, {});
    REQUIRE(opened.envelope);
    CHECK(opened.envelope->payload == sample.payload);
  }
}

TEST_CASE("No flipped bit becomes another value", "[cache][envelope][S1-22]") {
  for (const SealOptions& options : {SealOptions(), Keyed()}) {
    for (const auto& payload : {std::string(R"(["anna","bert"])"), std::string(1500, 'x')}) {
      const Envelope sample = Sample(payload);
      const std::string sealed = Seal(sample, kKey, options);
      for (std::size_t at = 0; at < sealed.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
          std::string broken = sealed;
          broken[at] = static_cast<char>(broken[at] ^ (1 << bit));

          const Opened opened = OpenEnvelope(broken, kKey, options);

          const bool in_fence = at >= kFenceOffset && at < kFenceOffset + 8;
          // Without a key, a seal that is said to be a MAC cannot be looked at.
          const bool unseen = options.mac_key.empty() && at == 5 && bit == 1;
          REQUIRE(opened.envelope.has_value() == (in_fence || unseen));
          if (opened.envelope) REQUIRE(opened.envelope->payload == payload);
          if (!opened.envelope) REQUIRE(opened.problem != OpenProblem::kNone);
        }
      }
    }
  }
}

TEST_CASE("A truncated or lengthened envelope is a miss", "[cache][envelope][S1-22]") {
  for (const SealOptions& options : {SealOptions(), Keyed()}) {
    const std::string sealed = Seal(Sample(std::string(1500, 'x')), kKey, options);
    for (std::size_t size = 0; size < sealed.size(); ++size) {
      REQUIRE_FALSE(OpenEnvelope(sealed.substr(0, size), kKey, options).envelope);
    }
    CHECK_FALSE(OpenEnvelope(sealed + "x", kKey, options).envelope);
  }
}

TEST_CASE("Random bytes are a miss and never a crash", "[cache][envelope][S1-22]") {
  std::mt19937 random(3);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = Random(random, random() % 300, 256);
    if (i % 2 == 0) bytes = "SPAC\x01" + bytes;
    REQUIRE_FALSE(OpenEnvelope(bytes, kKey, {}).envelope);
  }
}

// Written by somebody who knows the format and the checksum, but not what is reasonable.
TEST_CASE("A declared length beyond 64 MiB is refused before it is believed",
          "[cache][envelope][S1-22]") {
  Envelope bomb = Sample(std::string(kLargestPayload + 1, 'x'));
  const std::string sealed = Seal(bomb, kKey, {});

  const Opened opened = OpenEnvelope(sealed, kKey, {});

  CHECK(sealed.size() < 100'000);
  CHECK_FALSE(opened.envelope);
  CHECK(opened.problem == OpenProblem::kCorrupt);
}

TEST_CASE("Deadlines out of order are corrupt", "[cache][envelope]") {
  Envelope sample = Sample("x");
  sample.fresh_until = sample.created - std::chrono::seconds(1);

  CHECK(OpenEnvelope(Seal(sample, kKey, {}), kKey, {}).problem == OpenProblem::kCorrupt);
}

TEST_CASE("A seal holds for one key and one secret alone", "[cache][envelope][security]") {
  const std::string keyed = Seal(Sample("admins"), kKey, Keyed());
  const std::string plain = Seal(Sample("admins"), kKey, {});
  SealOptions other;
  other.mac_key = "another key";

  CHECK(OpenEnvelope(keyed, "sharepoint_audit:group_members:1:g2", Keyed()).problem ==
        OpenProblem::kForged);
  CHECK(OpenEnvelope(keyed, kKey, other).problem == OpenProblem::kForged);
  CHECK(OpenEnvelope(plain, kKey, Keyed()).problem == OpenProblem::kForged);
  CHECK(OpenEnvelope(plain, "sharepoint_audit:group_members:1:g2", {}).problem ==
        OpenProblem::kCorrupt);
  CHECK(OpenEnvelope(keyed, kKey, {}).envelope);  // No MAC is demanded.
}

TEST_CASE("A store writes the fence without breaking the seal", "[cache][envelope]") {
  std::string sealed = Seal(Sample("x"), kKey, Keyed());

  SetFence(sealed, 0x0102030405060708);

  CHECK(FenceOf(sealed) == 0x0102030405060708);
  CHECK(sealed[kFenceOffset] == 8);  // Little-endian: what a script in a server writes, too.
  CHECK(OpenEnvelope(sealed, kKey, Keyed()).envelope.value().fence == 0x0102030405060708);
  CHECK(FenceOf("SPAC") == 0);
  CHECK(FenceOf(R"({"members": ["anna", "bert"]})") == 0);
}

TEST_CASE("Another version and foreign bytes are told apart", "[cache][envelope]") {
  std::string sealed = Seal(Sample("x"), kKey, {});
  sealed[4] = 9;

  CHECK(OpenEnvelope(sealed, kKey, {}).problem == OpenProblem::kVersion);
  CHECK(OpenEnvelope("", kKey, {}).problem == OpenProblem::kForeign);
  CHECK(OpenEnvelope("<html>", kKey, {}).problem == OpenProblem::kForeign);
}

TEST_CASE("Bare JSON of the older format is foreign until a reader adopts it",
          "[cache][envelope]") {
  const std::string old = R"({"members": ["anna", "bert"]})";

  const auto adopted = AdoptPlainJson(old, At(100), At(200));

  CHECK(OpenEnvelope(old, kKey, {}).problem == OpenProblem::kForeign);
  REQUIRE(adopted);
  CHECK(adopted->payload == old);
  CHECK(adopted->schema == 0);
  CHECK(adopted->created == At(100));
  CHECK(adopted->expires() == At(200));
  CHECK_FALSE(AdoptPlainJson(R"({"members": )", At(100), At(200)));
  CHECK_FALSE(AdoptPlainJson("17", At(100), At(200)));
  CHECK_FALSE(AdoptPlainJson("", At(100), At(200)));
}

}  // namespace
}  // namespace spa
