// The peer that is this project: MemoryStore, driven as the other peers are.
//
//   cache-peer TRACE CAPACITY THREADS POLICY gets|ratio
//
// "gets": every key is in, each thread asks for the whole sequence from a start of its own.
// "ratio": an empty store of CAPACITY, what is not there is put in. Prints one line: name, mode,
// threads, lookups a second (best of the rounds), hit ratio, wrong values, and lookups a second of
// processor time times THREADS: what it would reach if others left the machine alone.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <ctime>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/traces.h"
#include "cache/memory_store.h"

namespace {

using namespace spa;
using Steady = std::chrono::steady_clock;

constexpr int kRounds = 5;
constexpr std::size_t kValueBytes = 200;

struct Value {
  explicit Value(std::uint32_t number) : number(number) {}
  std::uint32_t number;
  char rest[kValueBytes - sizeof(std::uint32_t)] = {};
};

Entry Holding(std::uint32_t number) {
  Entry entry;
  entry.value = std::make_shared<const Value>(number);
  entry.cost = kValueBytes;
  entry.expires = CacheTime::max();
  return entry;
}

bool Holds(const Entry& entry, std::uint32_t number) {
  return static_cast<const Value*>(entry.value.get())->number == number;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const auto trace = ReadTrace(argv[1]);
  if (!trace) return fmt::print(stderr, "{}\n", trace.error().message), 1;
  const auto capacity = static_cast<std::size_t>(std::stoul(argv[2]));
  const int threads = std::stoi(argv[3]);
  const std::string_view policy = argv[4];
  const std::string_view mode = argv[5];

  std::vector<CacheKey> keys, stored;  // Apart, so that comparing a key reads both.
  for (const auto& text : trace->keys) keys.emplace_back(CacheKind::kItem, text);
  for (const auto& text : trace->keys) stored.emplace_back(CacheKind::kItem, text);
  const auto eviction = policy == "lru"      ? EvictionPolicy::kLru
                        : policy == "s3fifo" ? EvictionPolicy::kS3Fifo
                                             : EvictionPolicy::kHybrid;
  const auto& sequence = trace->sequence;
  double best = 0, best_of_processor = 0, ratio = 0;
  std::atomic<std::uint64_t> wrong{0};
  auto store =
      std::make_unique<MemoryStore>(MemoryStore::Limits{capacity, std::size_t{4} << 30}, eviction);
  if (mode == "gets") {
    for (std::uint32_t i = 0; i < stored.size(); ++i) store->Set(stored[i], Holding(i));
  }
  for (int round = 0; round < (mode == "gets" ? kRounds : 1); ++round) {
    if (mode == "ratio") {
      store = std::make_unique<MemoryStore>(MemoryStore::Limits{capacity, std::size_t{4} << 30},
                                            eviction);
    }
    std::atomic<std::uint64_t> hits{0};
    const auto started = Steady::now();
    const std::clock_t clock_before = std::clock();
    std::vector<std::thread> running;
    for (int t = 0; t < threads; ++t) {
      running.emplace_back([&, t] {
        std::uint64_t found = 0, bad = 0;
        std::size_t at =
            sequence.size() / static_cast<std::size_t>(threads) * static_cast<std::size_t>(t);
        for (std::size_t i = 0; i < sequence.size(); ++i) {
          const std::uint32_t number = sequence[at];
          if (++at == sequence.size()) at = 0;
          if (const auto entry = store->Get(keys[number], CacheTime())) {
            ++found;
            bad += !Holds(*entry, number);
          } else {
            store->Set(stored[number], Holding(number));
          }
        }
        hits += found;
        wrong += bad;
      });
    }
    for (auto& thread : running) thread.join();
    const std::chrono::duration<double> took = Steady::now() - started;
    const double lookups = static_cast<double>(sequence.size()) * threads;
    best = std::max(best, lookups / took.count());
    best_of_processor =
        std::max(best_of_processor, lookups * threads * CLOCKS_PER_SEC /
                                        static_cast<double>(std::clock() - clock_before));
    ratio = static_cast<double>(hits) / lookups;
  }
  fmt::print("sharepoint-audit-{}\t{}\t{}\t{:.0f}\t{:.4f}\t{}\t{:.0f}\n", policy, mode, threads,
             best, ratio, wrong.load(), best_of_processor);
}
