#include "cache/health_gate.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <random>
#include <vector>

namespace spa {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr int kInARow = 5;
constexpr std::size_t kLast = 20;
constexpr std::size_t kLatencies = 128;
constexpr milliseconds kShortest{1'000}, kLongest{60'000};
constexpr std::chrono::seconds kFreshWhenWell{180}, kFreshWhenNot{60};

// The last N of something.
template <class T, std::size_t N>
class Ring {
 public:
  void Add(T value) { values_[added_++ % N] = value; }
  void Clear() { added_ = 0; }
  std::size_t size() const { return std::min(added_, N); }
  const T* begin() const { return values_.data(); }
  const T* end() const { return values_.data() + size(); }

 private:
  std::array<T, N> values_{};
  std::size_t added_ = 0;
};

microseconds Percentile(const std::vector<microseconds>& sorted, std::size_t percent) {
  if (sorted.empty()) return microseconds(0);
  return sorted[std::min(sorted.size() - 1, sorted.size() * percent / 100)];
}

// From 0.8 of the pause to all of it: those who lost the same far end do not come back in step.
milliseconds Jittered(milliseconds pause) {
  thread_local std::minstd_rand random(std::random_device{}());
  return milliseconds(pause.count() - static_cast<long>(random() % 1'000) * pause.count() / 5'000);
}

}  // namespace

std::string_view NameOf(GateState state) {
  switch (state) {
    case GateState::kClosed:
      return "closed";
    case GateState::kOpen:
      return "open";
    case GateState::kHalfOpen:
      return "half_open";
  }
  return "unknown";
}

struct HealthGate::State {
  mutable std::mutex mutex;
  Health health;  // All but what Snapshot counts from the rings.
  Ring<bool, kLast> failed;
  Ring<microseconds, kLatencies> latencies;
  int in_a_row = 0;
  bool last_failed = false;
  bool probing = false;
  milliseconds pause = kShortest;
  CacheTime degraded_since;

  double ErrorRate() const {
    if (failed.size() == 0) return 0;
    return static_cast<double>(std::count(failed.begin(), failed.end(), true)) /
           static_cast<double>(failed.size());
  }

  void Enter(GateState state, CacheTime now) {
    if (health.state == state) return;
    if (health.state == GateState::kClosed) degraded_since = now;
    if (state == GateState::kClosed) health.degraded += DegradedNow(now);
    health.state = state;
    health.since = now;
    probing = false;
    if (state != GateState::kOpen) health.not_before.reset();
  }
  milliseconds DegradedNow(CacheTime now) const {
    if (health.state == GateState::kClosed || now < degraded_since) return milliseconds(0);
    return std::chrono::duration_cast<milliseconds>(now - degraded_since);
  }
  void OpenFor(milliseconds length, CacheTime now) {
    Enter(GateState::kOpen, now);
    health.not_before = std::max(health.not_before.value_or(now), now + length);
  }
};

HealthGate::HealthGate(std::string name, CacheClock clock)
    : name_(std::move(name)), clock_(std::move(clock)), state_(std::make_unique<State>()) {
  state_->health.since = clock_();
}

HealthGate::~HealthGate() = default;

bool HealthGate::Allow() {
  const std::scoped_lock lock(state_->mutex);
  State& s = *state_;
  if (s.health.state == GateState::kClosed) return true;
  const CacheTime now = clock_();
  if (s.health.state == GateState::kOpen && now >= s.health.not_before.value_or(now)) {
    s.Enter(GateState::kHalfOpen, now);
  }
  if (s.health.state == GateState::kHalfOpen && !s.probing) {
    s.probing = true;
    return true;
  }
  ++s.health.refused;
  return false;
}

void HealthGate::Succeeded(microseconds took) {
  const std::scoped_lock lock(state_->mutex);
  State& s = *state_;
  const CacheTime now = clock_();
  ++s.health.calls;
  s.health.last_heard = s.health.last_told = now;
  s.latencies.Add(took);
  s.in_a_row = 0;
  s.last_failed = false;
  if (s.health.state == GateState::kHalfOpen) {
    s.failed.Clear();
    s.pause = kShortest;
    s.Enter(GateState::kClosed, now);
  }
  s.failed.Add(false);
}

void HealthGate::Failed(std::string reason, std::optional<milliseconds> retry_after) {
  const std::scoped_lock lock(state_->mutex);
  State& s = *state_;
  const CacheTime now = clock_();
  ++s.health.calls;
  ++s.health.failures;
  s.health.last_told = now;
  s.health.last_error = std::move(reason);
  s.failed.Add(true);
  ++s.in_a_row;
  s.last_failed = true;
  const bool tripped =
      s.health.state == GateState::kHalfOpen ||
      (s.health.state == GateState::kClosed &&
       (s.in_a_row >= kInARow || (s.failed.size() == kLast && s.ErrorRate() >= 0.5)));
  if (retry_after && retry_after->count() > 0) {
    s.OpenFor(*retry_after, now);
  } else if (tripped) {
    s.OpenFor(Jittered(s.pause), now);
    s.pause = std::min(s.pause * 2, kLongest);
  }
}

void HealthGate::Abandoned() {
  const std::scoped_lock lock(state_->mutex);
  state_->probing = false;
}

void HealthGate::Forget() {
  const std::scoped_lock lock(state_->mutex);
  State& s = *state_;
  s.Enter(GateState::kClosed, clock_());
  s.failed.Clear();
  s.latencies.Clear();
  s.in_a_row = 0;
  s.last_failed = false;
  s.pause = kShortest;
  s.health.last_error.clear();
  s.health.last_heard.reset();
  s.health.last_told.reset();
}

GateState HealthGate::state() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->health.state;
}

bool HealthGate::Fresh() const {
  const std::scoped_lock lock(state_->mutex);
  const State& s = *state_;
  if (!s.health.last_told) return false;
  const bool well = s.health.state == GateState::kClosed && !s.last_failed;
  return clock_() - *s.health.last_told < (well ? kFreshWhenWell : kFreshWhenNot);
}

Health HealthGate::Snapshot() const {
  const std::scoped_lock lock(state_->mutex);
  const State& s = *state_;
  Health health = s.health;
  std::vector<microseconds> sorted(s.latencies.begin(), s.latencies.end());
  std::sort(sorted.begin(), sorted.end());
  health.p50 = Percentile(sorted, 50);
  health.p99 = Percentile(sorted, 99);
  health.error_rate = s.ErrorRate();
  health.degraded += s.DegradedNow(clock_());
  return health;
}

}  // namespace spa
