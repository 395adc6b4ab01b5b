// Traffic: what the services do to requests beside answering them. Budgets and throttling
// (graph.md 6), injected faults, and the books: counters and a log of the last requests.
//
// A fault is decided by the seed and the request's number, so the same sequence of requests meets
// the same faults. A client that comes back before the Retry-After it was given is written down.
//
// Threads: any; one mutex.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "simulator/http.h"
#include "simulator/tenant_spec.h"

namespace spa::sim {

struct TrafficCounters {
  std::map<std::string, std::uint64_t> by_route;  // parts of batches counted too
  std::map<int, std::uint64_t> by_status;
  std::uint64_t http_requests = 0;                                    // without /__sim
  std::uint64_t graph = 0, sharepoint = 0, token = 0, directory = 0;  // HTTP requests by service
  std::uint64_t batches = 0, batch_parts = 0;
  std::uint64_t resource_units = 0, directory_units = 0;
  std::uint64_t throttled = 0;       // 429 sent, whole or part
  std::uint64_t unavailable = 0;     // 503 sent
  std::uint64_t gateway_errors = 0;  // 500, 502, 504 sent as faults
  std::uint64_t resets = 0, truncations = 0, html_answers = 0, slow_bodies = 0;
  std::uint64_t early_retries = 0;             // came back before their Retry-After had passed
  std::uint64_t requests_while_throttled = 0;  // HTTP requests while their service had said wait
  std::uint64_t bytes_sent = 0;
  int in_flight = 0, peak_in_flight = 0;
};

class Traffic {
 public:
  Traffic(std::uint64_t seed, FaultSpec faults) : seed_(seed), faults_(std::move(faults)) {}

  // A request has been read; gives its number.
  std::uint64_t Arrive(const Request& request, Family family);
  // Puts budget and faults on the answer: it may become another answer altogether.
  void Judge(const Request& request, std::uint64_t number, Response& response);
  // The same for one part of a batch, which has no number of its own. Where the part is told to
  // wait, what it waits under is added to `waits`: Judge forgets it if the batch's answer is lost.
  void JudgePart(const Request& part, Response& response, std::vector<std::string>& waits);
  void Leave(std::size_t bytes);

  TrafficCounters counters() const;
  std::string LogLines() const;  // oldest first
  void Reset();
  void set_faults(FaultSpec faults);

 private:
  using Clock = std::chrono::steady_clock;
  struct Window {
    Clock::time_point start{};
    std::uint64_t used = 0;
  };
  // What is still to be waited out, by method and URL.
  using Waits = std::unordered_map<std::string, Clock::time_point>;

  bool Chance(std::uint64_t number, std::uint64_t salt, double rate) const;
  void NoteReturn(const Request& request);
  void Charge(Response& response, std::uint64_t number, const Request& request);
  bool OverBudget(Response& response, std::uint64_t number, const Request& request);
  bool UseWindow(Window& window, std::chrono::milliseconds length, int limit, Response& response,
                 std::uint64_t number, const Request& request);
  void Throttle(const Request& request, std::uint64_t number, int status, double seconds,
                Response& response);
  bool Break(std::uint64_t number, Response& response);  // whether the answer is lost
  void Log(const Request& request, std::uint64_t number, const Response& response);

  mutable std::mutex mutex_;
  std::uint64_t seed_;
  FaultSpec faults_;
  std::uint64_t next_number_ = 0;
  std::uint64_t next_part_ = 1ULL << 40;
  TrafficCounters counters_;
  Waits waits_;
  std::array<Clock::time_point, 5> quiet_until_{};  // by Family
  Window minute_, day_, directory_;
  std::deque<std::string> log_;
};

}  // namespace spa::sim
