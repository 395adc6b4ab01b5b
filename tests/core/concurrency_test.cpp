#include <boost/asio/bind_cancellation_slot.hpp>
#include <thread>

#include "core/async/channel.h"
#include "core/async/concurrency_manager.h"
#include "core/async/task_group.h"
#include "tests/catch.h"
#include "tests/core/run_task.h"

namespace spa {
namespace {

using testing::RunTask;

Task<void> Pause(asio::io_context& io, int milliseconds) {
  asio::steady_timer timer(io, std::chrono::milliseconds(milliseconds));
  co_await timer.async_wait(asio::use_awaitable);
}

Task<void> HoldPermit(asio::io_context& io, Semaphore& semaphore, int& done) {
  auto permit = co_await semaphore.Acquire();
  co_await Pause(io, 10);
  ++done;
}

TEST_CASE("Ten tasks of 10 ms under a limit of five take at least two rounds", "[S4-11][S4-21]") {
  asio::io_context io;
  Semaphore semaphore(io.get_executor(), 5);
  int done = 0;
  const auto start = std::chrono::steady_clock::now();

  RunTask(io, [](asio::io_context& io, Semaphore& semaphore, int& done) -> Task<void> {
    co_await RunGroup(io.get_executor(), 0, [&](TaskGroup& group) -> Task<void> {
      for (int i = 0; i < 10; ++i) group.Start(HoldPermit(io, semaphore, done));
      co_return;
    });
  }(io, semaphore, done));

  CHECK(done == 10);
  CHECK(semaphore.peak() == 5);
  CHECK(semaphore.in_use() == 0);
  CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(20));
}

TEST_CASE("Permits go out in order of arrival, also to a newcomer while another is waking up") {
  asio::io_context io;
  Semaphore semaphore(io.get_executor(), 2);
  std::vector<int> order;

  RunTask(io,
          [](asio::io_context& io, Semaphore& semaphore, std::vector<int>& order) -> Task<void> {
            co_await RunGroup(io.get_executor(), 0, [&](TaskGroup& group) -> Task<void> {
              const auto take = [](Semaphore& semaphore, std::vector<int>& order,
                                   int number) -> Task<void> {
                auto permit = co_await semaphore.Acquire();
                order.push_back(number);
              };
              auto first = co_await semaphore.Acquire();
              auto second = co_await semaphore.Acquire();
              group.Start(take(semaphore, order, 1));
              co_await asio::post(io, asio::use_awaitable);  // The first is waiting now.
              first = Semaphore::Permit();  // Granted to it, but it has not run yet …
              second = Semaphore::Permit();
              auto mine = co_await semaphore.Acquire();  // … when this one comes.
              order.push_back(2);
            });
          }(io, semaphore, order));

  CHECK(order == std::vector<int>{1, 2});
  CHECK(semaphore.in_use() == 0);
}

TEST_CASE("A cancelled wait for a permit leaves no trace and loses no permit") {
  asio::io_context io;
  Semaphore semaphore(io.get_executor(), 1);
  int done = 0;

  RunTask(io, [](asio::io_context& io, Semaphore& semaphore, int& done) -> Task<void> {
    auto first = co_await semaphore.Acquire();
    co_await RunGroup(io.get_executor(), 0, [&](TaskGroup& waiting) -> Task<void> {
      waiting.Start(HoldPermit(io, semaphore, done));
      co_await Pause(io, 1);
      waiting.Stop();
    });
    first = Semaphore::Permit();
    auto second = co_await semaphore.Acquire();
    CHECK(semaphore.in_use() == 1);
  }(io, semaphore, done));

  CHECK(done == 0);
  CHECK(semaphore.in_use() == 0);
}

TEST_CASE("A task that throws cancels its siblings, and the group rethrows what it threw") {
  asio::io_context io;
  bool slept_through = false;

  RunTask(io, [](asio::io_context& io, bool& slept_through) -> Task<void> {
    auto group = RunGroup(io.get_executor(), 0, [&](TaskGroup& group) -> Task<void> {
      group.Start([](asio::io_context& io, bool& slept_through) -> Task<void> {
        co_await Pause(io, 60'000);
        slept_through = true;
      }(io, slept_through));
      co_await Pause(io, 1);
      throw std::logic_error("broken");
    });
    CHECK_THROWS_AS(co_await std::move(group), std::logic_error);
  }(io, slept_through));

  CHECK_FALSE(slept_through);
}

TEST_CASE("Cancelling whoever waits for a group cancels the group and waits for its end") {
  asio::io_context io;
  asio::cancellation_signal signal;
  bool cleaned_up = false;
  std::exception_ptr ended;

  asio::co_spawn(
      io,
      [](asio::io_context& io, bool& cleaned_up) -> Task<void> {
        co_await RunGroup(io.get_executor(), 0, [&](TaskGroup&) -> Task<void> {
          struct Cleanup {
            bool& flag;
            ~Cleanup() { flag = true; }
          } cleanup{cleaned_up};
          co_await Pause(io, 60'000);
        });
      }(io, cleaned_up),
      asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e) { ended = e; }));
  asio::steady_timer later(io, std::chrono::milliseconds(5));
  later.async_wait([&](auto) { signal.emit(asio::cancellation_type::terminal); });
  io.run();

  CHECK(cleaned_up);
  REQUIRE(ended);
  CHECK_THROWS_AS(std::rethrow_exception(ended), boost::system::system_error);
}

TEST_CASE("A group with a limit holds its spawner back") {
  asio::io_context io;
  int running = 0, most = 0;

  RunTask(io, [](asio::io_context& io, int& running, int& most) -> Task<void> {
    co_await RunGroup(io.get_executor(), 3, [&](TaskGroup& group) -> Task<void> {
      for (int i = 0; i < 12; ++i) {
        co_await group.Spawn([](asio::io_context& io, int& running, int& most) -> Task<void> {
          most = std::max(most, ++running);
          co_await Pause(io, 1);
          --running;
        }(io, running, most));
      }
    });
  }(io, running, most));

  CHECK(most == 3);
}

TEST_CASE("A full channel holds its sender back, and closing lets the receiver drain it") {
  asio::io_context io;
  std::vector<int> received;
  std::size_t longest = 0;

  RunTask(io,
          [](asio::io_context& io, std::vector<int>& received, std::size_t& longest) -> Task<void> {
            Channel<int> channel(io.get_executor(), 2);
            co_await RunGroup(io.get_executor(), 0, [&](TaskGroup& group) -> Task<void> {
              group.Start([](Channel<int>& channel) -> Task<void> {
                for (int i = 0; i < 100; ++i) co_await channel.Send(i);
                channel.Close();
              }(channel));
              while (auto value = co_await channel.Receive()) {
                longest = std::max(longest, channel.size() + 1);
                received.push_back(*value);
              }
            });
          }(io, received, longest));

  REQUIRE(received.size() == 100);
  CHECK(std::is_sorted(received.begin(), received.end()));
  CHECK(longest <= 2);
}

TEST_CASE("Work given to a worker thread comes back with its value or its exception") {
  asio::io_context io;
  ConcurrencyManager::Limits limits;
  ConcurrencyManager concurrency(io, limits);
  const auto home = std::this_thread::get_id();

  const int value =
      RunTask(io, [](ConcurrencyManager& concurrency, std::thread::id home) -> Task<int> {
        const auto away = co_await concurrency.RunDb([] { return std::this_thread::get_id(); });
        CHECK(away != home);
        CHECK(std::this_thread::get_id() == home);
        CHECK_THROWS_AS(
            co_await concurrency.RunCpu([]() -> int { throw std::runtime_error("no"); }),
            std::runtime_error);
        co_return co_await concurrency.RunCpu([] { return 42; });
      }(concurrency, home));

  CHECK(value == 42);
}

TEST_CASE("Calls, database and processor have a limit each, by default 20, 10 and one per thread",
          "[S4-09][S4-10][S4-11]") {
  asio::io_context io;
  const ConcurrencyManager::Limits limits;
  ConcurrencyManager concurrency(io, limits);
  int done = 0;

  RunTask(io, [](asio::io_context& io, ConcurrencyManager& all, int& done) -> Task<void> {
    co_await RunGroup(io.get_executor(), 0, [&](TaskGroup& group) -> Task<void> {
      for (int i = 0; i < 100; ++i) {
        group.Start(HoldPermit(io, all.api(), done));
        group.Start(all.RunDb([] {}));
        group.Start(all.RunCpu([] {}));
      }
      co_return;
    });
  }(io, concurrency, done));

  CHECK(done == 100);
  CHECK(concurrency.api().peak() == 20);
  CHECK(concurrency.db().peak() == 10);
  CHECK(concurrency.cpu().peak() ==
        std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
}

}  // namespace
}  // namespace spa
