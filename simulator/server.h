// SimulatorServer: the simulated tenant on a loopback port, over HTTP or HTTPS.
//
//   SimulatorServer server(*TenantSpec::Preset("small"), ServerOptions());
//   if (auto port = server.Start(); !port) …
//   … server.base_url() + "/v1.0" …
//
// Threads: Start and Stop from one thread; the rest from any. Runs threads of its own.
// Lifetime: the destructor stops it; connections in progress are closed.
// Errors: kUnreachable where the port cannot be had, kStorage where the CA file cannot be written.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"
#include "simulator/simulated_tenant.h"
#include "simulator/tenant_spec.h"
#include "simulator/traffic.h"
#include "simulator/truth.h"

namespace spa {

struct ServerOptions {
  std::uint16_t port = 0;  // 0: any free one
  bool https = false;
  std::string ca_file;  // where to write the CA certificate; empty: nowhere
  int threads = 1;
  // A certificate (PEM) the application may sign assertions with; empty: none.
  std::string client_certificate_pem;
};

class SimulatorServer {
 public:
  SimulatorServer(TenantSpec spec, ServerOptions options);
  ~SimulatorServer();
  SimulatorServer(const SimulatorServer&) = delete;

  Result<std::uint16_t> Start();
  void Stop();

  std::string base_url() const;  // "http://127.0.0.1:8080"
  const SimulatedTenant& tenant() const;
  sim::TrafficCounters counters() const;
  std::string request_log() const;  // The last requests as JSON lines, oldest first.
  sim::Floor floor();
  // As POST /__sim/mutate does (simulator/mutation.h).
  Result<std::string> Mutate(std::string_view body);
  void set_faults(FaultSpec faults);  // from the next request on
  void RegisterCertificate(const std::string& pem);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spa
