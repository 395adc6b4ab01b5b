#include "cache/memory_store.h"

#include <atomic>
#include <cmath>
#include <list>
#include <random>
#include <set>
#include <thread>
#include <unordered_map>

#include "bench/allocations.h"
#include "tests/cache/cache_testing.h"
#include "tests/catch.h"

using namespace spa;
using namespace spa::testing;
using namespace std::chrono_literals;

namespace {

CacheKey Key(std::uint64_t number) { return CacheKey(CacheKind::kItem, std::to_string(number)); }

Entry Holding(std::uint64_t number, std::size_t cost = 8) {
  Entry entry;
  entry.value = std::make_shared<const std::uint64_t>(number);
  entry.cost = cost;
  entry.expires = CacheTime::max();
  return entry;
}

std::uint64_t Held(const Entry& entry) {
  return *static_cast<const std::uint64_t*>(entry.value.get());
}

// Asks for the key and puts it in when it is not there; true for a hit.
bool Ask(MemoryStore& store, std::uint64_t number) {
  if (store.Get(Key(number), CacheTime())) return true;
  store.Set(Key(number), Holding(number));
  return false;
}

double HitRatio(MemoryStore& store, const std::vector<std::uint64_t>& trace) {
  double hits = 0;
  for (const auto number : trace) hits += Ask(store, number);
  return hits / static_cast<double>(trace.size());
}

EvictionPolicy AnyPolicy() {
  return GENERATE(EvictionPolicy::kHybrid, EvictionPolicy::kLru, EvictionPolicy::kS3Fifo);
}

double LruHitRatio(std::size_t capacity, const std::vector<std::uint64_t>& trace) {
  std::list<std::uint64_t> order;
  std::unordered_map<std::uint64_t, std::list<std::uint64_t>::iterator> index;
  double hits = 0;
  for (const auto number : trace) {
    if (const auto at = index.find(number); at != index.end()) {
      ++hits;
      order.splice(order.begin(), order, at->second);
      continue;
    }
    order.push_front(number);
    index[number] = order.begin();
    if (order.size() > capacity) {
      index.erase(order.back());
      order.pop_back();
    }
  }
  return hits / static_cast<double>(trace.size());
}

std::vector<std::uint64_t> Zipf(std::size_t keys, double skew, std::size_t length) {
  std::vector<double> cumulative(keys);
  double sum = 0;
  for (std::size_t i = 0; i < keys; ++i) {
    cumulative[i] = sum += 1 / std::pow(static_cast<double>(i + 1), skew);
  }
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> pick(0, sum);
  std::vector<std::uint64_t> trace(length);
  for (auto& number : trace) {
    number = static_cast<std::uint64_t>(
        std::lower_bound(cumulative.begin(), cumulative.end(), pick(random)) - cumulative.begin());
  }
  return trace;
}

std::vector<std::uint64_t> Loop(std::size_t keys, int rounds) {
  std::vector<std::uint64_t> trace;
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < keys; ++i) trace.push_back(i);
  }
  return trace;
}

}  // namespace

TEST_CASE("A stored entry is found, replaced and erased", "[cache][S1-21][S3-56]") {
  MemoryStore store({100, 1 << 20});
  CHECK_FALSE(store.Get(Key(1), CacheTime()));

  store.Set(Key(1), Holding(10));
  CHECK(Held(*store.Get(Key(1), CacheTime())) == 10);

  store.Set(Key(1), Holding(11));
  CHECK(Held(*store.Get(Key(1), CacheTime())) == 11);
  CHECK(store.entries() == 1);

  CHECK(store.Erase(Key(1)));
  CHECK_FALSE(store.Erase(Key(1)));
  CHECK_FALSE(store.Get(Key(1), CacheTime()));
  CHECK(store.entries() == 0);
  CHECK(store.bytes() == 0);
}

TEST_CASE("An entry is served until the moment it expires, and then gives its room back",
          "[cache][S2-01]") {
  ManualClock clock;
  MemoryStore store({100, 1 << 20});
  Entry entry = Holding(1);
  entry.expires = clock.now() + 10s;
  store.Set(Key(1), entry);

  clock.Advance(9s);
  CHECK(store.Get(Key(1), clock.now()));
  clock.Advance(1s);
  CHECK_FALSE(store.Get(Key(1), clock.now()));
  CHECK(store.entries() == 0);
  CHECK(store.bytes() == 0);
  CHECK(store.evictions() == 0);
}

TEST_CASE("The store never holds more entries than its limit", "[cache][S4-03][S1-14][S2-02]") {
  const std::size_t limit = GENERATE(as<std::size_t>{}, 1, 2, 10, 100, 1000, 10'000);
  MemoryStore store({limit, 64 << 20}, AnyPolicy());

  for (std::uint64_t i = 0; i < 3 * limit; ++i) {
    store.Set(Key(i), Holding(i));
    REQUIRE(store.entries() <= limit);
  }

  CHECK(store.entries() == limit);
  CHECK(store.evictions() == 2 * limit);
}

TEST_CASE("The store never holds more bytes than its limit", "[cache][S2-02]") {
  const std::size_t limit = 1 << 20;
  MemoryStore store({10'000, limit}, AnyPolicy());

  for (std::uint64_t i = 0; i < 1'000; ++i) {
    store.Set(Key(i), Holding(i, 10'000));
    REQUIRE(store.bytes() <= limit);
  }
  CHECK(store.bytes() > limit * 9 / 10);

  // One value as dear as most of the budget takes room from every shard.
  CHECK(store.Set(Key(5'000), Holding(5'000, limit * 9 / 10)));
  CHECK(store.bytes() <= limit);
  CHECK(store.Get(Key(5'000), CacheTime()));
}

TEST_CASE("A value dearer than the whole budget is not kept, nor what it would have replaced") {
  MemoryStore store({100, 10'000});
  store.Set(Key(1), Holding(1));
  store.Set(Key(2), Holding(2));

  CHECK_FALSE(store.Set(Key(1), Holding(1, 10'000)));

  CHECK_FALSE(store.Get(Key(1), CacheTime()));
  CHECK(store.Get(Key(2), CacheTime()));
}

TEST_CASE("A store of no entries keeps nothing") {
  MemoryStore store({0, 10'000});
  CHECK_FALSE(store.Set(Key(1), Holding(1)));
  CHECK(store.entries() == 0);
}

TEST_CASE("A value outlives its eviction for whoever holds it") {
  MemoryStore store({1, 10'000});
  store.Set(Key(1), Holding(1));
  const auto held = store.Get(Key(1), CacheTime());

  store.Set(Key(2), Holding(2));
  store.Set(Key(3), Holding(3));

  CHECK_FALSE(store.Get(Key(1), CacheTime()));
  CHECK(Held(*held) == 1);
}

TEST_CASE("What is used often stays: on a skewed trace the store does better than LRU") {
  const auto trace = Zipf(100'000, 0.99, 300'000);
  MemoryStore store({1'000, 64 << 20});

  const double ours = HitRatio(store, trace);
  const double lru = LruHitRatio(1'000, trace);

  CAPTURE(ours, lru);
  CHECK(ours > 0.50);
  CHECK(ours > lru + 0.03);
}

TEST_CASE("A loop twice as long as the store still hits: a nightly audit is such a loop") {
  const auto trace = Loop(1'011, 30);
  MemoryStore store({500, 64 << 20});

  const double ours = HitRatio(store, trace);

  CAPTURE(ours, LruHitRatio(500, trace));
  CHECK(ours > 0.35);
}

TEST_CASE("A single scan does not flush what is used often") {
  MemoryStore store({1'000, 64 << 20});
  for (int round = 0; round < 5; ++round) {
    for (std::uint64_t i = 0; i < 500; ++i) Ask(store, i);
  }

  for (std::uint64_t i = 0; i < 20'000; ++i) Ask(store, 1'000'000 + i);

  int kept = 0;
  for (std::uint64_t i = 0; i < 500; ++i) kept += Ask(store, i);
  CHECK(kept > 450);
}

TEST_CASE("Recent keys are found again: a trace of pure recency works") {
  MemoryStore store({1'000, 64 << 20});
  int found_again = 0;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    Ask(store, i);
    found_again += Ask(store, i);
  }
  CHECK(found_again > 19'900);
}

TEST_CASE("Threads that read, write, erase and walk at once never see a wrong value",
          "[cache][S2-01][S3-01][S3-80]") {
  const std::size_t limit = GENERATE(as<std::size_t>{}, 400, 8'192);
  constexpr std::uint64_t kKeys = 12'000;
  MemoryStore store({limit, 4 << 20}, AnyPolicy());
  std::atomic<int> wrong{0};

  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&store, &wrong, seed] {
      std::mt19937 random(seed);
      for (int i = 0; i < 40'000; ++i) {
        const std::uint64_t number = random() % kKeys * (random() % 4) / 4;
        const unsigned action = random() % 20;
        if (i % 10'000 == 5'000) {
          store.Walk([&](const auto& kept) { wrong += kept->key() != Key(Held(*kept)).text(); });
          while (!store.SweepSlice(CacheTime()).done) continue;
        } else if (action == 0) {
          store.Erase(Key(number));
        } else if (action < 7) {
          store.Set(Key(number), Holding(number, random() % 2'000));
        } else if (const auto entry = store.Get(Key(number), CacheTime())) {
          wrong += Held(*entry) != number;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();

  CHECK(wrong == 0);
  CHECK(store.entries() <= limit);
  CHECK(store.bytes() <= 4 << 20);
  std::size_t left = 0;
  for (std::uint64_t i = 0; i < kKeys; ++i) left += store.Erase(Key(i));
  CHECK(left > 0);
  CHECK(store.entries() == 0);
  CHECK(store.bytes() == 0);
}

TEST_CASE("The LRU policy gives up what was asked for longest ago", "[cache][S2-01]") {
  MemoryStore store({1'000, 64 << 20}, EvictionPolicy::kLru);
  const auto trace = Zipf(20'000, 0.99, 200'000);

  const double ours = HitRatio(store, trace);

  // Shards make it an LRU of parts, so it is not the same to the last hit.
  CHECK(ours == Approx(LruHitRatio(1'000, trace)).margin(0.01));
}

TEST_CASE("The S3-FIFO policy keeps what is used often through a scan", "[cache]") {
  MemoryStore store({1'000, 64 << 20}, EvictionPolicy::kS3Fifo);
  const auto trace = Zipf(100'000, 0.99, 300'000);
  CHECK(HitRatio(store, trace) > LruHitRatio(1'000, trace) + 0.03);
}

TEST_CASE("A store of the usual size has 128 shards", "[cache][S3-42][S3-52]") {
  CHECK(MemoryStore(MemoryStore::Limits{}).shards() == 128);
  CHECK(MemoryStore({1'000'000, 64 << 20}).shards() == 128);
  CHECK(MemoryStore({100, 64 << 20}).shards() == 1);
}

TEST_CASE("A hit allocates nothing and an insert no more than its one block",
          "[cache][S3-03][S3-51][S3-57]") {
  MemoryStore store({10'000, 64 << 20});
  std::vector<CacheKey> keys;
  for (std::uint64_t i = 0; i < 20'000; ++i) keys.push_back(Key(i));
  const Entry value = Holding(1);
  for (std::size_t i = 0; i < 10'000; ++i) store.Set(keys[i], value);

  Allocations hits;
  for (std::size_t i = 0; i < 10'000; ++i) REQUIRE(store.Get(keys[i], CacheTime()));
  CHECK(hits.count() == 0);

  Allocations inserts;
  for (std::size_t i = 10'000; i < 20'000; ++i) store.Set(keys[i], value);
  CHECK(inserts.count() < 10'100);  // Now and then a shard's list of entries grows.
}

TEST_CASE("Asking about an entry is no hit", "[cache][S1-21]") {
  MemoryStore store({100, 1 << 20});
  store.Set(Key(1), Holding(1));
  CHECK(store.Peek(Key(1), CacheTime()));
  CHECK(store.Peek(Key(1), CacheTime())->hits() == 0);
  store.Get(Key(1), CacheTime());
  CHECK(store.Peek(Key(1), CacheTime())->hits() == 1);
  CHECK(store.Peek(Key(1), CacheTime())->key() == Key(1).text());
  CHECK(store.Peek(Key(1), CacheTime())->bytes() == store.bytes());
  CHECK_FALSE(store.Peek(Key(1), CacheTime::max()));
  CHECK_FALSE(store.Peek(Key(2), CacheTime()));
}

TEST_CASE("A walk meets every entry, also while others come and go", "[cache][S3-30]") {
  MemoryStore store({100'000, 64 << 20});
  for (std::uint64_t i = 0; i < 60'000; ++i) store.Set(Key(i), Holding(i));

  std::set<std::uint64_t> met;
  MemoryStore::Cursor cursor;
  std::uint64_t coming = 1'000'000;
  std::uint64_t going = 0;
  for (std::vector<MemoryStore::KeptPtr> slice; store.NextSlice(cursor, slice); slice.clear()) {
    CHECK(slice.size() <= MemoryStore::kSlice);
    for (const auto& kept : slice) met.insert(Held(*kept));
    for (int i = 0; i < 50; ++i, ++coming) store.Set(Key(coming), Holding(coming));
    for (int i = 0; i < 50; ++i) store.Erase(Key(going++));
  }

  for (std::uint64_t i = going; i < 60'000; ++i) REQUIRE(met.contains(i));
}

TEST_CASE("Sweeping drops what has expired and nothing else", "[cache][S2-04][S2-65]") {
  ManualClock clock;
  MemoryStore store({10'000, 64 << 20});
  for (std::uint64_t i = 0; i < 2'000; ++i) {
    Entry entry = Holding(i);
    entry.expires = clock.now() + (i % 2 ? 1s : 1h);
    store.Set(Key(i), entry);
  }
  clock.Advance(3s);

  std::size_t dropped = 0;
  for (;;) {
    const auto swept = store.SweepSlice(clock.now());
    dropped += swept.dropped;
    CHECK(swept.dropped <= MemoryStore::kSlice);
    if (swept.done) break;
  }

  CHECK(dropped == 1'000);
  CHECK(store.entries() == 1'000);
  CHECK(store.expired() == 1'000);
  CHECK(store.evictions() == 0);
  CHECK(store.Get(Key(0), clock.now()));
  CHECK_FALSE(store.Get(Key(1), clock.now()));
}

TEST_CASE("Some entries can be given up on demand, or all of them", "[cache][S1-21][S3-16]") {
  MemoryStore store({10'000, 64 << 20}, AnyPolicy());
  for (std::uint64_t i = 0; i < 5'000; ++i) store.Set(Key(i), Holding(i));

  CHECK(store.EvictSome(10) == 10);
  CHECK(store.entries() == 4'990);
  CHECK(store.evictions() == 10);

  CHECK(store.Clear() == 4'990);
  CHECK(store.entries() == 0);
  CHECK(store.bytes() == 0);
  CHECK(store.EvictSome(10) == 0);
  CHECK(store.evictions() == 10);
}

TEST_CASE("Erasing a very entry spares the one that replaced it", "[cache]") {
  MemoryStore store({100, 1 << 20});
  store.Set(Key(1), Holding(1));
  const auto old = store.Get(Key(1), CacheTime());
  store.Set(Key(1), Holding(2));

  CHECK_FALSE(store.Erase(*old));
  CHECK(Held(*store.Get(Key(1), CacheTime())) == 2);
  CHECK(store.Erase(*store.Get(Key(1), CacheTime())));
}
