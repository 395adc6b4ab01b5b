// HttpServer: HTTP/1.1 with or without TLS, for a handful of callers that are not trusted yet.
//
// Everything a caller can take up is bounded: connections (more wait in the system's queue), bytes
// of a head and a body, the time to send them, the time to read an answer, the time to sit idle.
// Listens on a loopback address; on any other only with a certificate.
//
// Threads: the io_context's thread.
// Lifetime: must outlive Run. The handler is called on that thread, for many calls at once; what it
// throws is answered with status 500, but cancellation goes on.
// Errors: kUsage where address, certificate and key cannot be used together, or the address not at
// all.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>

#include "core/async/task.h"
#include "core/result.h"
#include "serve/http_call.h"

namespace spa {

class HttpServer {
 public:
  using Handler = std::function<Task<HttpAnswer>(HttpCall)>;

  struct Options {
    Options() = default;
    std::string address = "127.0.0.1";       // An IP address, or "localhost".
    std::uint16_t port = 0;                  // 0: any free one.
    std::string certificate_path, key_path;  // PEM; both or neither.
    int connections = 128;
    std::size_t head_bytes = 16 * 1024, body_bytes = 64 * 1024;
    std::chrono::seconds idle{30};      // For the next request's head to arrive.
    std::chrono::seconds exchange{10};  // For a handshake, for a body, for an answer to be taken.
    std::chrono::seconds drain{10};     // After Stop, for calls under way.
  };

  HttpServer(asio::io_context& io, Options options, Handler handler);
  HttpServer(const HttpServer&) = delete;

  // From here on callers are queued.
  Status Listen();
  // "https://127.0.0.1:8443"
  std::string url() const;

  // Answers until Stop, or until it is cancelled.
  [[nodiscard]] Task<void> Run();
  // No new calls: idle connections are closed, calls under way are answered, then Run returns.
  void Stop();

 private:
  struct Connection {
    asio::ip::tcp::socket* socket = nullptr;
    bool idle = true;
  };

  [[nodiscard]] Task<void> Serve(asio::ip::tcp::socket socket);
  template <class Stream, class Timed>
  [[nodiscard]] Task<void> Converse(Stream& stream, Timed& timed, Connection& connection,
                                    std::string peer);
  [[nodiscard]] Task<HttpAnswer> Answer(HttpCall call);

  asio::io_context& io_;
  Options options_;
  Handler handler_;
  asio::ip::tcp::acceptor acceptor_;
  std::optional<asio::ssl::context> tls_;
  std::list<Connection> connections_;
  asio::steady_timer drained_;
  bool stopping_ = false;
};

}  // namespace spa
