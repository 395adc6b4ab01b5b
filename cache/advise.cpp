#include "cache/advise.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cache/reuse_sampler.h"

namespace spa {
namespace {

using Steps = std::array<std::uint64_t, ReuseSampler::kSteps>;

class Record {
 public:
  Record(const std::map<std::string, std::int64_t>& counters, std::string_view kind)
      : counters_(counters), kind_(kind) {}

  std::uint64_t Of(std::string_view name) const {
    const auto found = counters_.find(fmt::format("{}.{}", kind_, name));
    return found == counters_.end() ? 0 : static_cast<std::uint64_t>(found->second);
  }
  Steps StepsOf(std::string_view name) const {
    Steps steps{};
    for (std::size_t i = 0; i < steps.size(); ++i) steps[i] = Of(fmt::format("{}{}", name, i));
    return steps;
  }

 private:
  const std::map<std::string, std::int64_t>& counters_;
  std::string_view kind_;
};

std::uint64_t SumOf(const Steps& steps) {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : steps) sum += count;
  return sum;
}

double Share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

// The least 2^N within which `share` of all that came back did.
std::uint64_t Within(const Steps& steps, double share) {
  const auto wanted = share * static_cast<double>(SumOf(steps));
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    sum += steps[i];
    if (static_cast<double>(sum) >= wanted) return std::uint64_t{1} << i;
  }
  return std::uint64_t{1} << (steps.size() - 1);
}

KindAdvice AdviseOn(const Record& record, const CachePolicy& policy, std::uint64_t entries_now) {
  KindAdvice advice;
  advice.kind = policy.name;
  advice.evictions = record.Of("evictions");
  advice.expirations = record.Of("expirations");
  const std::uint64_t lookups = record.Of("lookups");
  advice.hit_ratio = Share(lookups - std::min(lookups, record.Of("misses")), lookups);

  const Steps distances = record.StepsOf("reuse_d"), seconds = record.StepsOf("reuse_t");
  const std::uint64_t again = SumOf(distances);
  advice.sampled = again + record.Of("reuse_first");
  std::uint64_t served = 0;
  for (std::size_t i = 0; i < distances.size(); ++i) {
    served += distances[i];
    if (served == 0) continue;
    advice.curve.emplace_back(std::uint64_t{1} << i, Share(served, advice.sampled));
    if (served == again) break;
  }
  if (advice.sampled < kLeastSample) {
    advice.reason = fmt::format("only {} lookups are in the sample: no advice", advice.sampled);
    return advice;
  }
  if (again == 0) {
    advice.reason = "no key came back within a run: memory cannot help, the second level may";
    return advice;
  }
  const std::uint64_t configured =
      policy.entries == 0 ? entries_now : static_cast<std::uint64_t>(policy.entries);
  advice.entries = Within(distances, 0.99);
  advice.ttl = std::chrono::seconds(Within(seconds, 0.9));
  advice.reason =
      *advice.entries > configured
          ? fmt::format("{} entries are too few: {} would serve 99 % of what comes back",
                        configured, *advice.entries)
      : *advice.ttl > policy.fresh
          ? fmt::format("keys come back after up to {} s, and are fresh for {} s",
                        advice.ttl->count(), policy.fresh.count())
          : "size and time suit the lookups so far";
  return advice;
}

}  // namespace

std::vector<KindAdvice> Advise(const std::map<std::string, std::int64_t>& counters,
                               std::uint64_t entries_now) {
  std::vector<KindAdvice> all;
  for (const CachePolicy& policy : kCachePolicies) {
    const Record record(counters, policy.name);
    if (record.Of("lookups") == 0) continue;
    all.push_back(AdviseOn(record, policy, entries_now));
  }
  return all;
}

}  // namespace spa
