// What a failed answer costs, and what remembering it saves (cache.md D.4).
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench/suites.h"
#include "bench/turns.h"
#include "cache/cache_manager.h"
#include "core/graph/service_client.h"
#include "core/graph/service_error.h"

namespace spa {
namespace {

using asio::ip::tcp;

std::string NotFound(const std::string& id) {
  const nlohmann::json body = {{"error",
                                {{"code", "itemNotFound"},
                                 {"message", "The resource could not be found: " + id},
                                 {"innerError",
                                  {{"code", "resourceNotFound"},
                                   {"date", "2026-01-02T03:04:05"},
                                   {"request-id", NewGuid()},
                                   {"client-request-id", NewGuid()}}}}}};
  return body.dump();
}

std::string Render(const Error& error) {
  return nlohmann::json{{"message", error.message},
                        {"remedy", error.remedy},
                        {"code", error.service_code},
                        {"request_id", error.request_id},
                        {"status", error.http_status}}
      .dump();
}

// A service on loopback, with a thread of its own, that finds nothing.
class NothingThere {
 public:
  NothingThere() {
    asio::co_spawn(io_, Accept(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~NothingThere() {
    io_.stop();
    thread_.join();
  }
  NothingThere(const NothingThere&) = delete;
  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }

 private:
  Task<void> Accept() {
    for (;;) {
      tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
      socket.set_option(tcp::no_delay(true));
      asio::co_spawn(io_, Serve(std::move(socket)), asio::detached);
    }
  }
  // Ends by an exception, when the client hangs up.
  Task<void> Serve(tcp::socket socket) {
    const std::string body = NotFound(NewGuid());
    const std::string answer =
        "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
    std::string request;
    for (;;) {
      const std::size_t end = co_await asio::async_read_until(socket, asio::dynamic_buffer(request),
                                                              "\r\n\r\n", asio::use_awaitable);
      request.erase(0, end);
      co_await asio::async_write(socket, asio::buffer(answer), asio::use_awaitable);
    }
  }

  asio::io_context io_{1};
  tcp::acceptor acceptor_{io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  std::thread thread_;
};

class OneToken final : public TokenSource {
 public:
  Task<Result<AccessToken>> Get(std::string) override {
    AccessToken token;
    token.value = Secret("token");
    token.expires_at = token.renew_at = std::chrono::system_clock::now() + std::chrono::hours(1);
    co_return token;
  }
  void Reject(const std::string&, const Secret&) override {}
  CredentialKind kind() const override { return CredentialKind::kSecret; }
  long requests() const override { return 0; }
};

// What an error costs the program that does not remember it: the request, the answer, its diagnosis
// and what is said about it. On loopback: a service far away takes a thousand times as long.
struct FullPath {
  explicit FullPath(const std::vector<std::string>& asked)
      : asked(asked),
        client(io, concurrency, http, tokens, Audiences(service.url() + "/v1.0", ""),
               std::chrono::seconds(60)) {}

  Task<void> Run(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      ServiceRequest request;
      request.url = service.url() + asked[i % asked.size()];
      request.what = asked[i % asked.size()];
      ServiceClient::Accept accept = [](const HttpResponse&) { return Status(); };
      laps.Start();
      const auto answer = co_await client.Exchange(std::move(request), std::move(accept));
      const bool right = !answer && answer.error().http_status == 404 &&
                         Render(answer.error()).find("could not be found") != std::string::npos;
      laps.Lap(right);
    }
  }

  const std::vector<std::string>& asked;
  NothingThere service;
  asio::io_context io{1};
  ConcurrencyManager concurrency{io, {}};
  HttpClient http{io, concurrency, HttpClient::Options{}};
  OneToken tokens;
  ServiceClient client;
  Laps laps;
};

}  // namespace

// "diagnosed": a failed answer read, judged and rendered; "asked for": the same with the request
// before it. Against "cached": making the key of what was asked, and finding what came of it.
// `against_50_ms`: the call to a service far away that a hit saves, which is what counts.
BenchResults BenchErrors(const BenchOptions& options) {
  CacheManager caches{CacheManager::Options()};
  auto rendered = caches.Open<std::string>(CacheKind::kServiceError);
  std::vector<std::string> asked, bodies, right;
  for (std::size_t i = 0; i < kDifferent; ++i) {
    const std::string id = NewGuid();
    asked.push_back("/v1.0/sites/" + id + "/drives");
    bodies.push_back(NotFound(id));
  }
  const auto diagnose = [&](std::size_t i) {
    return Render(ErrorFromAnswer(404, {}, bodies[i], asked[i]));
  };
  const auto remember = [&]() -> Task<void> {
    for (std::size_t i = 0; i < kDifferent; ++i) {
      CacheKey key(CacheKind::kServiceError, asked[i]);
      co_await rendered.Set(std::move(key), diagnose(i));
    }
  };
  asio::io_context io;
  RunToEnd(io, remember());
  for (std::size_t i = 0; i < kDifferent; ++i) right.push_back(diagnose(i));

  std::vector<BenchResult> results;
  const std::size_t turns = options.operations / kDifferent;
  results.push_back(InTurns("error, diagnosed", turns / 10,
                            [&](std::size_t i) { return diagnose(i) == right[i]; }));
  FullPath path(asked);
  RunToEnd(path.io, path.Run(std::max<std::size_t>(options.operations / 500, 200)));
  results.push_back(path.laps.SumUp("ratios", "error, asked for on loopback"));
  const double asked_ns = results.back().p50_ms * 1e6;
  results.push_back(InTurns("error, cached", turns, [&](std::size_t i) {
    const auto hit = rendered.Peek(CacheKey(CacheKind::kServiceError, asked[i]));
    return hit && *hit && *(**hit).value == right[i];
  }));
  BenchResult& cached = results.back();
  Compare(cached, results.front());
  cached.more["full_path_ns"] = asked_ns;
  cached.more["full_path_ratio"] = asked_ns / cached.more["cached_ns"];
  cached.more["against_50_ms"] = 50e6 / cached.more["cached_ns"];
  return results;
}

}  // namespace spa
