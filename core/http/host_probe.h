// HostProbe: the way to a host, looked at before anything is asked: does its name resolve, which
// proxy stands on the way, and which certificates does whoever answers show? Sends no request.
//
// Threads: any; blocks, for 10 s at most for each step.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace spa {

struct ShownCertificate {
  ShownCertificate() = default;
  std::string subject, issuer;  // "CN=login.example,O=Example": their owners' text
  std::chrono::system_clock::time_point not_after;
};

struct HostProbe {
  HostProbe() = default;
  std::string host;                     // With a port where it is not the usual one.
  std::vector<std::string> addresses;   // Empty behind a proxy, which looks up itself.
  std::string proxy;                    // Without user name and password; empty: none.
  int proxy_status = 0;                 // What the proxy said to the connection; 0: nothing.
  std::vector<ShownCertificate> chain;  // The host's own first; empty for http://.
  enum class Stage { kName, kProxy, kConnection, kTrust, kDone };
  Stage failed_at = Stage::kDone;
  std::string failure;  // In libcurl's words, or the resolver's.
};

// The proxy that the environment names for the URL, as libcurl reads it; empty: none. Loopback
// hosts have none.
std::string ProxyFor(std::string_view url, const std::map<std::string, std::string>& environment);

// `ca_file`: the CAs to trust; empty: the system's.
HostProbe ProbeHost(const std::string& url, const std::string& ca_file,
                    const std::map<std::string, std::string>& environment);

}  // namespace spa
