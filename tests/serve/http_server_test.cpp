#include "serve/http_server.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "core/async/task_group.h"
#include "simulator/certificates.h"
#include "tests/auth/test_certificate.h"
#include "tests/catch.h"

namespace spa {
namespace {

using namespace testing;
using asio::ip::tcp;

// A server that answers with what it was asked, and a client, on one loop.
class Served {
 public:
  using Body = std::function<Task<void>(Served&)>;

  explicit Served(HttpServer::Options options = HttpServer::Options(), std::string ca_file = {})
      : concurrency(io, {100, 1, 1}),
        http(io, concurrency, {std::move(ca_file), "1.1", "test"}),
        server(io, std::move(options), [this](HttpCall call) { return Echo(std::move(call)); }) {}

  // Serves while the body runs.
  void Run(Body body) {
    REQUIRE(server.Listen());
    std::exception_ptr failure;
    asio::co_spawn(io, Both(std::move(body)), [&](std::exception_ptr e) { failure = e; });
    io.run();
    if (failure) std::rethrow_exception(failure);
  }

  Task<Result<HttpResponse>> Get(std::string path) {
    HttpRequest request("GET", server.url() + path);
    return http.Send(std::move(request));
  }

  // Sends the bytes on a connection of their own; what came back until the server closed it.
  Task<std::string> Raw(std::string bytes) {
    tcp::socket socket(io);
    const auto port =
        static_cast<std::uint16_t>(std::stoi(server.url().substr(server.url().rfind(':') + 1)));
    const tcp::endpoint to(asio::ip::address_v4::loopback(), port);
    co_await socket.async_connect(to, asio::use_awaitable);
    boost::system::error_code error;
    co_await asio::async_write(socket, asio::buffer(bytes),
                               asio::redirect_error(asio::use_awaitable, error));
    std::string answer;
    co_await asio::async_read(socket, asio::dynamic_buffer(answer),
                              asio::redirect_error(asio::use_awaitable, error));
    co_return answer;
  }

  Task<void> WaitFor(std::function<bool()> holds) {
    asio::steady_timer timer(io);
    while (!holds()) {
      timer.expires_after(std::chrono::milliseconds(1));
      co_await timer.async_wait(asio::use_awaitable);
    }
  }

  asio::io_context io;
  ConcurrencyManager concurrency;
  HttpClient http;
  HttpServer server;
  int calls = 0;
  bool held = false;  // Calls wait until it is false again.
  HttpCall last;

 private:
  Task<HttpAnswer> Echo(HttpCall call) {
    ++calls;
    last = call;
    co_await WaitFor([this] { return !held; });
    if (call.path == "/throw") throw std::runtime_error("a bug");
    co_return HttpAnswer(200, "text/plain", call.method + " " + call.path + " " + call.body);
  }

  Task<void> Both(Body body) {
    co_await RunGroup(io.get_executor(), 0, [&](TaskGroup& group) -> Task<void> {
      group.Start(server.Run());
      co_await body(*this);
      server.Stop();
    });
  }
};

TEST_CASE("A call reaches its handler with path, query, headers and body, and is answered") {
  Served served;
  served.Run([](Served& s) -> Task<void> {
    HttpRequest request("POST", s.server.url() + "/a%20b?x=1%262&y=a+b&z");
    request.headers.emplace_back("X-Some", "thing");
    request.body = "payload";
    const auto answer = co_await s.http.Send(std::move(request));

    REQUIRE(answer);
    CHECK(answer->status == 200);
    CHECK(answer->body == "POST /a%20b payload");
    CHECK(answer->Header("Cache-Control") == "no-store");
    CHECK(answer->Header("X-Content-Type-Options") == "nosniff");
    CHECK(s.last.Query("x") == "1&2");
    CHECK(s.last.Query("y") == "a b");
    CHECK(s.last.Query("z") == "");
    CHECK_FALSE(s.last.Query("w"));
    CHECK(s.last.Header("x-some") == "thing");
    CHECK(s.last.peer == "127.0.0.1");
  });
}

TEST_CASE("What a caller may send is bounded") {
  HttpServer::Options options;
  options.head_bytes = 1024;
  options.body_bytes = 100;
  Served served(options);
  served.Run([](Served& s) -> Task<void> {
    const auto long_head =
        co_await s.Raw("GET / HTTP/1.1\r\nX: " + std::string(2000, 'x') + "\r\n\r\n");
    CHECK(long_head.starts_with("HTTP/1.1 431"));
    const auto long_body = co_await s.Raw("POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n");
    CHECK(long_body.starts_with("HTTP/1.1 413"));
    const auto nonsense = co_await s.Raw("nonsense\r\n\r\n");
    CHECK(nonsense.starts_with("HTTP/1.1 400"));
    CHECK(nonsense.find("application/problem+json") != std::string::npos);
    const auto elsewhere =
        co_await s.Raw("GET http://evil.example/ HTTP/1.1\r\nConnection: close\r\n\r\n");
    CHECK(elsewhere.starts_with("HTTP/1.1 400"));
    CHECK(s.calls == 0);
  });
}

TEST_CASE("A connection that sends nothing is closed in time") {
  HttpServer::Options options;
  options.idle = std::chrono::seconds(1);
  Served served(options);
  served.Run([](Served& s) -> Task<void> {
    const auto got = co_await s.Raw("GET /");
    CHECK(got.empty());
  });
}

TEST_CASE("More callers than connections are allowed wait for their turn") {
  HttpServer::Options options;
  options.connections = 2;
  Served served(options);
  served.Run([](Served& s) -> Task<void> {
    int done = 0;
    const auto call = [&]() -> Task<void> {  // Outlives the group.
      const auto text = co_await s.Raw("GET /x HTTP/1.1\r\nConnection: close\r\n\r\n");
      CHECK(text.ends_with("GET /x "));
      ++done;
    };
    co_await RunGroup(s.io.get_executor(), 0, [&](TaskGroup& group) -> Task<void> {
      for (int i = 0; i < 10; ++i) group.Start(call());
      co_await s.WaitFor([&] { return done == 10; });
    });
  });
}

TEST_CASE("A handler's bug is one answer, not the server's end") {
  Served served;
  served.Run([](Served& s) -> Task<void> {
    const auto broken = co_await s.Get("/throw");
    REQUIRE(broken);
    CHECK(broken->status == 500);
    CHECK(broken->body.find("a bug") == std::string::npos);
    {
      const auto got = co_await s.Get("/fine");
      CHECK(got->status == 200);
    }
  });
}

TEST_CASE("HEAD is answered like GET, without the body") {
  Served served;
  served.Run([](Served& s) -> Task<void> {
    const auto text = co_await s.Raw("HEAD /abc HTTP/1.1\r\nConnection: close\r\n\r\n");
    CHECK(text.starts_with("HTTP/1.1 200"));
    CHECK(text.find("Content-Length: 9") != std::string::npos);
    CHECK(text.ends_with("\r\n\r\n"));
  });
}

TEST_CASE("A server that stops answers the calls under way and takes no new ones",
          "[cache][S3-123]") {
  Served served;
  served.Run([](Served& s) -> Task<void> {
    s.held = true;
    const std::string url = s.server.url();
    std::optional<Result<HttpResponse>> under_way;
    const auto call = [&]() -> Task<void> {  // Outlives the group.
      under_way = co_await s.Get("/slow");
    };
    co_await RunGroup(s.io.get_executor(), 0, [&](TaskGroup& group) -> Task<void> {
      group.Start(call());
      co_await s.WaitFor([&] { return s.calls == 1; });
      s.server.Stop();
      HttpRequest request("GET", url + "/late");
      const auto late = co_await s.http.Send(std::move(request));
      CHECK_FALSE(late);
      s.held = false;
    });
    REQUIRE(under_way);
    REQUIRE(*under_way);
    CHECK((*under_way)->body == "GET /slow ");
    CHECK((*under_way)->Header("Connection") == "close");
  });
}

TEST_CASE("TLS is served with the given certificate") {
  const sim::ServerIdentity identity = sim::MakeServerIdentity();
  const TempFile certificate(identity.server.certificate_pem), key(identity.server.key_pem);
  const TempFile ca(identity.ca_pem);
  HttpServer::Options options;
  options.certificate_path = certificate.path();
  options.key_path = key.path();
  Served served(options, ca.path());
  served.Run([](Served& s) -> Task<void> {
    CHECK(s.server.url().starts_with("https://127.0.0.1:"));
    for (int i = 0; i < 2; ++i) {
      const auto answer = co_await s.Get("/secure");
      REQUIRE(answer);
      CHECK(answer->body == "GET /secure ");
    }
    {
      const auto got = co_await s.Raw("GET / HTTP/1.1\r\n\r\n");
      CHECK(got.find("HTTP/1.1 200") == std::string::npos);
    }
  });
}

Status Listening(const HttpServer::Options& options) {
  asio::io_context io;
  return HttpServer(io, options, nullptr).Listen();
}

TEST_CASE("Only loopback is served without TLS") {
  HttpServer::Options options;
  CHECK(Listening(options));
  options.address = "localhost";
  CHECK(Listening(options));
  for (const char* open : {"0.0.0.0", "::", "192.0.2.1"}) {
    options.address = open;
    const Status refused = Listening(options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kUsage);
    CHECK(refused.error().message.find("needs TLS") != std::string::npos);
  }
  options.address = "example.com";
  CHECK(Listening(options).error().code == ErrorCode::kUsage);
}

TEST_CASE("A certificate that cannot be used is refused before anything is served") {
  const TempFile certificate(CertPem(MakeCert(RsaKey()))), other(KeyPem(OtherRsaKey()));
  HttpServer::Options options;
  options.certificate_path = certificate.path();
  CHECK(Listening(options).error().code == ErrorCode::kUsage);
  options.key_path = "/no/such/file";
  CHECK(Listening(options).error().code == ErrorCode::kUsage);
  options.key_path = other.path();
  CHECK(Listening(options).error().code == ErrorCode::kUsage);
}

TEST_CASE("A port that is taken is said to be") {
  asio::io_context io;
  HttpServer first(io, HttpServer::Options(), nullptr);
  REQUIRE(first.Listen());
  HttpServer::Options options;
  options.port =
      static_cast<std::uint16_t>(std::stoi(first.url().substr(first.url().rfind(':') + 1)));

  CHECK(Listening(options).error().code == ErrorCode::kUsage);
}

}  // namespace
}  // namespace spa
