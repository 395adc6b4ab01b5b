// HostHealth: how each host we talk to is doing, learnt from every answer: Graph, SharePoint, the
// token endpoint. Nobody is asked for it; ThrottleGate alone decides who waits.
//
// An answer that says 429 or 5xx, or none at all, counts as a failure; every other is a success,
// whatever it says about the thing asked for.
//
// Threads: the io_context's thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cache/health_gate.h"
#include "core/http/http_client.h"

namespace spa {

class HostHealth {
 public:
  struct Host {
    Host() = default;
    std::string name;  // "graph.microsoft.com", with a port where it is not the usual one
    Health health;
  };

  explicit HostHealth(CacheClock clock = std::chrono::system_clock::now);

  void Heard(const HttpEnding& ending);

  std::vector<Host> Hosts() const;  // By name.
  // Those that went from well to ill, or back, since this was asked last.
  std::vector<std::string> TakeTurned();

 private:
  CacheClock clock_;
  std::map<std::string, std::unique_ptr<HealthGate>> gates_;
  std::vector<std::string> turned_;
};

}  // namespace spa
