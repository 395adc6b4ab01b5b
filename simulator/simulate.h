// Starts the simulated tenant as the command line asks for it, and writes a configuration that
// audits it as it stands.
//
// Errors: kUsage for an unknown preset, field or credential; kStorage where a file cannot be
// written; kUnreachable where the port cannot be had.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "simulator/server.h"

namespace spa {

struct SimulateOptions {
  SimulateOptions() = default;

  std::string spec_file;         // wins over the preset
  std::string preset = "demo";   // demo, small, medium, large
  std::vector<std::string> set;  // changes to the spec, "KEY=VALUE": see TenantSpec::Set
  std::uint16_t port = 0;        // 0: any free one
  bool https = false;
  int threads = 1;
  // Where to write an audit configuration (mode 0600); empty: nowhere. Its neighbours are
  // audit.db and cache.db, with https the CA certificate `NAME-ca.pem`, with a certificate
  // credential `NAME-credential.pem` (certificate and key).
  std::string write_config;
  std::string credential = "secret";  // secret | certificate
};

// The server runs until it is stopped or destroyed.
Result<std::unique_ptr<SimulatorServer>> StartSimulation(const SimulateOptions& options);

}  // namespace spa
