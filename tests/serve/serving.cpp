#include "tests/serve/serving.h"

#include <boost/asio/co_spawn.hpp>

#include "core/async/task_group.h"

namespace spa::testing {
namespace {

CacheManager::Options CacheOptions(const ServingOptions& options, const CacheTime& now) {
  CacheManager::Options cache;
  cache.l2 = options.l2;
  cache.mode = options.mode;
  cache.clock = [&now] { return now; };
  cache.store.clock = cache.clock;
  cache.jitter = 0;
  return cache;
}

TokenGate::Options GateOptions(const std::string& authority, const CacheTime& now) {
  TokenGate::Options gate;
  gate.authority = authority;
  gate.tenant = kTestTenant;
  gate.client_id = kTestApp;
  gate.clock = [&now] { return now; };
  return gate;
}

CacheApi::Options ApiOptions(double rate, const std::chrono::steady_clock::time_point& now) {
  CacheApi::Options api;
  api.client_id = kTestApp;
  api.rate = rate;
  api.clock = [&now] { return now; };
  return api;
}

}  // namespace

Serving::Serving(const ServingOptions& options)
    : concurrency(io, {200, 1, 1}),
      http(io, concurrency, {"", "1.1", "test"}),
      authority(io,
                [this](const ServedRequest& request, std::size_t) {
                  if (authority_down) return ServedAnswer(503, "");
                  return AnswerAsAuthority(authority.url(), request, keys);
                }),
      caches(CacheOptions(options, now)),
      gate(caches, http, GateOptions(authority.url(), now)),
      api(caches, *ApiKey::From(Secret(kTestKey)), options.with_tokens ? &gate : nullptr, alerts,
          ApiOptions(options.rate, steady)),
      server(io, HttpServer::Options(),
             [this](HttpCall call) { return api.Handle(std::move(call)); }) {}

void Serving::Run(Body body) {
  REQUIRE(server.Listen());
  std::exception_ptr failure;
  asio::co_spawn(io, Main(std::move(body)), [&](std::exception_ptr e) {
    failure = e;
    io.stop();  // The authority would listen for ever.
  });
  io.run();
  if (failure) std::rethrow_exception(failure);
}

Task<void> Serving::Main(Body body) {
  const Status opened = co_await caches.Open(io.get_executor());
  if (!opened) FAIL(opened.error().message);
  co_await RunGroup(io.get_executor(), 0, [&](TaskGroup& group) -> Task<void> {
    group.Start(server.Run());
    co_await body(*this);
    server.Stop();
  });
  co_await caches.Close();
}

Task<Answered> Serving::Get(std::string path) {
  HttpHeaders headers = {{"X-Api-Key", kTestKey}};
  return Call("GET", std::move(path), std::move(headers));
}

Task<Answered> Serving::Post(std::string path, std::string body) {
  HttpHeaders headers = {{"X-Api-Key", kTestKey}};
  return Call("POST", std::move(path), std::move(headers), std::move(body));
}

Task<Answered> Serving::With(std::string token, std::string method, std::string path,
                             std::string body) {
  HttpHeaders headers = {{"Authorization", "Bearer " + token}};
  return Call(std::move(method), std::move(path), std::move(headers), std::move(body));
}

Task<Answered> Serving::Call(std::string method, std::string path, HttpHeaders headers,
                             std::string body) {
  HttpRequest request(std::move(method), server.url() + path);
  request.headers = std::move(headers);
  request.body = std::move(body);
  const auto answer = co_await http.Send(std::move(request));
  if (!answer) FAIL(answer.error().message);
  Answered answered;
  answered.status = answer->status;
  answered.body = answer->body;
  answered.headers = answer->headers;
  answered.json = nlohmann::json::parse(answer->body, nullptr, false);
  if (answered.json.is_discarded()) answered.json = nullptr;
  co_return answered;
}

}  // namespace spa::testing
