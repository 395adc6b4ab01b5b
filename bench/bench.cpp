#include "bench/bench.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "bench/measure.h"
#include "bench/suites.h"

namespace spa {
namespace {

constexpr BenchSuite kSuites[] = {
    {"basic", "get, set and delete in memory", BenchBasic},
    {"l1", "lookups in memory by threads and policies, zipf 0.99", BenchL1},
    {"mixed", "three lookups to one write", BenchMixed},
    {"write", "writes alone, room being made all the time", BenchWrite},
    {"hit-ratio", "traces by policies and sizes", BenchHitRatio},
    {"memory", "bytes of an entry, as counted and as the system sees them", BenchMemory},
    {"sweep", "longest wait of a reader while expired entries are swept", BenchSweep},
    {"pattern", "longest wait of a reader while keys are matched", BenchPattern},
    {"key", "making keys", BenchKey},
    {"compression", "sealing envelopes by size and level", BenchCompression},
    {"single-key", "how many loads serve many callers of one key", BenchSingleKey},
    {"dedup", "ten simultaneous callers of each key", BenchDedup},
    {"ratios", "remembering against doing it again: tokens, errors, loads, sessions", BenchRatios},
    {"disk", "get and put of the store on disk", BenchDisk},
    {"redis", "get and put of a Redis, one by one, in batches and many at once", BenchRedis},
    {"update", "increments by two processes: none may be lost", BenchUpdate},
    {"batch", "one get of a hundred against a hundred gets", BenchBatch},
    {"counter", "adding to the counters that processes share", BenchCounter},
    {"tag", "erasing all entries of a tag", BenchTag},
    {"ring", "sharing keys out to servers: balance, moved keys, time", BenchRing},
    {"health-loop", "longest wait of the loop while a store is asked how it is", BenchHealthLoop},
};

struct Column {
  const char* name;
  double BenchResult::*value;
};
constexpr Column kColumns[] = {
    {"avg_ms", &BenchResult::avg_ms},
    {"p50_ms", &BenchResult::p50_ms},
    {"p95_ms", &BenchResult::p95_ms},
    {"p99_ms", &BenchResult::p99_ms},
    {"p99_9_ms", &BenchResult::p99_9_ms},
    {"max_ms", &BenchResult::max_ms},
    {"operations_per_second", &BenchResult::operations_per_second},
    {"memory_usage_mb", &BenchResult::memory_usage_mb},
    {"success_rate", &BenchResult::success_rate},
};

}  // namespace

double ProcessMegabytes() {
  std::ifstream in("/proc/self/statm");
  double total = 0, resident = 0;
  in >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

void SumUpLatencies(std::vector<double>& nanoseconds, BenchResult& result) {
  if (nanoseconds.empty()) return;
  std::sort(nanoseconds.begin(), nanoseconds.end());
  const auto at = [&](double share) {
    const auto rank = std::ceil(share * static_cast<double>(nanoseconds.size()));
    return nanoseconds[static_cast<std::size_t>(std::max(rank, 1.0)) - 1] / 1e6;
  };
  double sum = 0;
  for (const double one : nanoseconds) sum += one;
  result.avg_ms = sum / static_cast<double>(nanoseconds.size()) / 1e6;
  result.p50_ms = at(0.5);
  result.p95_ms = at(0.95);
  result.p99_ms = at(0.99);
  result.p99_9_ms = at(0.999);
  result.max_ms = at(1);
}

std::span<const BenchSuite> BenchSuites() { return kSuites; }

Result<std::vector<BenchResult>> RunBench(std::string_view suite, const BenchOptions& options) {
  for (const BenchSuite& one : kSuites) {
    if (one.name == suite) return one.run(options);
  }
  return Fail(ErrorCode::kMalformed, fmt::format("there is no suite \"{}\"", suite));
}

nlohmann::json ToJson(const std::vector<BenchResult>& results) {
  auto json = nlohmann::json::array();
  for (const BenchResult& result : results) {
    nlohmann::json one{{"suite", result.suite}, {"operation_type", result.operation_type}};
    for (const Column& column : kColumns) one[column.name] = result.*column.value;
    if (result.hit_ratio) one["hit_ratio"] = *result.hit_ratio;
    for (const auto& [name, value] : result.more) one[name] = value;
    json.push_back(std::move(one));
  }
  return json;
}

Result<std::vector<BenchResult>> BenchResultsFrom(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  std::vector<BenchResult> results;
  if (!json.is_array()) return Fail(ErrorCode::kMalformed, "reading the results of a measurement");
  for (const auto& one : json) {
    BenchResult& result = results.emplace_back();
    for (const auto& [name, value] : one.items()) {
      if (value.is_number()) result.more[name] = value;
    }
    result.suite = one.value("suite", "");
    result.operation_type = one.value("operation_type", "");
    for (const Column& column : kColumns) {
      const auto found = result.more.extract(column.name);
      if (found) result.*column.value = found.mapped();
    }
    if (const auto ratio = result.more.extract("hit_ratio")) result.hit_ratio = ratio.mapped();
  }
  return results;
}

std::string BenchMarkdown(const std::vector<BenchResult>& results) {
  std::string text = "| suite | operation_type |";
  std::string line = "|---|---|";
  for (const Column& column : kColumns) {
    text += fmt::format(" {} |", column.name);
    line += "---|";
  }
  text += " hit_ratio | more |\n" + line + "---|---|\n";
  for (const BenchResult& result : results) {
    text += fmt::format("| {} | {} |", result.suite, result.operation_type);
    for (const Column& column : kColumns) text += fmt::format(" {:.6g} |", result.*column.value);
    text += result.hit_ratio ? fmt::format(" {:.4f} |", *result.hit_ratio) : " |";
    for (const auto& [name, value] : result.more) text += fmt::format(" {} {:.6g}", name, value);
    text += " |\n";
  }
  return text;
}

Result<std::vector<Regression>> CompareToBaseline(const std::vector<BenchResult>& results,
                                                  const std::filesystem::path& baseline,
                                                  double warn_percent, double fail_percent) {
  std::ifstream in(baseline);
  const auto json = nlohmann::json::parse(in, nullptr, false);
  if (!json.is_array()) {
    return Fail(ErrorCode::kStorage, "reading the baseline " + baseline.string(),
                "Give it a file that `cache bench --json` has written.");
  }
  std::vector<Regression> regressions;
  for (const BenchResult& result : results) {
    for (const auto& before : json) {
      if (!before.is_object() || before.value("suite", "") != result.suite ||
          before.value("operation_type", "") != result.operation_type) {
        continue;
      }
      const double was = before.value("operations_per_second", 0.0);
      if (was <= 0) continue;
      Regression regression;
      regression.operation_type = result.suite + ": " + result.operation_type;
      regression.percent = 100 * (1 - result.operations_per_second / was);
      regression.fails = regression.percent >= fail_percent;
      if (regression.percent >= warn_percent) regressions.push_back(std::move(regression));
    }
  }
  return regressions;
}

}  // namespace spa
