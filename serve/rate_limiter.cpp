#include "serve/rate_limiter.h"

#include <algorithm>
#include <cmath>

namespace spa {

std::optional<std::chrono::seconds> RateLimiter::Take(const std::string& caller, Time now) {
  if (buckets_.size() >= kMostCallers) Forget(now);
  const bool room = buckets_.size() < kMostCallers || buckets_.contains(caller);
  Bucket& bucket =
      buckets_.try_emplace(room ? caller : std::string(), Bucket{burst_, now}).first->second;
  const double passed = std::chrono::duration<double>(now - bucket.at).count();
  bucket.left = std::min(burst_, bucket.left + passed * rate_);
  bucket.at = now;
  if (bucket.left < 1) {
    return std::chrono::seconds(static_cast<long>(std::ceil((1 - bucket.left) / rate_)));
  }
  bucket.left -= 1;
  return std::nullopt;
}

void RateLimiter::Forget(Time now) {
  std::erase_if(buckets_, [&](const auto& each) {
    return std::chrono::duration<double>(now - each.second.at).count() * rate_ >= burst_;
  });
}

}  // namespace spa
