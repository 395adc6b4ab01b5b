#include "cli/host_health.h"

#include <fmt/format.h>

#include <utility>

#include "core/graph/throttle_gate.h"
#include "core/http/url.h"

namespace spa {

HostHealth::HostHealth(CacheClock clock) : clock_(std::move(clock)) {}

void HostHealth::Heard(const HttpEnding& ending) {
  const std::string name = SplitUrl(ending.url).authority;
  auto& gate = gates_[name];
  if (!gate) gate = std::make_unique<HealthGate>(name, clock_);
  const GateState before = gate->state();
  gate->Allow();  // Nobody is held back here: an answer after the pause is the probe.
  if (ending.error != nullptr) {
    gate->Failed(ending.error->message);
  } else if (ending.response->status == 429 || ending.response->status >= 500) {
    std::optional<std::chrono::milliseconds> pause;
    if (const auto wait = ParseRetryAfter(ending.response->Header("Retry-After"), clock_()))
      pause = std::chrono::duration_cast<std::chrono::milliseconds>(*wait);
    gate->Failed(fmt::format("HTTP {}", ending.response->status), pause);
  } else {
    gate->Succeeded(ending.took);
  }
  const GateState after = gate->state();
  if ((before == GateState::kClosed) != (after == GateState::kClosed)) turned_.push_back(name);
}

std::vector<HostHealth::Host> HostHealth::Hosts() const {
  std::vector<Host> hosts;
  for (const auto& [name, gate] : gates_) {
    Host host;
    host.name = name;
    host.health = gate->Snapshot();
    hosts.push_back(std::move(host));
  }
  return hosts;
}

std::vector<std::string> HostHealth::TakeTurned() { return std::exchange(turned_, {}); }

}  // namespace spa
