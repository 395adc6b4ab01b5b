#include <fmt/format.h>

#include <random>

#include "bench/measure.h"
#include "bench/suites.h"
#include "cache/cache_key.h"
#include "cache/envelope.h"

namespace spa {
namespace {

// Members of a group, as they come from a directory.
std::string Members(std::size_t bytes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string json = "[";
  while (json.size() < bytes) {
    const auto number = random() % 100'000;
    json += fmt::format(
        R"({{"id":"{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}","displayName":"Person {}","mail":"p{}@contoso.com"}},)",
        random() & 0xffffffff, random() & 0xffff, random() & 0xfff, random() & 0xfff,
        random() & 0xffffffffffff, number, number);
  }
  json.resize(bytes);
  return json;
}

}  // namespace

BenchResults BenchKey(const BenchOptions& options) {
  std::vector<BenchResult> results;
  for (const std::size_t bytes : {std::size_t{36}, std::size_t{200}, std::size_t{1'400}}) {
    const std::string id = Members(bytes, options.seed);
    results.push_back(Measure(
        "key", fmt::format("key of {} bytes", bytes), 1, options.operations / 10, options.repeats,
        [&](int, std::size_t) { return !CacheKey(CacheKind::kItem, id).text().empty(); }));
  }
  return results;
}

BenchResults BenchCompression(const BenchOptions& options) {
  std::vector<BenchResult> results;
  for (const std::size_t bytes : {219u, 873u, 11'000u, 224'000u}) {
    for (const int level : {1, 3, 6}) {
      SealOptions seal;
      seal.compression_level = level;
      seal.compress_from = 1;
      Envelope envelope;
      envelope.schema = 1;
      envelope.payload = Members(bytes, options.seed);
      const std::string sealed = Seal(envelope, "key", seal);
      const std::size_t count = std::max<std::size_t>(20'000'000 / bytes / 8, 10);
      auto result = Measure(
          "compression", fmt::format("seal {} bytes level {}", bytes, level), 1, count, 1,
          [&](int, std::size_t) { return !Seal(envelope, "key", seal).empty(); }, 1);
      result.more["ratio"] = static_cast<double>(bytes) / static_cast<double>(sealed.size());
      result.more["mb_per_second"] =
          result.operations_per_second * static_cast<double>(bytes) / 1e6;
      results.push_back(std::move(result));
      result = Measure(
          "compression", fmt::format("open {} bytes level {}", bytes, level), 1, count, 1,
          [&](int, std::size_t) {
            const auto opened = OpenEnvelope(sealed, "key", seal);
            return opened.envelope && opened.envelope->payload == envelope.payload;
          },
          1);
      result.more["mb_per_second"] =
          result.operations_per_second * static_cast<double>(bytes) / 1e6;
      results.push_back(std::move(result));
    }
  }
  return results;
}

}  // namespace spa
