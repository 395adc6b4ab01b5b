// Serving: the whole server over real HTTP, with an authority whose tokens it takes, and a clock.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cache/cache_manager.h"
#include "core/http/http_client.h"
#include "serve/alert_watch.h"
#include "serve/cache_api.h"
#include "serve/http_server.h"
#include "serve/token_gate.h"
#include "tests/auth/test_token.h"
#include "tests/catch.h"

namespace spa::testing {

inline const std::string kTestKey = "a-test-key-of-some-length";

struct Answered {
  Answered() = default;
  int status = 0;
  std::string body;
  HttpHeaders headers;
  nlohmann::json json;  // Null where the body is none.
};

struct ServingOptions {
  ServingOptions() = default;
  std::string l2 = "none";
  CacheMode mode = CacheMode::kReadWrite;
  double rate = 1e6;
  bool with_tokens = true;
};

class Serving {
 public:
  using Body = std::function<Task<void>(Serving&)>;

  explicit Serving(const ServingOptions& options = ServingOptions());

  // Opens the cache, serves while the body runs, closes.
  void Run(Body body);

  // With the API key.
  [[nodiscard]] Task<Answered> Get(std::string path);
  [[nodiscard]] Task<Answered> Post(std::string path, std::string body = {});
  [[nodiscard]] Task<Answered> Call(std::string method, std::string path, HttpHeaders headers,
                                    std::string body = {});
  // With an access token.
  [[nodiscard]] Task<Answered> With(std::string token, std::string method = "GET",
                                    std::string path = "/cache/stats", std::string body = {});

  std::string Token(const nlohmann::json& more = nlohmann::json::object()) const {
    return SignToken(TestClaims(authority.url(), now, more));
  }

  asio::io_context io;
  CacheTime now =
      std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  std::chrono::steady_clock::time_point steady{};
  nlohmann::json keys = KeySet();  // What the authority publishes.
  bool authority_down = false;
  ConcurrencyManager concurrency;
  HttpClient http;
  TokenServer authority;
  CacheManager caches;
  TokenGate gate;
  AlertWatch alerts;
  CacheApi api;
  HttpServer server;

 private:
  [[nodiscard]] Task<void> Main(Body body);
};

}  // namespace spa::testing
