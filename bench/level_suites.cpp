// The second level, alone and under the cache. Where a suite needs a store of any kind it takes
// BenchOptions.l2, or a file in a scratch folder.
#include <fmt/format.h>
#include <time.h>

#include <array>
#include <charconv>
#include <memory>

#include "bench/laps.h"
#include "bench/suites.h"
#include "cache/cache_manager.h"
#include "cache/envelope.h"
#include "core/async/concurrency_manager.h"
#include "core/async/task_group.h"

namespace spa {
namespace {

// So many operations in memory take as long as one at a disk.
constexpr std::size_t kOperationsAtADisk = 100;
constexpr std::size_t kBatch = 100;

// Keys of no other program and no other run, also in a Redis that is in use.
struct Place {
  explicit Place(std::string l2) : url(l2.empty() ? folder.StoreUrl() : std::move(l2)) {
    store.name_space = "bench-" + NewGuid().substr(0, 8);
  }
  CacheManager::Options Levels() const {
    CacheManager::Options levels;
    levels.l2 = url;
    levels.store = store;
    return levels;
  }
  ScratchFolder folder;
  std::string url;
  StoreOptions store;
};

std::string KeyText(std::uint64_t number) {
  return CacheKey(CacheKind::kItem, std::to_string(number)).text();
}

struct StoreRun {
  StoreRun(asio::io_context& io, Store& store, const BenchOptions& options, std::string suite)
      : io(io),
        store(store),
        suite(std::move(suite)),
        count(std::max<std::size_t>(options.operations / kOperationsAtADisk, kBatch)),
        concurrency(options.concurrency),
        repeats(options.repeats),
        pipeline(options.pipeline),
        payload(options.value_bytes, 'x') {}

  StorePut PutOf(std::uint64_t number) const {
    Envelope envelope;
    envelope.schema = 1;
    envelope.created = std::chrono::system_clock::now();
    envelope.fresh_until = envelope.stale_until = envelope.error_until =
        envelope.created + std::chrono::hours(1);
    envelope.payload = payload;
    StorePut put;
    put.key = KeyText(number);
    put.envelope = Seal(envelope, put.key, SealOptions());
    put.expires = envelope.expires();
    return put;
  }

  Task<void> Puts(std::size_t each) {
    Laps laps;
    for (std::size_t i = 0; i < count; i += each) {
      std::vector<StorePut> puts;
      for (std::size_t j = 0; j < each; ++j) puts.push_back(PutOf(i + j));
      laps.Start();
      const auto stored = co_await store.Put(std::move(puts));
      laps.Lap(stored && stored->size() == each && stored->front());
    }
    results.push_back(
        laps.SumUp(suite, fmt::format("put {} at a time", each), static_cast<double>(each)));
  }
  Task<void> Gets(std::size_t each) {
    Laps laps;
    for (std::size_t i = 0; i < count; i += each) {
      std::vector<std::string> keys;
      for (std::size_t j = 0; j < each; ++j) keys.push_back(KeyText((i + j) * 7'919 % count));
      laps.Start();
      const auto got = co_await store.Get(std::move(keys));
      laps.Lap(got && got->size() == each && got->front());
    }
    results.push_back(
        laps.SumUp(suite, fmt::format("get {} at a time", each), static_cast<double>(each)));
  }
  Task<bool> GetOne(std::size_t number) {
    std::vector<std::string> keys(1, KeyText(number));
    const auto got = co_await store.Get(std::move(keys));
    co_return got && got->front().has_value();
  }
  // Nobody asks before the one before has its answer.
  Task<bool> GetInTurn(Semaphore& turn, std::size_t number) {
    const auto permit = co_await turn.Acquire();
    co_return co_await GetOne(number);
  }
  Task<void> Callers(bool pipelined) {
    Semaphore turn(io.get_executor(), 1);
    AtOnce callers(concurrency, count, repeats);
    AtOnce::Operation operation = [&](std::size_t number) {
      return pipelined ? GetOne(number) : GetInTurn(turn, number);
    };
    BenchResult result = co_await callers.Run(io.get_executor(), std::move(operation));
    result.suite = suite;
    result.operation_type =
        fmt::format("get, {} callers at once{}", concurrency, pipelined ? "" : ", not pipelined");
    results.push_back(std::move(result));
  }
  Task<void> Run() {
    opened = co_await store.Open();
    if (!opened) co_return;
    co_await Puts(1);
    co_await Puts(kBatch);
    co_await Gets(1);
    co_await Gets(kBatch);
    const bool compares = suite == "redis";
    if (compares) co_await Callers(false);
    if (pipeline) {
      const double in_turn = results.back().operations_per_second;
      co_await Callers(true);
      BenchResult& pipelined = results.back();
      if (compares) pipelined.more["ratio"] = pipelined.operations_per_second / in_turn;
    }
    const auto cleared = co_await store.Clear();
    if (!cleared) opened = Fail(cleared.error());
    co_await store.Close();
  }

  asio::io_context& io;
  Store& store;
  const std::string suite;
  const std::size_t count, concurrency;
  const int repeats;
  const bool pipeline;
  const std::string payload;
  Status opened;
  std::vector<BenchResult> results;
};

BenchResults MeasureStore(const char* suite, const Place& place, const BenchOptions& options) {
  asio::io_context io;
  auto store = MakeStore(io.get_executor(), place.url, place.store);
  if (!store) return Fail(std::move(store.error()));
  StoreRun run(io, **store, options, suite);
  RunToEnd(io, run.Run());
  if (!run.opened) return Fail(run.opened.error());
  return std::move(run.results);
}

// Two processes, as far as the store can tell.
struct Processes {
  Processes(asio::io_context& io, const Place& place) : io(io) {
    for (auto& one : all) one = std::make_unique<CacheManager>(place.Levels());
  }
  Task<Status> Open() {
    for (auto& one : all) {
      Status opened = co_await one->Open(io.get_executor());
      if (!opened) problem = std::move(opened);
    }
    co_return problem;
  }
  // What they left in a store that stays goes with them.
  Task<void> Close() {
    if (problem) {
      const auto cleared = co_await all[0]->store()->Clear();
      if (!cleared) problem = Fail(cleared.error());
    }
    for (auto& one : all) co_await one->Close();
  }
  asio::io_context& io;
  Status problem;
  std::array<std::unique_ptr<CacheManager>, 2> all;
};

std::uint64_t NumberIn(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// Callers of both processes count in one place; each increment must be seen in the end.
struct Increments {
  Increments(asio::io_context& io, const Place& place, std::size_t count)
      : processes(io, place), count(count) {}

  Task<void> Caller(std::size_t which) {
    auto cache = processes.all[which % 2]->Open<std::string>(CacheKind::kItem);
    while (asked < count) {
      ++asked;
      std::function<Result<std::string>(const std::string*)> increment =
          [this](const std::string* old) -> Result<std::string> {
        ++tries;
        return std::to_string((old ? NumberIn(*old) : 0) + 1);
      };
      const auto before = Laps::Steady::now();
      const auto hit =
          co_await cache.Update(CacheKey(CacheKind::kItem, "counter"), std::move(increment));
      const std::chrono::duration<double, std::nano> wait = Laps::Steady::now() - before;
      took.push_back(wait.count());
      done += hit.has_value();
    }
  }
  Task<void> StartAll(TaskGroup& group) {
    for (std::size_t i = 0; i < 8; ++i) group.Start(Caller(i));
    co_return;
  }
  Task<void> Run() {
    const Status opened = co_await processes.Open();
    std::function<Task<void>(TaskGroup&)> all = [this](TaskGroup& group) {
      return StartAll(group);
    };
    if (opened) {
      const auto started = Laps::Steady::now();
      co_await RunGroup(processes.io.get_executor(), 0, std::move(all));
      seconds = std::chrono::duration<double>(Laps::Steady::now() - started).count();
      std::vector<std::string> keys(1, CacheKey(CacheKind::kItem, "counter").text());
      // From the store itself, whatever either memory holds.
      const auto stored = co_await processes.all[0]->store()->Get(std::move(keys));
      if (stored && stored->front()) {
        const auto read = OpenEnvelope(*stored->front(), KeyText("counter"), SealOptions());
        if (read.envelope) counted = NumberIn(read.envelope->payload);
      }
    }
    co_await processes.Close();
  }
  static std::string KeyText(std::string_view id) { return CacheKey(CacheKind::kItem, id).text(); }

  Processes processes;
  const std::size_t count;
  std::size_t asked = 0;
  std::uint64_t tries = 0, done = 0, counted = 0;
  double seconds = 0;
  std::vector<double> took;
};

// What the first process wrote, the second reads from the store: together, or one by one.
struct Batches {
  Batches(asio::io_context& io, const Place& place, std::size_t rounds)
      : processes(io, place), rounds(rounds) {}

  static std::vector<CacheKey> KeysOf(std::size_t round) {
    std::vector<CacheKey> keys;
    for (std::size_t i = 0; i < kBatch; ++i) {
      keys.emplace_back(CacheKind::kItem, std::to_string(round * kBatch + i));
    }
    return keys;
  }
  Task<void> Run() {
    const Status opened = co_await processes.Open();
    if (opened) co_await Measured();
    co_await processes.Close();
  }
  Task<void> Measured() {
    auto writer = processes.all[0]->Open<std::string>(CacheKind::kItem);
    auto reader = processes.all[1]->Open<std::string>(CacheKind::kItem);
    for (std::size_t round = 0; round < 2 * rounds; ++round) {
      std::vector<std::pair<CacheKey, std::string>> values;
      for (CacheKey& key : KeysOf(round)) values.emplace_back(std::move(key), "value");
      co_await writer.SetMany(std::move(values));
    }
    Laps together, alone;
    for (std::size_t round = 0; round < rounds; ++round) {
      std::vector<CacheKey> keys = KeysOf(2 * round);
      together.Start();
      const auto hits = co_await reader.GetMany(std::move(keys));
      std::size_t right = 0;
      for (const auto& hit : hits) right += hit && *hit->value == "value";
      together.Lap(right == kBatch);

      keys = KeysOf(2 * round + 1);
      right = 0;
      alone.Start();
      for (CacheKey& key : keys) {
        const auto hit = co_await reader.Get(std::move(key));
        right += hit && *hit && *(**hit).value == "value";
      }
      alone.Lap(right == kBatch);
    }
    results.push_back(alone.SumUp("batch", "100 gets", kBatch));
    results.push_back(together.SumUp("batch", "one get of 100", kBatch));
    results[1].more["ratio"] = results[0].p50_ms / results[1].p50_ms;
  }

  Processes processes;
  const std::size_t rounds;
  std::vector<BenchResult> results;
};

// The whole cache with many callers, each waiting for one answer at a time.
struct Callers {
  Callers(asio::io_context& io, CacheManager& caches, const BenchOptions& options,
          std::size_t count)
      : io(io),
        caches(caches),
        callers(options.concurrency),
        count(count),
        value(options.value_bytes, 'x') {}

  static CacheKey KeyOf(std::size_t number) {
    return CacheKey(CacheKind::kItem, std::to_string(number));
  }
  Task<bool> Set(std::size_t number) {
    const bool set = co_await cache->Set(KeyOf(number), value);
    co_return set;
  }
  Task<bool> Get(std::size_t number) {
    const auto hit = co_await cache->Get(KeyOf(number));
    co_return hit&&* hit&&*(**hit).value == value;
  }
  Task<bool> Delete(std::size_t number) {
    const bool erased = co_await cache->Erase(KeyOf(number));
    co_return erased;
  }
  Task<void> Measured(const char* name, Task<bool> (Callers::*one)(std::size_t)) {
    AtOnce at_once(callers, count, 1);
    AtOnce::Operation operation = [this, one](std::size_t number) { return (this->*one)(number); };
    BenchResult result = co_await at_once.Run(io.get_executor(), std::move(operation));
    result.suite = "basic";
    result.operation_type = fmt::format("{}, {} callers at once", name, callers);
    results.push_back(std::move(result));
  }
  Task<void> Run() {
    opened = co_await caches.Open(io.get_executor());
    if (opened) {
      cache.emplace(caches.Open<std::string>(CacheKind::kItem));
      co_await Measured("set", &Callers::Set);
      co_await Measured("get", &Callers::Get);
      co_await Measured("delete", &Callers::Delete);
    }
    co_await caches.Close();
  }

  asio::io_context& io;
  CacheManager& caches;
  const std::size_t callers, count;
  const std::string value;
  std::optional<Cache<std::string>> cache;
  Status opened;
  std::vector<BenchResult> results;
};

// As many rounds as asked: a process's counters added to the store's.
Task<void> Count(Store& store, std::size_t rounds, Laps& laps, bool& right) {
  const Status opened = co_await store.Open();
  if (!opened) co_return;
  for (std::size_t i = 0; i < rounds; ++i) {
    std::map<std::string, std::int64_t> more;
    more["item.l1_hits"] = 3;
    more["item.misses"] = 1;
    laps.Start();
    const auto added = co_await store.AddCounters(std::move(more));
    laps.Lap(added.has_value());
  }
  auto counters = co_await store.Counters();
  right = counters && (*counters)["item.l1_hits"] == static_cast<std::int64_t>(3 * rounds);
  co_await store.ResetCounters();
  co_await store.Close();
}

Task<void> EraseByTag(CacheManager& caches, const BenchOptions& options, Laps& laps) {
  auto cache = caches.Open<std::string>(CacheKind::kItem);
  const Tag tag("site", "hr");
  for (int round = 0; round < options.repeats; ++round) {
    for (std::size_t i = 0; i < options.keys; ++i) {
      WriteOptions write;
      write.tags.push_back(tag);
      co_await cache.Set(CacheKey(CacheKind::kItem, std::to_string(i)), std::string("value"),
                         std::move(write));
    }
    CacheKey last(CacheKind::kItem, std::to_string(options.keys - 1));
    const bool there = co_await cache.Contains(last);
    const Selector selector = tag;
    laps.Start();
    co_await caches.Erase(selector);
    const bool still = co_await cache.Contains(last);
    laps.Lap(there && !still);
  }
}

// How long the loop is away from whoever else wants to run on it: by the clock, and by what others
// on it used of the processor, which a busy machine does not blur.
struct Ticker {
  static double BusyMs() {
    timespec used{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) * 1e3 + static_cast<double>(used.tv_nsec) / 1e6;
  }
  Task<void> Run(asio::any_io_executor executor) {
    auto last = Laps::Steady::now();
    double last_busy = BusyMs();
    while (!stop) {
      co_await asio::post(executor, asio::use_awaitable);
      const auto now = Laps::Steady::now();
      const double busy = BusyMs();
      const std::chrono::duration<double, std::milli> away = now - last;
      longest_ms = std::max(longest_ms, away.count());
      longest_busy_ms = std::max(longest_busy_ms, busy - last_busy);
      last = now;
      last_busy = busy;
    }
  }
  bool stop = false;
  double longest_ms = 0, longest_busy_ms = 0;
};

struct HealthLoop {
  HealthLoop(asio::io_context& io, Store& store, int iterations)
      : io(io), store(store), iterations(iterations) {}
  Task<void> Checks() {
    HealthGate gate("bench");
    for (int i = 0; i < iterations; ++i) {
      laps.Start();
      bool right = gate.Allow();
      const auto before = Laps::Steady::now();
      const auto info = co_await store.Info();
      const auto took = Laps::Steady::now() - before;
      gate.Succeeded(std::chrono::duration_cast<std::chrono::microseconds>(took));
      right = right && info && gate.Snapshot().state == GateState::kClosed;
      laps.Lap(right);
    }
    ticker.stop = true;
  }
  Task<void> StartBoth(TaskGroup& group) {
    group.Start(ticker.Run(io.get_executor()));
    group.Start(Checks());
    co_return;
  }
  Task<void> Run() {
    opened = co_await store.Open();
    if (!opened) co_return;
    std::function<Task<void>(TaskGroup&)> both = [this](TaskGroup& group) {
      return StartBoth(group);
    };
    co_await RunGroup(io.get_executor(), 0, std::move(both));
    co_await store.Close();
  }

  asio::io_context& io;
  Store& store;
  const int iterations;
  Status opened;
  Ticker ticker;
  Laps laps;
};

}  // namespace

BenchResults BenchCallers(const BenchOptions& options) {
  asio::io_context io;
  const bool alone = options.l2.empty();
  const Place place(alone ? "none" : options.l2);
  CacheManager::Options levels = place.Levels();
  levels.entries = options.keys * 2;
  levels.bytes = std::size_t{2} << 30;
  CacheManager caches(levels);
  Callers run(io, caches, options, alone ? options.keys : options.keys / 10);
  RunToEnd(io, run.Run());
  if (!run.opened) return Fail(run.opened.error());
  return std::move(run.results);
}

BenchResults BenchDisk(const BenchOptions& options) {
  return MeasureStore("disk", Place(""), options);
}

BenchResults BenchRedis(const BenchOptions& options) {
  if (!options.l2.starts_with("redis")) {
    return Fail(ErrorCode::kUsage, "the suite \"redis\" needs the URL of a Redis",
                "Give it one that may be written to, as redis://127.0.0.1:6379/0.");
  }
  return MeasureStore("redis", Place(options.l2), options);
}

BenchResults BenchUpdate(const BenchOptions& options) {
  asio::io_context io;
  const Place place(options.l2);
  Increments run(io, place, options.operations / kOperationsAtADisk);
  RunToEnd(io, run.Run());
  if (!run.processes.problem) return Fail(run.processes.problem.error());
  BenchResult result;
  result.suite = "update";
  result.operation_type = "increments by two processes, eight callers";
  result.operations_per_second = static_cast<double>(run.done) / run.seconds;
  result.success_rate =
      static_cast<double>(run.counted) / std::max(static_cast<double>(run.asked), 1.0);
  result.memory_usage_mb = ProcessMegabytes();
  result.more["lost"] = static_cast<double>(run.done) - static_cast<double>(run.counted);
  result.more["retries"] = static_cast<double>(run.tries) - static_cast<double>(run.done);
  SumUpLatencies(run.took, result);
  return std::vector<BenchResult>{std::move(result)};
}

BenchResults BenchBatch(const BenchOptions& options) {
  asio::io_context io;
  const Place place(options.l2);
  Batches run(io, place, std::clamp<std::size_t>(options.operations / 50'000, 2, 40));
  RunToEnd(io, run.Run());
  if (!run.processes.problem) return Fail(run.processes.problem.error());
  return std::move(run.results);
}

BenchResults BenchCounter(const BenchOptions& options) {
  asio::io_context io;
  const Place place(options.l2);
  auto store = MakeStore(io.get_executor(), place.url, place.store);
  if (!store) return Fail(std::move(store.error()));
  Laps laps;
  bool right = false;
  RunToEnd(io, Count(**store, options.operations / (10 * kOperationsAtADisk), laps, right));
  auto result = laps.SumUp("counter", "two counters added to the store's");
  if (!right) result.success_rate = 0;
  return std::vector<BenchResult>{std::move(result)};
}

BenchResults BenchTag(const BenchOptions& options) {
  asio::io_context io;
  CacheManager::Options levels;
  levels.entries = options.keys * 2;
  levels.bytes = std::size_t{2} << 30;
  CacheManager caches(levels);
  Laps laps;
  RunToEnd(io, EraseByTag(caches, options, laps));
  return std::vector<BenchResult>{
      laps.SumUp("tag", fmt::format("erase {} entries by their tag", options.keys))};
}

BenchResults BenchHealthLoop(const BenchOptions& options) {
  asio::io_context io;
  const Place place(options.l2);
  auto store = MakeStore(io.get_executor(), place.url, place.store);
  if (!store) return Fail(std::move(store.error()));
  HealthLoop loop(io, **store, options.iterations);
  RunToEnd(io, loop.Run());
  if (!loop.opened) return Fail(loop.opened.error());
  auto result = loop.laps.SumUp("health-loop", "asking the store how it is");
  result.more["longest_stall_ms"] = loop.ticker.longest_ms;
  result.more["longest_busy_ms"] = loop.ticker.longest_busy_ms;
  return std::vector<BenchResult>{std::move(result)};
}

}  // namespace spa
