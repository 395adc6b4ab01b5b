// TBB's concurrent_lru_cache, driven as ours.cpp drives MemoryStore. It makes a missing value
// itself, so hits are told by what its callback saw.
#define TBB_PREVIEW_CONCURRENT_LRU_CACHE 1
#include <tbb/concurrent_lru_cache.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

struct Value {
  std::uint32_t number;
  char rest[196];
};
static std::atomic<std::uint64_t> made{0};

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  std::ifstream in(argv[1], std::ios::binary);
  std::uint32_t head[4];
  in.read(reinterpret_cast<char*>(head), sizeof head);
  std::vector<std::string> keys(head[0], std::string(head[1], ' '));
  for (auto& key : keys) in.read(key.data(), head[1]);
  std::vector<std::uint32_t> sequence(head[2]);
  in.read(reinterpret_cast<char*>(sequence.data()), 4 * std::streamsize{head[2]});
  const std::size_t capacity = std::stoul(argv[2]);
  const unsigned threads = static_cast<unsigned>(std::stoul(argv[3]));
  const bool gets = std::string(argv[5]) == "gets";

  using Shared = std::shared_ptr<const Value>;
  // The key says which value: its decimal part.
  const auto load = [](const std::string& key) -> Shared {
    made.fetch_add(1, std::memory_order_relaxed);
    return std::make_shared<const Value>(
        Value{static_cast<std::uint32_t>(std::stoul(key.substr(17, 8))), {}});
  };
  using Cache = tbb::concurrent_lru_cache<std::string, Shared, Shared (*)(const std::string&)>;
  double best = 0, best_of_processor = 0, ratio = 0;
  std::atomic<std::uint64_t> wrong{0};
  std::unique_ptr<Cache> cache;
  for (int round = 0; round < (gets ? 3 : 1); ++round) {
    if (!cache || !gets) cache = std::make_unique<Cache>(+load, capacity);
    if (gets && round == 0) {
      for (const auto& key : keys) (*cache)[key];
    }
    made = 0;
    const auto started = std::chrono::steady_clock::now();
    const std::clock_t clock_before = std::clock();
    std::vector<std::thread> running;
    for (unsigned t = 0; t < threads; ++t) {
      running.emplace_back([&, at = sequence.size() / threads * t]() mutable {
        std::uint64_t bad = 0;
        for (std::size_t i = 0; i < sequence.size(); ++i) {
          const auto number = sequence[at];
          if (++at == sequence.size()) at = 0;
          auto handle = (*cache)[keys[number]];
          bad += handle.value()->number != number;
        }
        wrong += bad;
      });
    }
    for (auto& thread : running) thread.join();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    const double lookups = static_cast<double>(sequence.size()) * threads;
    best = std::max(best, lookups / took.count());
    best_of_processor =
        std::max(best_of_processor, lookups * threads * CLOCKS_PER_SEC /
                                        static_cast<double>(std::clock() - clock_before));
    ratio = 1 - static_cast<double>(made) / lookups;
  }
  std::printf("tbb-lru\t%s\t%u\t%.0f\t%.4f\t%llu\t%.0f\n", argv[5], threads, best, ratio,
              static_cast<unsigned long long>(wrong), best_of_processor);
}
