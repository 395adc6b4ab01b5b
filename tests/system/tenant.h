// Tenant: a simulated tenant that serves in this process, a folder with the configuration that
// audits it, and the program at hand.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "simulator/simulate.h"
#include "tests/catch.h"
#include "tests/system/program.h"
#include "tests/system/truth.h"

namespace spa::testing {

inline constexpr char kCertificate[] = "certificate";  // Graph and SharePoint REST
inline constexpr char kSecret[] = "secret";            // Graph alone

class Tenant {
 public:
  struct Setup {
    Setup() = default;
    std::string preset = "small";
    std::string credential = kCertificate;
    Words set;  // "KEY=VALUE": changes to the tenant's spec
    bool https = false;
    int threads = 1;
  };

  explicit Tenant(const Setup& setup);
  explicit Tenant(const std::string& preset, const std::string& credential = kCertificate,
                  Words set = {})
      : Tenant(MakeSetup(preset, credential, std::move(set))) {}

  // Options of `audit`: this configuration, summary as JSON, then `more`.
  Words AuditWords(const Words& more = {}) const;
  Ended Audit(const Words& more = {}) const { return Run(AuditWords(more)); }
  // An audit that must end with 0, and its summary.
  nlohmann::json Summary(const Words& more = {}) const;

  // `export WHAT …` to a file; the path. Must end with 0.
  std::string Export(const std::string& what, const Words& more = {}) const;
  // Every permission of every object against the truth.
  Comparison CompareAll(const Words& more = {}) const;
  Comparison CompareItems() const;  // what Graph alone can tell
  std::vector<nlohmann::json> Coverage() const;

  // How the addresses of its sites begin.
  std::string origin() const;
  Lines TruePermissions() const;
  std::vector<nlohmann::json> TrueObjects() const;  // all that can be discovered
  // The parts of a batch are not in it.
  sim::TrafficCounters counters() const { return server_->counters(); }

  // A JSON merge patch on the configuration.
  void Configure(const nlohmann::json& patch) const;
  std::string config() const { return folder_.File("config.json"); }
  std::string File(const std::string& name) const { return folder_.File(name); }
  const Folder& folder() const { return folder_; }
  SimulatorServer& server() { return *server_; }
  const SimulatorServer& server() const { return *server_; }
  const SimulatedTenant& truth() const { return server_->tenant(); }

 private:
  static Setup MakeSetup(const std::string& preset, const std::string& credential, Words set);

  Folder folder_;
  std::unique_ptr<SimulatorServer> server_;
};

nlohmann::json ParseSummary(const Ended& ended);
std::vector<nlohmann::json> ParseLines(const std::string& text);
// The set of what `key` says in each line.
std::set<std::string> Values(const std::vector<nlohmann::json>& lines, const std::string& key);

}  // namespace spa::testing
