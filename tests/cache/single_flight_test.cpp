#include "cache/single_flight.h"

#include <list>
#include <stdexcept>

#include "tests/cache/cache_testing.h"
#include "tests/catch.h"

using namespace spa;
using namespace spa::testing;

namespace {

const CacheKey kKey(CacheKind::kGroupMembers, "everyone");

// A SingleFlight with a counted load behind a gate, and any number of callers.
class Airport {
 public:
  explicit Airport(asio::io_context& io) : io_(io), gate(io) {}

  // Starts a caller; its place in `outcomes` holds what it got, or -1 for a cancellation.
  asio::cancellation_signal& Call(int yields = 7) {
    const std::size_t place = outcomes.size();
    outcomes.push_back(0);
    asio::cancellation_signal& cancel = signals_.emplace_back();
    asio::co_spawn(io_,
                   flights.Run(
                       kKey, [this, yields] { return Load(yields); }, Publisher()),
                   asio::bind_cancellation_slot(
                       cancel.slot(), [this, place](std::exception_ptr failure, int result) {
                         ++done;
                         outcomes[place] = failure ? -1 : result;
                         if (failure) failures.push_back(failure);
                       }));
    return cancel;
  }

  // Runs until every caller waits.
  void RunReady() {
    io_.restart();
    io_.poll();
  }
  void RunAll() {
    io_.restart();
    io_.run();
  }

 private:
  Task<int> Load(int yields) {
    ++loads;
    struct Ending {
      int& ended;
      ~Ending() { ++ended; }
    } ending{ended};
    if (stubborn) {
      co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    }
    co_await gate.Pass();
    if (throws) throw std::runtime_error("broken");
    ++finished;
    co_return yields;
  }

  SingleFlight<int>::Publish Publisher() {
    return [this](const int& result) {
      published.push_back(result);
      found_while_publishing = flights.Has(kKey);
    };
  }

  asio::io_context& io_;
  std::list<asio::cancellation_signal> signals_;

 public:
  SingleFlight<int> flights;
  Gate gate;
  bool throws = false;
  bool stubborn = false;  // The load does not heed its cancellation.
  int loads = 0, finished = 0, ended = 0, done = 0;
  bool found_while_publishing = false;
  std::vector<int> outcomes, published;
  std::vector<std::exception_ptr> failures;
};

}  // namespace

TEST_CASE("Ten thousand callers of one key cause one load and all get its result",
          "[cache][S3-62][S3-79][S4-14]") {
  asio::io_context io;
  Airport airport(io);
  for (int i = 0; i < 10'000; ++i) airport.Call();

  airport.RunReady();
  airport.gate.Open();
  airport.RunAll();

  CHECK(airport.loads == 1);
  CHECK(airport.done == 10'000);
  CHECK(airport.outcomes == std::vector<int>(10'000, 7));
  CHECK(airport.published == std::vector<int>{7});
}

TEST_CASE("A hundredth of the callers leaving harms neither the load nor the others",
          "[cache][S3-25]") {
  asio::io_context io;
  Airport airport(io);
  std::vector<asio::cancellation_signal*> callers;
  for (int i = 0; i < 10'000; ++i) callers.push_back(&airport.Call());
  airport.RunReady();

  for (int i = 0; i < 10'000; i += 100) callers[i]->emit(asio::cancellation_type::terminal);
  airport.RunReady();
  CHECK(airport.done == 100);
  airport.gate.Open();
  airport.RunAll();

  CHECK(airport.loads == 1);
  for (int i = 0; i < 10'000; ++i) {
    if (airport.outcomes[i] != (i % 100 == 0 ? -1 : 7)) FAIL("caller " << i);
  }
}

TEST_CASE("The first caller leaving does not end the load it started", "[cache][S3-25]") {
  asio::io_context io;
  Airport airport(io);
  auto& first = airport.Call();
  airport.Call();
  airport.RunReady();

  first.emit(asio::cancellation_type::terminal);
  airport.RunReady();
  airport.gate.Open();
  airport.RunAll();

  CHECK(airport.outcomes == std::vector<int>{-1, 7});
  CHECK(airport.finished == 1);
}

TEST_CASE("The last caller leaving cancels the load and waits for its end") {
  asio::io_context io;
  Airport airport(io);
  auto& first = airport.Call();
  auto& second = airport.Call();
  airport.RunReady();

  first.emit(asio::cancellation_type::terminal);
  airport.RunReady();
  CHECK(airport.ended == 0);
  second.emit(asio::cancellation_type::terminal);
  airport.RunAll();  // Would not return if anything still waited for the gate.

  CHECK(airport.ended == 1);
  CHECK(airport.finished == 0);
  CHECK(airport.outcomes == std::vector<int>{-1, -1});
  CHECK(airport.published.empty());
  CHECK_FALSE(airport.flights.Has(kKey));
}

TEST_CASE("Whoever asks while an abandoned load still winds down starts a new one") {
  asio::io_context io;
  Airport airport(io);
  airport.stubborn = true;
  auto& leaver = airport.Call(1);
  airport.RunReady();
  leaver.emit(asio::cancellation_type::terminal);
  airport.RunReady();
  CHECK(airport.done == 0);

  airport.Call(2);
  airport.RunReady();
  airport.gate.Open();
  airport.RunAll();

  CHECK(airport.loads == 2);
  CHECK(airport.outcomes == std::vector<int>{-1, 2});
  CHECK(airport.published == std::vector<int>{2});
}

TEST_CASE("Whoever joins before the last caller has left keeps the load going") {
  asio::io_context io;
  Airport airport(io);
  auto& leaver = airport.Call();
  airport.RunReady();
  airport.Call();
  leaver.emit(asio::cancellation_type::terminal);
  airport.RunReady();
  airport.gate.Open();
  airport.RunAll();

  CHECK(airport.loads == 1);
  CHECK(airport.outcomes == std::vector<int>{-1, 7});
}

TEST_CASE("A result is published before the flight is released", "[cache][S2-18][S3-62]") {
  asio::io_context io;
  Airport airport(io);
  airport.gate.Open();
  airport.Call();
  airport.RunAll();

  CHECK(airport.found_while_publishing);
  CHECK_FALSE(airport.flights.Has(kKey));
}

TEST_CASE("Every caller gets the exception the load threw, and nothing is published") {
  asio::io_context io;
  Airport airport(io);
  airport.throws = true;
  for (int i = 0; i < 3; ++i) airport.Call();
  airport.RunReady();
  airport.gate.Open();
  airport.RunAll();

  REQUIRE(airport.failures.size() == 3);
  for (const auto& failure : airport.failures) {
    CHECK_THROWS_WITH(std::rethrow_exception(failure), "broken");
  }
  CHECK(airport.published.empty());
}

TEST_CASE("A load detached under way serves its callers but is not published") {
  asio::io_context io;
  Airport airport(io);
  airport.Call(1);
  airport.RunReady();

  airport.flights.Detach(kKey);
  airport.Call(2);
  airport.RunReady();
  airport.gate.Open();
  airport.RunAll();

  CHECK(airport.outcomes == std::vector<int>{1, 2});
  CHECK(airport.published == std::vector<int>{2});
}

TEST_CASE("A caller cancelled before it came to wait leaves nothing behind", "[cache][S2-18]") {
  asio::io_context io;
  Airport airport(io);
  airport.Call().emit(asio::cancellation_type::terminal);
  airport.RunAll();

  CHECK(airport.outcomes == std::vector<int>{-1});
  CHECK(airport.loads == airport.ended);
  CHECK(airport.finished == 0);
}
