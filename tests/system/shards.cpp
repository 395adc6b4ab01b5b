#include "tests/system/shards.h"

#include <fmt/format.h>

namespace spa::testing {

Words And(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string DatabaseOf(const Tenant& tenant, int number, int count) {
  return tenant.File(fmt::format("shard-{}-of-{}.db", number, count));
}

std::vector<std::unique_ptr<Program>> StartShards(const Tenant& tenant, int count,
                                                  const Words& more) {
  std::vector<std::unique_ptr<Program>> programs;
  for (int number = 1; number <= count; ++number) {
    const Words own = {"--shard", fmt::format("{}/{}", number, count), "--db",
                       DatabaseOf(tenant, number, count)};
    programs.push_back(std::make_unique<Program>(tenant.AuditWords(And(own, more))));
  }
  return programs;
}

std::vector<nlohmann::json> AwaitShards(const std::vector<std::unique_ptr<Program>>& programs) {
  std::vector<nlohmann::json> summaries;
  for (const auto& program : programs) {
    const Ended ended = program->Wait();
    INFO(ended.err);
    REQUIRE(ended.exit == 0);
    summaries.push_back(ParseSummary(ended));
  }
  return summaries;
}

Words MergeWords(const Tenant& tenant, const std::vector<int>& numbers, int count,
                 const std::string& into) {
  Words words = {"runs", "merge", "--config", tenant.config(), "--output-format", "json"};
  for (const int number : numbers) words.push_back(DatabaseOf(tenant, number, count));
  return And(words, {"--db", tenant.File(into)});
}

std::vector<int> UpTo(int count) {
  std::vector<int> numbers;
  for (int number = 1; number <= count; ++number) numbers.push_back(number);
  return numbers;
}

}  // namespace spa::testing
