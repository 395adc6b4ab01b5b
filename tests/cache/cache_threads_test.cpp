// The cache from many threads at once; run under ThreadSanitizer, too.
#include <atomic>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <random>

#include "tests/cache/cache_configs.h"
#include "tests/cache/cache_testing.h"
#include "tests/catch.h"

using namespace spa;
using namespace spa::testing;

namespace {

// Under ThreadSanitizer everything is some fifteen times slower.
#if defined(__SANITIZE_THREAD__)
constexpr int kCallers = 50'000;
constexpr int kOperations = 300;
#else
constexpr int kCallers = 200'000;
constexpr int kOperations = 3'000;
#endif

CacheKey Key(int number) { return CacheKey(CacheKind::kGroupMembers, std::to_string(number)); }

// Runs the tasks on four threads to their end.
template <class Make>
void OnFourThreads(int tasks, Make make) {
  asio::thread_pool pool(4);
  for (int i = 0; i < tasks; ++i) {
    asio::co_spawn(asio::any_io_executor(asio::make_strand(pool.get_executor())), make(i),
                   asio::detached);
  }
  pool.join();
}

}  // namespace

TEST_CASE("One load serves all callers of a key on four threads",
          "[cache][threads][S3-61][S3-62][S3-79][S3-93][S4-14]") {
  CacheManager caches({});
  auto groups = caches.Open<std::string>(CacheKind::kGroupMembers);
  std::atomic<int> loads{0}, answered{0};
  const auto load = [&]() -> Task<Result<std::string>> {
    ++loads;
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(20));
    co_await timer.async_wait(asio::use_awaitable);
    co_return "value";
  };
  const auto caller = [&](int) -> Task<void> {
    const auto hit = co_await groups.GetOrLoad(Key(1), load);
    answered += hit && *hit->value == "value";
  };

  OnFourThreads(kCallers, caller);

  CHECK(loads == 1);
  CHECK(answered == kCallers);
  const KindStats total = caches.Stats().total;
  CHECK(total.lookups == static_cast<std::uint64_t>(kCallers));
  CHECK(total.misses == 1);
}

TEST_CASE("Every operation mixed on four threads keeps the cache whole",
          "[cache][threads][S2-01][S2-20][S2-63][S3-37][S3-40][S3-41][S3-80]") {
  Mem2Store::Register();
  const bool two_levels = GENERATE(false, true);
  asio::thread_pool home(1);
  CacheManager::Options options;
  options.entries = 64;
  if (two_levels) options.l2 = "mem2:" + NewGuid();
  CacheManager caches(options);
  const auto at_home = [&](auto task) {
    asio::co_spawn(home.get_executor(), std::move(task), asio::use_future).get();
  };
  if (two_levels) {
    at_home([&]() -> Task<void> { (void)co_await caches.Open(home.get_executor()); });
  }
  auto groups = caches.Open<Group>(CacheKind::kGroupMembers);
  std::atomic<int> wrong{0};
  const auto load = [](std::string id) -> Task<Result<Group>> {
    std::vector<std::string> members(1, std::move(id));
    co_return Group(std::move(members));
  };
  const auto worker = [&](int seed) -> Task<void> {
    std::minstd_rand random(static_cast<unsigned>(seed) + 1);
    for (int i = 0; i < kOperations; ++i) {
      const int number = static_cast<int>(random() % 100);
      const std::string id = std::to_string(number);
      switch (random() % 8) {
        case 0: {
          std::vector<std::string> members(1, id);
          Group group(std::move(members));
          co_await groups.Set(Key(number), std::move(group));
          break;
        }
        case 1:
          co_await groups.Erase(Key(number));
          break;
        case 2: {
          std::function<Result<Group>(const Group*)> change = [id](const Group*) -> Result<Group> {
            return Group(std::vector<std::string>(1, id));
          };
          (void)co_await groups.Update(Key(number), std::move(change));
          break;
        }
        case 3: {
          const auto hit = groups.Peek(Key(number));
          if (hit && *hit && (**hit).value->members[0] != id) ++wrong;
          break;
        }
        default: {
          Loader<Group> loader = [&load, id] { return load(id); };
          const auto hit = co_await groups.GetOrLoad(Key(number), std::move(loader));
          if (!hit || hit->value->members[0] != id) ++wrong;
        }
      }
    }
  };

  OnFourThreads(16, worker);

  if (two_levels) at_home([&]() -> Task<void> { co_await caches.Close(); });
  home.join();
  CHECK(wrong == 0);
  const KindStats total = caches.Stats().total;
  CHECK(total.entries <= 64);
  CHECK(total.flights_active == 0);
}

TEST_CASE("Counting on four threads loses nothing", "[cache][threads][S3-19][S3-63]") {
  CacheManager caches({});
  auto counts = caches.Open<int>(CacheKind::kHealth);
  const CacheKey key(CacheKind::kHealth, "count");
  const auto counter = [&](int) -> Task<void> {
    for (int i = 0; i < 1'000; ++i) {
      (void)co_await counts.Update(
          key, [](const int* old) -> Result<int> { return old ? *old + 1 : 1; });
    }
  };
  OnFourThreads(64, counter);
  CHECK(*(*counts.Peek(key))->value == 64'000);
}
