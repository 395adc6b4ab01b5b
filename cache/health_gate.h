// HealthGate: how one far end is doing (a Redis node, a disk file, an API host, a token endpoint),
// and whether to bother it at all.
//
// Closed: all may pass. It opens after 5 failures in a row or when half of the last 20 calls
// failed, for 1 s doubling to 60 s with jitter that only shortens; and at once, for as long as the
// far end asked, where it asked for a pause. Then it is half open: one caller passes as a probe;
// its success closes the gate, its failure opens it again. An open gate costs its callers nothing.
//
// Every answer that passes teaches it: nobody need ask "how are you" while Fresh.
//
// Threads: any.
// Time is a parameter.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cache/entry.h"

namespace spa {

enum class GateState { kClosed, kOpen, kHalfOpen };
std::string_view NameOf(GateState state);  // "closed", "open", "half_open"

struct Health {
  Health() = default;
  GateState state = GateState::kClosed;
  CacheTime since;                                     // In this state.
  std::chrono::microseconds p50{0}, p99{0};            // Of the answers that came, lately.
  double error_rate = 0;                               // Of the last 20.
  std::string last_error;                              // Empty: none yet.
  std::uint64_t calls = 0, failures = 0, refused = 0;  // refused: turned away by an open gate.
  std::chrono::milliseconds degraded{0};               // In all, time spent not closed.
  std::optional<CacheTime> not_before;                 // Open until then.
  std::optional<CacheTime> last_heard;                 // When it last answered.
  std::optional<CacheTime> last_told;                  // When a call last succeeded or failed.
};

class HealthGate {
 public:
  explicit HealthGate(std::string name, CacheClock clock = std::chrono::system_clock::now);
  ~HealthGate();
  HealthGate(const HealthGate&) = delete;

  // May a call go out now? True must be followed by Succeeded or Failed.
  bool Allow();
  void Succeeded(std::chrono::microseconds took);
  // `retry_after`: the far end asked for that pause.
  void Failed(std::string reason, std::optional<std::chrono::milliseconds> retry_after = {});
  // The call ended without telling anything (it was cancelled).
  void Abandoned();
  void Forget();  // Closed, as if new, and not Fresh.

  const std::string& name() const { return name_; }
  GateState state() const;
  // What is known is recent enough that a probe would be wasted: 180 s old at most, 60 s where the
  // last call failed or the gate is not closed (cache.md S2-13, S2-14).
  bool Fresh() const;
  Health Snapshot() const;

 private:
  struct State;
  std::string name_;
  CacheClock clock_;
  std::unique_ptr<State> state_;
};

}  // namespace spa
