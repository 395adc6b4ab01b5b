// The verbs that measure: bench and stress. The suites are in bench/.
#include <fmt/format.h>

#include <charconv>

#include "bench/bench.h"
#include "bench/stress.h"
#include "cli/cache/answer.h"
#include "cli/cache/verbs.h"
#include "cli/files.h"

namespace spa {
namespace {

// "5%" or "5".
Result<double> PercentOf(const CacheCall& call, std::string_view option, double otherwise) {
  if (!call.Has(option)) return otherwise;
  std::string text = call.Text(option);
  if (text.ends_with('%')) text.pop_back();
  try {
    std::size_t read = 0;
    const double percent = std::stod(text, &read);
    if (read == text.size() && percent >= 0) return percent;
  } catch (const std::exception&) {
  }
  return Fail(ErrorCode::kUsage, fmt::format("{} \"{}\" is no percentage",
                                             CacheOptionOf(option).flag, call.Text(option)));
}

// "1,2,4" as numbers.
template <class Number>
Status ReadList(const CacheCall& call, std::string_view option, std::vector<Number>& into) {
  if (!call.Has(option)) return {};
  into.clear();
  for (const std::string& word : SplitWords(call.Text(option), ',')) {
    Number number{};
    const char* end = word.data() + word.size();
    const auto read = std::from_chars(word.data(), end, number);
    if (read.ec != std::errc() || read.ptr != end || number < 1) {
      return Fail(ErrorCode::kUsage, fmt::format("{}: \"{}\" is no number from 1 on",
                                                 CacheOptionOf(option).flag, word));
    }
    into.push_back(number);
  }
  return {};
}

Status ReadPolicies(const CacheCall& call, std::vector<EvictionPolicy>& into) {
  if (!call.Has("policy")) return {};
  into.clear();
  for (const std::string& word : SplitWords(call.Text("policy"), ',')) {
    const auto policy = EvictionPolicyNamed(word);
    if (!policy) {
      return Fail(ErrorCode::kUsage,
                  fmt::format("--policy: \"{}\" is none of hybrid, lru, s3fifo", word));
    }
    into.push_back(*policy);
  }
  return {};
}

// A second level that is to be measured is named on the command line: nobody wants thousands of
// entries in the one that audits use.
std::string SecondLevelOf(const CacheCall& call) {
  const auto& keys = call.flags().keys;
  const auto given = keys.find("cache.l2");
  return given == keys.end() || given->second == "none" ? "" : given->second;
}

Result<BenchOptions> BenchOptionsOf(const CacheCall& call) {
  BenchOptions options;
  if (auto read = ReadList(call, "threads", options.threads); !read) return Fail(read.error());
  if (auto read = ReadList(call, "tasks", options.tasks); !read) return Fail(read.error());
  if (auto read = ReadPolicies(call, options.policies); !read) return Fail(read.error());
  const auto operations = call.Number("ops", static_cast<long>(options.operations));
  const auto repeats = call.Number("repeats", options.repeats);
  const auto iterations = call.Number("iterations", options.iterations);
  const auto concurrency = call.Number("concurrency", static_cast<long>(options.concurrency));
  for (const auto* number : {&operations, &repeats, &iterations, &concurrency}) {
    if (!*number) return Fail(number->error());
  }
  options.concurrency = static_cast<std::size_t>(*concurrency);
  options.pipeline = call.Text("pipeline", "auto") == "auto";
  options.against_plain_lru = call.Has("vs");
  if (options.against_plain_lru && call.Text("vs") != "lru-mutex") {
    return Fail(ErrorCode::kUsage, fmt::format("--vs \"{}\" is not lru-mutex", call.Text("vs")));
  }
  options.l2 = SecondLevelOf(call);
  options.operations = static_cast<std::size_t>(*operations);
  options.repeats = static_cast<int>(*repeats);
  options.iterations = static_cast<int>(*iterations);
  if (call.Has("trace")) options.trace_file = call.Text("trace");
  return options;
}

template <class Suites>
Result<ExitCode> ListOf(const CacheCall& call, const Suites& suites) {
  Json rows = Json::array();
  for (const auto& suite : suites)
    rows.push_back({{"suite", suite.name}, {"measures", suite.help}});
  return Answer(call, rows);
}

template <class Suites>
Status CheckSuite(std::string_view name, const Suites& suites) {
  for (const auto& suite : suites) {
    if (suite.name == name) return {};
  }
  return Fail(ErrorCode::kUsage, fmt::format("there is no suite \"{}\"", name),
              "give the verb without a suite to see which there are");
}

}  // namespace

Result<ExitCode> CacheBench(const CacheCall& call) {
  if (call.words().empty()) return ListOf(call, BenchSuites());
  const auto options = BenchOptionsOf(call);
  if (!options) return Fail(options.error());
  const auto warn = PercentOf(call, "warn", 1), fail = PercentOf(call, "fail", 5);
  for (const auto* percent : {&warn, &fail}) {
    if (!*percent) return Fail(percent->error());
  }
  for (const std::string& suite : call.words()) {
    if (auto known = CheckSuite(suite, BenchSuites()); !known) return Fail(known.error());
  }
  std::vector<BenchResult> results;
  for (const std::string& suite : call.words()) {
    auto measured = RunBench(suite, *options);
    if (!measured) return Fail(measured.error());
    results.insert(results.end(), measured->begin(), measured->end());
  }
  const Json json = Json(ToJson(results));
  const bool markdown = call.Text("report") == "md";
  auto printed = markdown ? Answer(call, json, BenchMarkdown(results)) : Answer(call, json);
  if (!printed || !call.Has("baseline")) return printed;
  const auto slower = CompareToBaseline(results, call.Text("baseline"), *warn, *fail);
  if (!slower) return Fail(ErrorCode::kUsage, slower.error().message);
  ExitCode exit = ExitCode::kDone;
  for (const Regression& regression : *slower) {
    Remark(call, fmt::format("{} is {:.1f} % slower than the baseline", regression.operation_type,
                             regression.percent));
    if (regression.fails) exit = ExitCode::kFindings;
  }
  return exit;
}

Result<ExitCode> CacheStress(const CacheCall& call) {
  if (call.words().empty()) return ListOf(call, StressSuites());
  const std::string& suite = call.words().front();
  if (auto known = CheckSuite(suite, StressSuites()); !known) return Fail(known.error());
  StressOptions options;
  const auto threads = call.Number("threads", options.threads);
  const auto operations = call.Number("ops", 1);
  const auto tasks = call.Number("tasks", static_cast<long>(options.tasks));
  for (const auto* number : {&threads, &operations, &tasks}) {
    if (!*number) return Fail(number->error());
  }
  const auto bytes = call.Bytes("bytes", options.bytes);
  if (!bytes) return Fail(bytes.error());
  const auto duration = call.Duration("duration", options.duration);
  if (!duration) return Fail(duration.error());
  options.threads = static_cast<int>(*threads);
  if (call.Has("ops")) options.operations = static_cast<std::size_t>(*operations);
  options.tasks = static_cast<std::size_t>(*tasks);
  options.bytes = *bytes;
  options.a = call.Text("a", options.a);
  options.b = call.Text("b");
  options.duration = std::chrono::ceil<std::chrono::seconds>(*duration);
  const auto report = RunStress(suite, options);
  if (!report) return Fail(report.error());
  const bool held = report->problems.empty();
  return Answer(call,
                {{"suite", report->suite},
                 {"ok", held},
                 {"problems", report->problems},
                 {"figures", report->figures}},
                held ? ExitCode::kDone : ExitCode::kFailure);
}

}  // namespace spa
