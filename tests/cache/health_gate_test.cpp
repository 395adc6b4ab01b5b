#include "cache/health_gate.h"

#include <thread>
#include <vector>

#include "tests/catch.h"

namespace spa {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Time stands until it is moved.
struct Fixture {
  CacheTime now{seconds(1'800'000'000)};
  HealthGate gate{"node-a:6379", [this] { return now; }};

  void Fail(int times) {
    for (int i = 0; i < times; ++i) gate.Failed("connection reset");
  }
  // How long the gate stays shut, to the 10 ms.
  milliseconds UntilAllowed() {
    const CacheTime start = now;
    while (!gate.Allow()) now += milliseconds(10);
    return std::chrono::duration_cast<milliseconds>(now - start);
  }
};

TEST_CASE("Five failures in a row open the gate", "[cache][health][S0-16][S3-68]") {
  Fixture f;

  f.Fail(4);
  CHECK(f.gate.Allow());
  f.gate.Succeeded(microseconds(100));
  f.Fail(4);
  CHECK(f.gate.Allow());
  f.Fail(1);

  CHECK(f.gate.state() == GateState::kOpen);
  CHECK_FALSE(f.gate.Allow());
  CHECK(f.gate.Snapshot().refused == 1);
}

TEST_CASE("One gate's trouble is not another's", "[cache][health][S0-16]") {
  Fixture a, b;

  a.Fail(5);

  CHECK(a.gate.state() == GateState::kOpen);
  CHECK(b.gate.state() == GateState::kClosed);
}

TEST_CASE("Half of the last twenty failing opens the gate", "[cache][health][S3-68]") {
  Fixture f;

  for (int i = 0; i < 9; ++i) {
    f.Fail(1);
    f.gate.Succeeded(microseconds(100));
  }
  f.gate.Succeeded(microseconds(100));
  CHECK(f.gate.state() == GateState::kClosed);
  f.Fail(1);

  CHECK(f.gate.state() == GateState::kOpen);
  CHECK(f.gate.Snapshot().error_rate == Approx(0.5));
}

TEST_CASE("A half open gate lets one probe through", "[cache][health][S3-68]") {
  Fixture f;
  f.Fail(5);
  f.now += seconds(1);

  CHECK(f.gate.Allow());
  CHECK(f.gate.state() == GateState::kHalfOpen);
  CHECK_FALSE(f.gate.Allow());

  SECTION("its success closes the gate") {
    f.gate.Succeeded(microseconds(100));
    CHECK(f.gate.state() == GateState::kClosed);
    CHECK(f.gate.Allow());
    CHECK(f.gate.Snapshot().error_rate == 0);
  }
  SECTION("its failure opens it again") {
    f.gate.Failed("refused");
    CHECK(f.gate.state() == GateState::kOpen);
    CHECK_FALSE(f.gate.Allow());
  }
  SECTION("a probe that was cancelled leaves the way to the next") {
    f.gate.Abandoned();
    CHECK(f.gate.Allow());
    CHECK_FALSE(f.gate.Allow());
  }
}

TEST_CASE("Pauses double from one second to sixty and jitter only shortens them",
          "[cache][health][S3-68]") {
  Fixture f;
  f.Fail(5);
  for (const int most : {1'000, 2'000, 4'000, 8'000, 16'000, 32'000, 60'000, 60'000}) {
    const auto pause = f.UntilAllowed();
    CHECK(pause <= milliseconds(most));
    CHECK(pause >= milliseconds(most * 8 / 10));
    f.gate.Failed("still down");
  }

  f.UntilAllowed();
  f.gate.Succeeded(microseconds(100));
  f.Fail(5);

  CHECK(f.UntilAllowed() <= seconds(1));  // Recovery starts over.
}

TEST_CASE("A far end that asks for a pause gets it at once and whole", "[cache][health][S2-15]") {
  Fixture f;

  f.gate.Failed("throttled", milliseconds(7'000));

  CHECK(f.gate.Snapshot().not_before == f.now + seconds(7));
  CHECK(f.UntilAllowed() == seconds(7));
}

TEST_CASE("A late failure does not lengthen the pause", "[cache][health]") {
  Fixture f;
  f.Fail(5);
  const auto until = f.gate.Snapshot().not_before;

  f.Fail(100);

  CHECK(f.gate.Snapshot().not_before == until);
}

TEST_CASE("A health record has every field", "[cache][health][S2-15]") {
  Fixture f;
  for (int i = 1; i <= 100; ++i) f.gate.Succeeded(microseconds(i));
  f.gate.Failed("reset by peer");

  const Health health = f.gate.Snapshot();

  CHECK(health.state == GateState::kClosed);
  CHECK(NameOf(health.state) == "closed");
  CHECK(health.since == f.now);
  CHECK(health.p50 == microseconds(51));
  CHECK(health.p99 == microseconds(100));
  CHECK(health.error_rate == Approx(0.05));
  CHECK(health.last_error == "reset by peer");
  CHECK(health.calls == 101);
  CHECK(health.failures == 1);
  CHECK(health.last_heard == f.now);
  CHECK_FALSE(health.not_before);
}

TEST_CASE("Time that was not closed is added up", "[cache][health][S1-03]") {
  Fixture f;
  f.Fail(5);
  f.now += seconds(10);
  CHECK(f.gate.Snapshot().degraded == seconds(10));
  CHECK(f.gate.Allow());
  f.gate.Succeeded(microseconds(1));
  f.now += seconds(100);
  CHECK(f.gate.Snapshot().degraded == seconds(10));
  f.Fail(5);
  f.now += seconds(5);

  CHECK(f.gate.Snapshot().degraded == seconds(15));
}

TEST_CASE("Traffic alone keeps health known and no probe is needed",
          "[cache][health][S2-13][S2-31][S2-32]") {
  Fixture f;
  CHECK_FALSE(f.gate.Fresh());  // Never heard of: ask.
  int probes = 0;
  for (int i = 0; i < 100; ++i) {  // A hundred questions in 180 s.
    if (!f.gate.Fresh()) {
      ++probes;
      f.gate.Succeeded(microseconds(100));
    }
    f.now += milliseconds(1'790);
  }
  CHECK(probes == 1);
  for (int i = 0; i < 1000; ++i) {  // An audit: its own calls teach the gate.
    f.gate.Succeeded(microseconds(100));
    f.now += seconds(4);
    CHECK(f.gate.Fresh());
    CHECK(f.now - *f.gate.Snapshot().last_heard < seconds(5));
  }
}

TEST_CASE("What is unwell is asked after sixty seconds instead of 180", "[cache][health][S2-14]") {
  Fixture f;
  f.gate.Succeeded(microseconds(100));
  f.now += seconds(179);
  CHECK(f.gate.Fresh());
  f.now += seconds(1);
  CHECK_FALSE(f.gate.Fresh());

  f.gate.Failed("reset");
  f.now += seconds(59);
  CHECK(f.gate.Fresh());
  f.now += seconds(1);
  CHECK_FALSE(f.gate.Fresh());
}

TEST_CASE("A forgotten gate is as new", "[cache][health][S2-16]") {
  Fixture f;
  f.Fail(5);

  f.gate.Forget();

  CHECK(f.gate.state() == GateState::kClosed);
  CHECK(f.gate.Allow());
  CHECK_FALSE(f.gate.Fresh());
  CHECK(f.gate.Snapshot().last_error.empty());
}

TEST_CASE("A gate may be used from many threads", "[cache][health]") {
  HealthGate gate("busy");
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&gate, i] {
      for (int n = 0; n < 2000; ++n) {
        if (!gate.Allow()) continue;
        if ((n + i) % 3 == 0) {
          gate.Failed("x");
        } else {
          gate.Succeeded(microseconds(n));
        }
        if (n % 100 == 0) gate.Snapshot();
        if (gate.state() == GateState::kOpen) gate.Forget();
      }
    });
  }
  threads.clear();

  CHECK(gate.Snapshot().calls > 0);
}

}  // namespace
}  // namespace spa
