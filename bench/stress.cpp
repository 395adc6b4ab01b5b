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
  const std::size_t each = options.operations / static_cast<std::size_t>(options.threads);
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
  const std::size_t rounds = options.operations / (kThreads * kStepsEach * 10);
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

// The mixed load for as long as asked; memory must not creep.
Result<StressReport> Soak(const StressOptions& options) {
  auto report = Named("soak");
  auto slice = options;
  slice.operations = 200'000;
  const auto end = Steady::now() + options.duration;
  const auto warm = Steady::now() + options.duration / 5;
  double at_warm = 0, rounds = 0;
  Steady::time_point measured_from;
  do {
    auto mixed = Mixed(slice);
    slice.seed++;
    rounds++;
    for (auto& problem : mixed->problems) report.problems.push_back(std::move(problem));
    if (at_warm == 0 && Steady::now() >= warm) {
      at_warm = ProcessMegabytes();
      measured_from = Steady::now();
    }
  } while (Steady::now() < end);
  const std::chrono::duration<double, std::ratio<3600>> hours = Steady::now() - measured_from;
  report.figures["rounds"] = rounds;
  report.figures["rss_mb"] = ProcessMegabytes();
  if (hours.count() > 0) {
    report.figures["rss_mb_per_hour"] = (ProcessMegabytes() - at_warm) / hours.count();
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
    {"soak", "the mixed load for a long time", Soak},
    {"chaos", "a second level that fails, dawdles and returns garbage", StressChaos},
    {"contract", "memory alone and two levels, asked the same, answer the same", StressContract},
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
