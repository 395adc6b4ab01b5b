#include "bench/stress.h"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <random>
#include <thread>

#include "bench/bench.h"
#include "bench/history.h"
#include "bench/measure.h"
#include "bench/stress_suites.h"
#include "cache/memory_store.h"

namespace spa {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t kOperations = 1'000'000;

CacheKey Key(std::uint64_t number) { return CacheKey(CacheKind::kItem, std::to_string(number)); }

Entry Holding(std::uint64_t number, std::size_t cost = 8) {
  Entry entry;
  entry.value = std::make_shared<const std::uint64_t>(number);
  entry.cost = cost;
  entry.expires = CacheTime::max();
  return entry;
}
std::uint64_t Held(const MemoryStore::KeptPtr& entry) {
  return entry ? *static_cast<const std::uint64_t*>(entry->value.get()) : 0;
}

StressReport Named(std::string_view suite) {
  StressReport report;
  report.suite = suite;
  return report;
}

// `work(thread, random)` on every thread at once.
template <class Work>
void OnThreads(int count, std::uint64_t seed, Work work) {
  std::vector<std::thread> threads;
  for (int t = 0; t < count; ++t) {
    threads.emplace_back([&work, t, seed] {
      std::mt19937_64 random(seed * 1'000 + static_cast<std::uint64_t>(t));
      work(t, random);
    });
  }
  for (auto& thread : threads) thread.join();
}

Result<StressReport> SingleKey(const StressOptions& options) {
  BenchOptions bench;
  bench.tasks = {options.tasks};
  const auto results = RunBench("single-key", bench);
  if (!results) return Fail(results.error());
  auto report = Named("single-key");
  report.figures = results->front().more;
  if (report.figures["loads"] != 1) report.problems.push_back("the loader ran more than once");
  if (results->front().success_rate < 1) report.problems.push_back("a caller got a wrong value");
  return report;
}

// Everything at once on few keys and a small store: values must be of their keys, bounds must hold.
Result<StressReport> Mixed(const StressOptions& options) {
  auto report = Named("mixed");
  constexpr MemoryStore::Limits kLimits{1'000, std::size_t{1} << 20};
  MemoryStore store(kLimits);
  std::atomic<std::uint64_t> wrong{0}, beyond{0}, hits{0};
  const std::size_t each =
      options.operations.value_or(kOperations) / static_cast<std::size_t>(options.threads);
  OnThreads(options.threads, options.seed, [&](int, std::mt19937_64& random) {
    for (std::size_t i = 0; i < each; ++i) {
      const std::uint64_t number = random() % 3'000 + 1;
      const auto what = random() % 100;
      if (what < 60) {
        const auto entry = store.Get(Key(number), CacheTime());
        hits += entry != nullptr;
        wrong += entry && Held(entry) != number;
      } else if (what < 90) {
        store.Set(Key(number), Holding(number, random() % 2'000));
      } else if (what < 98) {
        store.Erase(Key(number));
      } else if (what < 99) {
        store.EvictSome(5);
      } else {
        store.SweepSlice(CacheTime());
      }
      // Each thread may be between putting in and making room.
      beyond += store.entries() > kLimits.entries + static_cast<std::size_t>(options.threads);
    }
  });
  report.figures = {{"hits", static_cast<double>(hits)},
                    {"evictions", static_cast<double>(store.evictions())}};
  if (wrong > 0) report.problems.push_back(fmt::format("{} wrong values", wrong.load()));
  if (beyond > 0) report.problems.push_back("more entries than the limit");
  store.Clear();
  if (store.entries() + store.bytes() != 0) report.problems.push_back("the accounts do not add up");
  return report;
}

// Few threads, few steps, fresh keys: many short histories, each checked.
Result<StressReport> History(const StressOptions& options) {
  auto report = Named("history");
  constexpr int kThreads = 4;
  constexpr int kStepsEach = 8;
  constexpr std::size_t kKeys = 4;
  MemoryStore store({100'000, std::size_t{64} << 20});
  const std::size_t rounds =
      options.operations.value_or(kOperations) / (kThreads * kStepsEach * 10);
  std::atomic<std::uint64_t> next_value{1};
  std::size_t checked = 0, refused = 0;
  for (std::size_t round = 0; round < rounds; ++round) {
    std::mutex mutex;
    std::array<std::vector<HistoryStep>, kKeys> histories;
    std::atomic<int> ready{0};
    OnThreads(kThreads, options.seed + round, [&](int, std::mt19937_64& random) {
      std::array<std::vector<HistoryStep>, kKeys> mine;
      for (++ready; ready < kThreads;) std::this_thread::yield();
      for (int i = 0; i < kStepsEach; ++i) {
        const std::size_t which = random() % kKeys;
        const CacheKey key = Key(round * kKeys + which);
        HistoryStep step;
        const auto kind = random() % 10;
        step.what = kind < 5   ? HistoryStep::What::kRead
                    : kind < 9 ? HistoryStep::What::kWrite
                               : HistoryStep::What::kErase;
        if (step.what == HistoryStep::What::kWrite) step.written = next_value++;
        step.begin = Steady::now().time_since_epoch().count();
        switch (step.what) {
          case HistoryStep::What::kRead:
            step.seen = Held(store.Get(key, CacheTime()));
            break;
          case HistoryStep::What::kErase:
            step.seen = store.Erase(key);
            break;
          default:
            store.Set(key, Holding(step.written));
        }
        step.end = Steady::now().time_since_epoch().count();
        mine[which].push_back(step);
      }
      std::lock_guard lock(mutex);
      for (std::size_t k = 0; k < kKeys; ++k) {
        histories[k].insert(histories[k].end(), mine[k].begin(), mine[k].end());
      }
    });
    for (const auto& history : histories) {
      ++checked;
      refused += !Linearizable(history);
    }
  }
  report.figures["histories"] = static_cast<double>(checked);
  if (refused > 0) {
    report.problems.push_back(fmt::format("{} histories that no order explains", refused));
  }
  return report;
}

// Far more bytes than the budget: what the process holds stays near it.
Result<StressReport> Fill(const StressOptions& options) {
  auto report = Named("fill");
  constexpr std::size_t kBudget = std::size_t{32} << 20;
  constexpr std::size_t kValue = 10'000;
  MemoryStore store({100'000, kBudget});
  const double before = ProcessMegabytes();
  double most = 0;
  for (std::uint64_t i = 0; i * kValue < options.bytes; ++i) {
    Entry entry;
    entry.value = std::make_shared<const std::string>(kValue, 'x');
    entry.cost = kValue + sizeof(std::string);
    entry.expires = CacheTime::max();
    store.Set(Key(i), std::move(entry));
    if (store.bytes() > kBudget) report.problems.push_back("beyond the byte budget");
    if (i % 100 == 0) most = std::max(most, ProcessMegabytes() - before);
  }
  report.figures = {{"grown_mb", most}, {"budget_mb", kBudget / 1e6}};
  if (most > 1.5 * kBudget / 1e6) report.problems.push_back("memory grew far beyond the budget");
  return report;
}

// Least squares: megabytes an hour.
double SlopeOf(const std::vector<std::pair<double, double>>& samples) {
  double hours = 0, megabytes = 0, together = 0, squares = 0;
  for (const auto& [hour, mb] : samples) {
    hours += hour;
    megabytes += mb;
    together += hour * mb;
    squares += hour * hour;
  }
  const auto count = static_cast<double>(samples.size());
  const double spread = squares - hours * hours / count;
  return spread > 0 ? (together - hours * megabytes / count) / spread : 0;
}

// The mixed load, and two levels, for as long as asked; memory must not creep.
Result<StressReport> Soak(const StressOptions& options) {
  using Hours = std::chrono::duration<double, std::ratio<3600>>;
  auto report = Named("soak");
  auto memory = options, levels = options;
  memory.operations = 200'000;
  levels.operations = 500;
  const auto begin = Steady::now();
  const auto end = begin + options.duration;
  const auto warm = begin + options.duration / 5;
  std::vector<std::pair<double, double>> samples;  // Hours, megabytes.
  double rounds = 0;
  do {
    for (auto& part : {Mixed(memory), StressContract(levels)}) {
      if (!part) return part;
      report.problems.insert(report.problems.end(), part->problems.begin(), part->problems.end());
    }
    memory.seed++;
    levels.seed++;
    rounds++;
    if (Steady::now() < warm) continue;
    samples.emplace_back(Hours(Steady::now() - begin).count(), ProcessMegabytes());
  } while (Steady::now() < end && report.problems.empty());
  report.figures["rounds"] = rounds;
  report.figures["rss_mb"] = ProcessMegabytes();
  if (!samples.empty()) {
    report.figures["grown_mb"] = samples.back().second - samples.front().second;
    report.figures["rss_mb_per_hour"] = SlopeOf(samples);
  }
  // In a short run a few pages weigh like a leak.
  if (options.duration >= std::chrono::minutes(10) && report.figures["rss_mb_per_hour"] > 1) {
    report.problems.push_back("memory grows by more than a megabyte an hour");
  }
  return report;
}

constexpr StressSuite kSuites[] = {
    {"single-key", "many callers of one key, one load", SingleKey},
    {"mixed", "get, set, erase, evict and sweep at once", Mixed},
    {"history", "what concurrent callers saw, explained by an order", History},
    {"fill", "far more than fits", Fill},
    {"soak", "both levels for a long time: does memory creep", Soak},
    {"chaos", "a second level that fails, dawdles and returns garbage", StressChaos},
    {"contract", "two second levels, asked the same, answer the same", StressContract},
    {"timing", "how long a wrong key is looked at does not tell how much of it is right",
     StressTiming},
    {"observers", "an observer that throws harms nobody", StressObservers},
};

}  // namespace

std::span<const StressSuite> StressSuites() { return kSuites; }

Result<StressReport> RunStress(std::string_view suite, const StressOptions& options) {
  for (const StressSuite& one : kSuites) {
    if (one.name == suite) return one.run(options);
  }
  return Fail(ErrorCode::kMalformed, fmt::format("there is no suite \"{}\"", suite));
}

}  // namespace spa
