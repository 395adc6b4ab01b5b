// RateLimiter: a token bucket for each caller.
//
// A bucket holds `burst` calls and fills with `rate` a second. Buckets that are full again are
// forgotten; beyond kMostCallers at once, new callers share one bucket, so that nobody can take up
// memory by calling under many names.
//
// Threads: the io_context's thread. Time is a parameter.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>

namespace spa {

class RateLimiter {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kMostCallers = 10'000;

  // Calls a second, and how many at once after a pause. Both greater than 0.
  RateLimiter(double rate, double burst) : rate_(rate), burst_(burst) {}

  // Takes a call of that caller: nothing where it may go on, else when to come back.
  std::optional<std::chrono::seconds> Take(const std::string& caller, Time now);

 private:
  struct Bucket {
    double left;
    Time at;
  };
  void Forget(Time now);

  double rate_, burst_;
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace spa
