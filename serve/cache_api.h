// CacheApi: looking into the cache and keeping it, over HTTP.
//
// docs/openapi.json describes every route and answer; a test holds the two together. Errors are
// application/problem+json. Every call but /healthz needs an API key or an access token that may
// manage the cache, and every caller has a bucket of calls. Each managing call is one line in the
// log: who, what, how it ended, how many entries.
//
// Threads: the io_context's thread.
// Lifetime: what it is given must outlive it and every Task it gave out.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/cache_manager.h"
#include "cache/health_gate.h"
#include "serve/alert_watch.h"
#include "serve/api_key.h"
#include "serve/http_call.h"
#include "serve/rate_limiter.h"
#include "serve/token_gate.h"

namespace spa {

class CacheApi {
 public:
  // An application role that lets a token manage the cache. An application's own token needs none.
  static constexpr std::string_view kRole = "Cache.Manage";

  struct Options {
    Options() = default;
    std::string client_id;  // Whose own tokens need no role.
    double rate = 20;       // Calls a second and caller; twice that at once.
    std::function<std::chrono::steady_clock::time_point()> clock = std::chrono::steady_clock::now;
    // How the hosts that this process talks to are doing, for /cache/health.
    std::function<std::vector<std::pair<std::string, spa::Health>>()> hosts;
  };

  // `tokens` may be null: then access tokens are not taken.
  CacheApi(CacheManager& caches, ApiKey key, TokenGate* tokens, const AlertWatch& alerts,
           Options options);

  [[nodiscard]] Task<HttpAnswer> Handle(HttpCall call);

  // From the next call on; buckets begin full again.
  void Renew(ApiKey key, double rate);

  struct RouteName {
    std::string_view method, path;  // "POST", "/cache/clear/{name}"
  };
  static std::vector<RouteName> Routes();

 private:
  // One call on its way through.
  struct Turn {
    explicit Turn(HttpCall call) : call(std::move(call)) {}
    HttpCall call;
    std::string name;                  // What stands for "{name}" in the path, decoded.
    std::string caller;                // "api key", "application 9b7d…"; empty: nobody known.
    std::string token;                 // The access token that was accepted, if any.
    std::optional<std::size_t> count;  // Entries concerned, for the log.
  };
  struct Route {
    std::string_view method, path;
    bool open;  // For everybody.
    Task<HttpAnswer> (CacheApi::*answer)(Turn&);
  };
  static const Route kRoutes[];

  [[nodiscard]] Task<HttpAnswer> Answer(Turn& turn);
  // Nothing: go on. Fills in who calls.
  [[nodiscard]] Task<std::optional<HttpAnswer>> Refuse(Turn& turn);
  [[nodiscard]] Task<std::optional<HttpAnswer>> Authenticate(Turn& turn);
  std::optional<HttpAnswer> Limit(const std::string& caller);
  static HttpAnswer Unauthorized(std::string_view detail);

  [[nodiscard]] Task<HttpAnswer> Healthz(Turn& turn);
  [[nodiscard]] Task<HttpAnswer> Metrics(Turn& turn);
  [[nodiscard]] Task<HttpAnswer> OpenApi(Turn& turn);
  [[nodiscard]] Task<HttpAnswer> Stats(Turn& turn);
  [[nodiscard]] Task<HttpAnswer> KindStatsOf(Turn& turn);
  [[nodiscard]] Task<HttpAnswer> Health(Turn& turn);
  [[nodiscard]] Task<HttpAnswer> Performance(Turn& turn);
  [[nodiscard]] Task<HttpAnswer> Cleanup(Turn& turn);
  [[nodiscard]] Task<HttpAnswer> Clear(Turn& turn);
  [[nodiscard]] Task<HttpAnswer> ClearAll(Turn& turn);
  [[nodiscard]] Task<HttpAnswer> Invalidate(Turn& turn);
  [[nodiscard]] Task<HttpAnswer> Revoke(Turn& turn);
  [[nodiscard]] Task<HttpAnswer> Validate(Turn& turn);

  CacheManager& caches_;
  ApiKey key_;
  TokenGate* tokens_;
  const AlertWatch& alerts_;
  Options options_;
  RateLimiter limiter_;
  std::chrono::steady_clock::time_point started_;
};

}  // namespace spa
