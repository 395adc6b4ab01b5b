// Two levels, and what may go wrong between them.
#include <fmt/format.h>

#include <array>
#include <random>
#include <stdexcept>

#include "bench/chaos_store.h"
#include "bench/laps.h"
#include "bench/stress_suites.h"
#include "cache/cache_manager.h"
#include "core/async/task_group.h"

namespace spa {
namespace {

constexpr std::size_t kOperations = 10'000;

CacheKey Key(std::uint64_t number) { return CacheKey(CacheKind::kItem, std::to_string(number)); }
// Values say whose they are: "KEY/VERSION".
std::string ValueOf(std::uint64_t number, std::uint64_t version) {
  return fmt::format("{}/{}", number, version);
}

struct Chaos {
  Chaos(asio::io_context& io, const StressOptions& options, std::size_t operations)
      : io(io), options(options), operations(operations) {
    RegisterChaos(options.seed);
    CacheManager::Options levels;
    levels.l2 = "chaos:" + folder.StoreUrl();
    // A lease may be lost with what told of it: nobody waits for its holder.
    levels.load_timeout = std::chrono::seconds(0);
    levels.entries = 100;
    for (auto& process : processes) process = std::make_unique<CacheManager>(levels);
  }

  Task<Result<std::string>> Load(std::uint64_t number) {
    ++loads;
    co_return ValueOf(number, ++version);
  }
  void Check(std::uint64_t number, std::string_view value) {
    const std::string own = std::to_string(number) + "/";
    if (!value.starts_with(own) || value.size() == own.size()) ++wrong;
  }

  Task<void> Caller(std::size_t which) {
    std::mt19937_64 random(options.seed * 1'000 + which);
    auto cache = processes[which % processes.size()]->Open<std::string>(CacheKind::kItem);
    while (done < operations) {
      ++done;
      const std::uint64_t number = random() % 400;
      CacheKey key = Key(number);
      const auto what = random() % 100;
      if (what < 80) {
        Loader<std::string> load = [this, number] { return Load(number); };
        const auto hit = co_await cache.GetOrLoad(std::move(key), std::move(load));
        failed += !hit;
        if (!hit) continue;
        Check(number, *hit->value);
        hits += hit->level != CacheLevel::kLoaded;
      } else if (what < 90) {
        co_await cache.Set(std::move(key), ValueOf(number, ++version));
      } else if (what < 95) {
        co_await cache.Erase(std::move(key));
      } else {
        std::vector<CacheKey> keys;
        for (std::uint64_t i = 0; i < 10; ++i) keys.push_back(Key(number + i));
        const auto found = co_await cache.GetMany(std::move(keys));
        for (std::uint64_t i = 0; i < 10; ++i) {
          if (found[i]) Check(number + i, *found[i]->value);
        }
      }
    }
  }
  Task<void> Run() {
    for (auto& process : processes) {
      const Status opened = co_await process->Open(io.get_executor());
      unopened += !opened;
    }
    std::function<Task<void>(TaskGroup&)> all = [this](TaskGroup& group) {
      return StartAll(group);
    };
    co_await RunGroup(io.get_executor(), 0, std::move(all));
    for (auto& process : processes) co_await process->Close();
  }
  Task<void> StartAll(TaskGroup& group) {
    for (std::size_t i = 0; i < 16; ++i) group.Start(Caller(i));
    co_return;
  }

  asio::io_context& io;
  const StressOptions& options;
  const std::size_t operations;
  ScratchFolder folder;
  std::array<std::unique_ptr<CacheManager>, 2> processes;
  std::size_t done = 0;
  std::uint64_t version = 0, loads = 0, hits = 0, wrong = 0, failed = 0, unopened = 0;
};

// One arrangement of levels, asked at random; what it answered, in words.
struct Asked {
  Asked(asio::io_context& io, CacheManager& caches, std::uint64_t seed, std::size_t operations)
      : io(io), caches(caches), random(seed), operations(operations) {}

  static std::string Words(const std::optional<Hit<std::string>>& hit) {
    return hit ? *hit->value : "nothing";
  }
  Task<std::string> Ask(Cache<std::string>& cache) {
    const std::uint64_t number = random() % 50;
    const std::uint64_t drawn = random();
    CacheKey key = Key(number);
    std::string value = ValueOf(number, drawn % 1'000);
    WriteOptions write;
    std::vector<CacheKey> keys;
    for (std::uint64_t i = 0; i < 5; ++i) keys.push_back(Key((number + i) % 50));
    std::string said;
    switch (random() % 9) {
      case 0: {
        const auto hit = co_await cache.Get(std::move(key));
        said = hit && *hit ? *(**hit).value : "nothing";
        break;
      }
      case 1:
      case 2: {
        constexpr PutWhen kWhen[] = {PutWhen::kAlways, PutWhen::kAbsent, PutWhen::kPresent};
        write.when = kWhen[drawn % 3];
        const bool set = co_await cache.Set(std::move(key), std::move(value), std::move(write));
        said = fmt::format("{}", set);
        break;
      }
      case 3: {
        const bool erased = co_await cache.Erase(std::move(key));
        said = fmt::format("{}", erased);
        break;
      }
      case 4: {
        const bool there = co_await cache.Contains(std::move(key));
        said = fmt::format("{}", there);
        break;
      }
      case 5: {
        const auto hits = co_await cache.GetMany(std::move(keys));
        for (const auto& hit : hits) said += Words(hit) + " ";
        break;
      }
      case 6: {
        std::vector<std::pair<CacheKey, std::string>> values;
        for (CacheKey& one : keys) values.emplace_back(std::move(one), value);
        const auto set = co_await cache.SetMany(std::move(values), std::move(write));
        for (const bool one : set) said += fmt::format("{} ", one);
        break;
      }
      case 7: {
        const std::size_t erased = co_await cache.EraseMany(std::move(keys));
        said = std::to_string(erased);
        break;
      }
      default: {
        std::function<Result<std::string>(const std::string*)> change =
            [value](const std::string* old) -> Result<std::string> {
          return old ? old->substr(0, 100) + "+" + value : value;
        };
        const auto hit = co_await cache.Update(std::move(key), std::move(change), std::move(write));
        said = hit ? *hit->value : "failed";
        break;
      }
    }
    co_return said;
  }
  Task<void> Run() {
    opened = co_await caches.Open(io.get_executor());
    auto cache = caches.Open<std::string>(CacheKind::kItem);
    for (std::size_t i = 0; opened && i < operations; ++i) {
      std::string answer = co_await Ask(cache);
      answers.push_back(std::move(answer));
    }
    if (opened && caches.store()) {
      const auto cleared = co_await caches.store()->Clear();
      if (!cleared) opened = Fail(cleared.error());
    }
    co_await caches.Close();
  }

  asio::io_context& io;
  CacheManager& caches;
  std::mt19937_64 random;
  const std::size_t operations;
  Status opened;
  std::vector<std::string> answers;
};

// Under a name space of this run: the store may be in use.
Result<std::vector<std::string>> AnswersOf(const std::string& url, const StressOptions& options) {
  asio::io_context io;
  CacheManager::Options levels;
  levels.l2 = url;
  levels.store.name_space = "stress-" + NewGuid().substr(0, 8);
  CacheManager caches(levels);
  Asked asked(io, caches, options.seed, options.operations.value_or(kOperations));
  RunToEnd(io, asked.Run());
  if (!asked.opened) return Fail(asked.opened.error());
  return std::move(asked.answers);
}

}  // namespace

Result<StressReport> StressChaos(const StressOptions& options) {
  StressReport report;
  report.suite = "chaos";
  asio::io_context io;
  Chaos chaos(io, options, options.operations.value_or(kOperations));
  RunToEnd(io, chaos.Run());
  std::uint64_t errors = 0;
  for (const auto& process : chaos.processes) errors += process->Stats().l2.errors;
  report.figures = {{"operations", static_cast<double>(chaos.done)},
                    {"loads", static_cast<double>(chaos.loads)},
                    {"hits", static_cast<double>(chaos.hits)},
                    {"store_errors", static_cast<double>(errors)}};
  if (chaos.unopened > 0) report.problems.push_back("the store could not be opened");
  if (chaos.wrong > 0) report.problems.push_back(fmt::format("{} wrong values", chaos.wrong));
  if (chaos.failed > 0) {
    report.problems.push_back(fmt::format("{} lookups failed with the store", chaos.failed));
  }
  return report;
}

Result<StressReport> StressContract(const StressOptions& options) {
  StressReport report;
  report.suite = "contract";
  const ScratchFolder folder;
  const auto a = AnswersOf(options.a, options);
  if (!a) return Fail(a.error());
  const auto b = AnswersOf(options.b.empty() ? folder.StoreUrl() : options.b, options);
  if (!b) return Fail(b.error());
  std::size_t differences = 0;
  for (std::size_t i = 0; i < a->size(); ++i) {
    if ((*a)[i] == (*b)[i]) continue;
    if (++differences == 1) {
      report.problems.push_back(
          fmt::format("operation {}: the one says {}, the other {}", i, (*a)[i], (*b)[i]));
    }
  }
  report.figures = {{"operations", static_cast<double>(a->size())},
                    {"differences", static_cast<double>(differences)}};
  return report;
}

Result<StressReport> StressObservers(const StressOptions& options) {
  StressReport report;
  report.suite = "observers";
  asio::io_context io;
  CacheManager caches{CacheManager::Options()};
  auto cache = caches.Open<std::string>(CacheKind::kItem);
  std::uint64_t seen = 0, seen_by_next = 0, failed = 0;
  Subscription throwing = caches.Observe(kAllCacheEvents, [&](const CacheEvent&) {
    ++seen;
    throw std::runtime_error("an observer's own trouble");
  });
  const Subscription next =
      caches.Observe(kAllCacheEvents, [&](const CacheEvent&) { ++seen_by_next; });
  const Loader<std::string> load = []() -> Task<Result<std::string>> {
    co_return std::string("loaded");
  };
  const auto run = [&](std::size_t count) -> Task<void> {
    for (std::size_t i = 0; i < count; ++i) {
      const auto hit = co_await cache.GetOrLoad(Key(i % 1'000), load);
      failed += !hit || *hit->value != "loaded";
    }
  };
  const std::size_t count = options.operations.value_or(kOperations);
  RunToEnd(io, run(count));
  const std::uint64_t before = seen;
  if (before < count) report.problems.push_back("an observer was not called");
  if (seen_by_next != seen) report.problems.push_back("the observer after it was left out");
  throwing = Subscription();
  RunToEnd(io, run(count));
  if (seen != before) report.problems.push_back("called after its subscription had ended");
  if (failed > 0) report.problems.push_back(fmt::format("{} lookups failed", failed));
  report.figures = {{"events", static_cast<double>(seen_by_next)},
                    {"thrown", static_cast<double>(seen)}};
  return report;
}

}  // namespace spa
