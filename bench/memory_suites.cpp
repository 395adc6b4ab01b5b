#include <fmt/format.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench/measure.h"
#include "bench/plain_lru.h"
#include "bench/suites.h"
#include "bench/traces.h"
#include "cache/memory_store.h"
#include "cache/tag.h"

namespace spa {
namespace {

constexpr CacheTime kNow{};
constexpr MemoryStore::Limits kPlenty{std::size_t{1} << 20, std::size_t{4} << 30};

// A value that says which it is.
Entry Holding(std::uint32_t number, std::size_t bytes) {
  auto value = std::make_shared<std::string>(std::max(bytes, sizeof number), '.');
  std::memcpy(value->data(), &number, sizeof number);
  Entry entry;
  entry.value = std::move(value);
  entry.cost = bytes + sizeof(std::string);
  entry.expires = CacheTime::max();
  return entry;
}

bool Holds(const Entry& entry, std::uint32_t number) {
  std::uint32_t held;
  std::memcpy(&held, static_cast<const std::string*>(entry.value.get())->data(), sizeof held);
  return held == number;
}

std::vector<CacheKey> KeysOf(const Trace& trace) {
  std::vector<CacheKey> keys;
  keys.reserve(trace.keys.size());
  for (const auto& text : trace.keys) keys.emplace_back(CacheKind::kItem, text);
  return keys;
}

// A store and what is asked of it. Stored keys are other objects than those asked for.
struct Workload {
  static Result<Workload> Make(std::string_view trace_name, const BenchOptions& options,
                               MemoryStore::Limits limits, EvictionPolicy policy, bool fill) {
    TraceShape shape;
    shape.keys = options.keys;
    shape.length = options.operations;
    shape.seed = options.seed;
    auto trace = options.trace_file ? ReadTrace(*options.trace_file) : MakeTrace(trace_name, shape);
    if (!trace) return Fail(std::move(trace.error()));
    Workload work;
    work.keys = KeysOf(*trace);
    work.sequence = std::move(trace->sequence);
    work.sizes = std::move(trace->sizes);
    work.value_bytes = options.value_bytes;
    work.store = std::make_unique<MemoryStore>(limits, policy);
    if (fill) {
      const auto stored = KeysOf(*trace);
      for (std::uint32_t i = 0; i < stored.size(); ++i) {
        work.store->Set(stored[i], work.ValueOf(i));
      }
    }
    return work;
  }

  Entry ValueOf(std::uint32_t number) const {
    return Holding(number, sizes.empty() ? value_bytes : sizes[number]);
  }
  std::uint32_t At(int thread, std::size_t i) const {
    return sequence[(i + static_cast<std::size_t>(thread) * 7'919) % sequence.size()];
  }
  bool Read(std::uint32_t number) const {
    const auto entry = store->Get(keys[number], kNow);
    return entry && Holds(*entry, number);
  }
  bool Write(std::uint32_t number) const { return store->Set(keys[number], ValueOf(number)); }

  std::vector<CacheKey> keys;
  std::vector<std::uint32_t> sequence, sizes;
  std::size_t value_bytes = 0;
  std::unique_ptr<MemoryStore> store;
};

// The same keys and values in a list under one lock.
struct PlainWorkload {
  PlainWorkload(const Workload& like, std::size_t limit) : like(like), store(limit) {
    for (std::uint32_t i = 0; i < like.keys.size(); ++i) Write(i);
  }
  bool Read(std::uint32_t number) const {
    Entry entry;
    entry.value = store.Get(like.keys[number].text());
    return entry.value && Holds(entry, number);
  }
  bool Write(std::uint32_t number) const {
    store.Set(like.keys[number].text(), like.ValueOf(number).value);
    return true;
  }
  const Workload& like;
  mutable PlainLru store;
};

// One operation of `share_of_writes` percent is a write. By the number of threads.
template <class Work>
std::vector<BenchResult> ByThreads(const char* suite, std::string_view name,
                                   const BenchOptions& options, const Work& work,
                                   const Workload& order, unsigned share_of_writes) {
  std::vector<BenchResult> results;
  double alone = 0;
  for (const int threads : options.threads) {
    const auto label =
        fmt::format("{} {} {} thread{}", suite, name, threads, threads == 1 ? "" : "s");
    auto result = Measure(suite, label, threads, options.operations, options.repeats,
                          [&](int thread, std::size_t i) {
                            const std::uint32_t number = order.At(thread, i);
                            if (i * 37 % 100 < share_of_writes) return work.Write(number);
                            return work.Read(number) || share_of_writes > 0;
                          });
    if (threads == 1) alone = result.operations_per_second;
    const unsigned cores = std::max(std::thread::hardware_concurrency(), 1u);
    const double apart = std::min<double>(threads, cores);
    if (alone > 0) result.more["efficiency"] = result.operations_per_second / alone / apart;
    results.push_back(std::move(result));
  }
  return results;
}

BenchResults ReadsAndWrites(const char* suite, const BenchOptions& options,
                            MemoryStore::Limits limits, unsigned share_of_writes) {
  std::vector<BenchResult> results, plain;
  for (const auto policy : options.policies) {
    auto work = Workload::Make("zipf-0.99", options, limits, policy, true);
    if (!work) return Fail(std::move(work.error()));
    if (options.against_plain_lru && plain.empty()) {
      const PlainWorkload list(*work, limits.entries);
      plain = ByThreads(suite, "lru-mutex", options, list, *work, share_of_writes);
      results = plain;
    }
    auto ours = ByThreads(suite, NameOf(policy), options, *work, *work, share_of_writes);
    for (std::size_t i = 0; i < plain.size(); ++i) {
      ours[i].more["ratio"] = ours[i].operations_per_second / plain[i].operations_per_second;
    }
    results.insert(results.end(), ours.begin(), ours.end());
  }
  return results;
}

// A reader's lookups while `chore` runs again and again beside it.
template <class Chore>
BenchResults StallBeside(const char* suite, const BenchOptions& options, Chore chore) {
  auto work = Workload::Make("zipf-0.99", options, kPlenty, EvictionPolicy::kHybrid, true);
  if (!work) return Fail(std::move(work.error()));
  std::atomic<bool> done{false};
  std::uint64_t chores = 0;
  std::thread beside([&] {
    while (!done) chores += chore(*work->store);
  });
  auto result = Measure(
      suite, fmt::format("get beside {}", suite), 1, options.operations, options.repeats,
      [&](int thread, std::size_t i) { return work->Read(work->At(thread, i)); }, 1);
  done = true;
  beside.join();
  result.more["entries"] = static_cast<double>(work->store->entries());
  result.more["rounds_beside"] = static_cast<double>(chores);
  return std::vector<BenchResult>{std::move(result)};
}

// Runs `measure` in a child, whose heap holds nothing that an earlier measurement gave back: what
// is used again would not show in what the process grows by. No other thread may be running.
BenchResults InProcessOfItsOwn(const std::function<BenchResult()>& measure) {
  int ends[2];
  if (pipe(ends) != 0)
    return Fail(ErrorCode::kStorage, "measuring in a process of its own: no pipe");
  const pid_t child = fork();
  if (child == 0) {
    const std::string text = ToJson({measure()}).dump();
    const bool written = write(ends[1], text.data(), text.size()) == std::ssize(text);
    _exit(written ? 0 : 1);
  }
  close(ends[1]);
  std::string text;
  char part[4096];
  for (ssize_t got = 0; child > 0 && (got = read(ends[0], part, sizeof part)) > 0;) {
    text.append(part, static_cast<std::size_t>(got));
  }
  close(ends[0]);
  if (child > 0) waitpid(child, nullptr, 0);
  return BenchResultsFrom(text);
}

// A store filled with the keys of the trace, and what the process grew by meanwhile.
BenchResult Filled(const Trace& trace, std::size_t bytes) {
  const double before = ProcessMegabytes();
  MemoryStore store({trace.keys.size(), kPlenty.bytes});
  const double empty = ProcessMegabytes();
  auto result = Measure("memory", fmt::format("fill with values of {} bytes", bytes), 1,
                        trace.keys.size(), 1, [&](int, std::size_t i) {
                          const CacheKey key(CacheKind::kItem, trace.keys[i]);
                          return store.Set(key, Holding(static_cast<std::uint32_t>(i), bytes));
                        });
  const double grown = result.memory_usage_mb - empty;
  const double counted = static_cast<double>(store.bytes()) / 1e6;
  const auto entries = static_cast<double>(store.entries());
  const auto heap = mallinfo2();
  const auto held = static_cast<double>(heap.arena + heap.hblkhd);
  result.more["counted_mb"] = counted;
  result.more["grown_mb"] = grown;
  result.more["counted_of_grown"] = counted / std::max(grown, 1e-3);
  result.more["index_mb"] = empty - before;
  result.more["bytes_per_entry"] = counted * 1e6 / entries;
  result.more["real_bytes_per_entry"] = grown * 1e6 / entries;
  result.more["heap_unused_share"] = static_cast<double>(heap.fordblks) / std::max(held, 1.0);
  return result;
}

}  // namespace

BenchResults BenchBasic(const BenchOptions& options) {
  auto work = Workload::Make("zipf-0.99", options, kPlenty, EvictionPolicy::kHybrid, false);
  if (!work) return Fail(std::move(work.error()));
  const auto number = [&](std::size_t i) {
    return static_cast<std::uint32_t>(i % work->keys.size());
  };
  const std::size_t count = work->keys.size();
  std::vector<BenchResult> results;
  results.push_back(Measure("basic", "set", 1, count, 1, [&](int, std::size_t i) {
    return work->store->Set(work->keys[number(i)], work->ValueOf(number(i)));
  }));
  results.push_back(Measure("basic", "get", 1, count, options.repeats,
                            [&](int, std::size_t i) { return work->Read(number(i)); }));
  results.push_back(Measure("basic", "delete", 1, count, 1, [&](int, std::size_t i) {
    return work->store->Erase(work->keys[number(i)]);
  }));
  auto callers = BenchCallers(options);
  if (!callers) return callers;
  results.insert(results.end(), callers->begin(), callers->end());
  return results;
}

BenchResults BenchL1(const BenchOptions& options) {
  return ReadsAndWrites("l1", options, kPlenty, 0);
}

BenchResults BenchMixed(const BenchOptions& options) {
  return ReadsAndWrites("mixed", options, kPlenty, 25);
}

BenchResults BenchWrite(const BenchOptions& options) {
  return ReadsAndWrites("write", options, {options.keys / 10 + 1, kPlenty.bytes}, 100);
}

BenchResults BenchHitRatio(const BenchOptions& options) {
  std::vector<std::string> names = options.traces;
  if (options.trace_file) names = {options.trace_file->stem().string()};
  if (names.empty()) names.assign(TraceNames().begin(), TraceNames().end());
  std::vector<BenchResult> results;
  for (const auto& name : names) {
    for (const std::size_t size : options.sizes) {
      for (const auto policy : options.policies) {
        // Values of all sizes are bounded by bytes, as many as `size` of 10 kB each.
        const bool by_bytes = name == "sizes";
        const MemoryStore::Limits limits{by_bytes ? options.keys : size,
                                         by_bytes ? size * 10'000 : kPlenty.bytes};
        auto work = Workload::Make(name, options, limits, policy, false);
        if (!work) return Fail(std::move(work.error()));
        double hits = 0;
        auto result = Measure("hit-ratio", fmt::format("{} {} of {}", name, NameOf(policy), size),
                              1, work->sequence.size(), 1, [&](int, std::size_t i) {
                                const std::uint32_t number = work->sequence[i];
                                if (const auto entry = work->store->Get(work->keys[number], kNow)) {
                                  ++hits;
                                  return Holds(*entry, number);
                                }
                                work->store->Set(work->keys[number], work->ValueOf(number));
                                return true;
                              });
        result.hit_ratio = hits / static_cast<double>(work->sequence.size());
        results.push_back(std::move(result));
      }
    }
  }
  return results;
}

// What the store says it holds, against what the process grew by. What the heap still had from
// before is given back first: else it would be taken for nothing.
BenchResults BenchMemory(const BenchOptions& options) {
  TraceShape shape;
  shape.keys = options.keys;
  shape.length = options.keys;
  const auto trace = MakeTrace("loop", shape);
  if (!trace) return Fail(trace.error());
  std::vector<BenchResult> results;
  for (const std::size_t bytes : {std::size_t{20}, options.value_bytes, std::size_t{2'000}}) {
    auto filled = InProcessOfItsOwn([&] { return Filled(*trace, bytes); });
    if (!filled) return filled;
    results.push_back(std::move(filled->front()));
  }
  return results;
}

BenchResults BenchSweep(const BenchOptions& options) {
  return StallBeside("sweep", options, [](MemoryStore& store) {
    return static_cast<std::uint64_t>(store.SweepSlice(kNow).done);
  });
}

BenchResults BenchPattern(const BenchOptions& options) {
  return StallBeside("pattern", options, [](MemoryStore& store) {
    const Glob glob("sharepoint_audit:item:*00ff*");
    std::uint64_t matched = 0;
    store.Walk([&](const MemoryStore::KeptPtr& kept) { matched += glob.Matches(kept->key()); });
    return std::uint64_t{1};
  });
}

}  // namespace spa
