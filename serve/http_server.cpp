#include "serve/http_server.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <ctime>

#include "core/async/task_group.h"
#include "core/log/log.h"

namespace spa {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

using Request = http::request<http::string_body>;
using Parser = http::request_parser<http::string_body>;
using WireAnswer = http::response<http::string_body>;

auto Into(error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

bool Read(const Request& message, HttpCall& call) {
  call.method = std::string(message.method_string());
  if (call.method == "HEAD") call.method = "GET";
  for (const auto& field : message) {
    call.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  call.body = message.body();
  return ReadTarget(std::string_view(message.target().data(), message.target().size()), call);
}

WireAnswer Rendered(HttpAnswer answer, bool keep_alive, bool without_body) {
  WireAnswer message(http::int_to_status(static_cast<unsigned>(answer.status)), 11);
  message.set(http::field::date,
              fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(std::time(nullptr))));
  message.set(http::field::content_type, answer.content_type);
  message.set(http::field::cache_control, "no-store");
  message.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : answer.headers) message.set(name, value);
  message.keep_alive(keep_alive);
  message.content_length(answer.body.size());
  if (!without_body) message.body() = std::move(answer.body);
  return message;
}

// What a request that could not be read deserves; nothing where the caller just went away.
std::optional<HttpAnswer> Refusal(error_code error) {
  if (error == http::error::end_of_stream || error == beast::error::timeout) return std::nullopt;
  if (error == http::error::header_limit)
    return Problem(431, "The head of the request is too large");
  if (error == http::error::body_limit) return Problem(413, "The body of the request is too large");
  if (error.category() == http::make_error_code(http::error::bad_method).category()) {
    return Problem(400, "This is no HTTP request", error.message());
  }
  return std::nullopt;
}

Result<asio::ssl::context> TlsOf(const HttpServer::Options& options) {
  asio::ssl::context tls(asio::ssl::context::tls_server);
  error_code error;
  tls.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
  tls.use_certificate_chain_file(options.certificate_path, error);
  if (error) {
    return Fail(ErrorCode::kUsage,
                fmt::format("the certificate {} cannot be used: {}", options.certificate_path,
                            error.message()),
                "give a PEM file with the certificate and its chain");
  }
  tls.use_private_key_file(options.key_path, asio::ssl::context::pem, error);
  if (error) {
    return Fail(ErrorCode::kUsage,
                fmt::format("the key {} cannot be used: {}", options.key_path, error.message()),
                "give a PEM file with the certificate's key, without password");
  }
  return tls;
}

}  // namespace

HttpServer::HttpServer(asio::io_context& io, Options options, Handler handler)
    : io_(io),
      options_(std::move(options)),
      handler_(std::move(handler)),
      acceptor_(io),
      drained_(io) {}

Status HttpServer::Listen() {
  error_code error;
  const auto address = asio::ip::make_address(
      options_.address == "localhost" ? "127.0.0.1" : options_.address, error);
  if (error) {
    return Fail(ErrorCode::kUsage, fmt::format("\"{}\" is no IP address", options_.address),
                "give an address of this machine, such as 127.0.0.1");
  }
  const bool secured = !options_.certificate_path.empty() && !options_.key_path.empty();
  if (options_.certificate_path.empty() != options_.key_path.empty()) {
    return Fail(ErrorCode::kUsage, "TLS needs a certificate and its key, not one of them",
                "give both --tls-cert and --tls-key");
  }
  if (!address.is_loopback() && !secured) {
    return Fail(
        ErrorCode::kUsage,
        fmt::format("{} can be reached from other machines, which needs TLS", options_.address),
        "give --tls-cert and --tls-key, or listen on 127.0.0.1");
  }
  if (secured) {
    auto tls = TlsOf(options_);
    if (!tls) return Fail(std::move(tls.error()));
    tls_.emplace(*std::move(tls));
  }
  const tcp::endpoint endpoint(address, options_.port);
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return Fail(ErrorCode::kUsage,
                fmt::format("cannot listen on {}, port {}: {}", options_.address, options_.port,
                            error.message()),
                "choose another port, or 0 for any free one");
  }
  return {};
}

std::string HttpServer::url() const {
  error_code ignored;
  const tcp::endpoint at = acceptor_.local_endpoint(ignored);
  const std::string host = at.address().to_string();
  return fmt::format("{}://{}:{}", tls_ ? "https" : "http",
                     at.address().is_v6() ? "[" + host + "]" : host, at.port());
}

Task<void> HttpServer::Run() {
  co_await RunGroup(io_.get_executor(), options_.connections,
                    [this](TaskGroup& group) -> Task<void> {
                      while (!stopping_) {
                        error_code error;
                        tcp::socket socket(io_);
                        co_await acceptor_.async_accept(socket, Into(error));
                        if (error == asio::error::no_descriptors) {
                          asio::steady_timer pause(io_, std::chrono::milliseconds(100));
                          co_await pause.async_wait(asio::use_awaitable);
                        }
                        if (!error) co_await group.Spawn(Serve(std::move(socket)));
                      }
                    });
  drained_.cancel();
}

void HttpServer::Stop() {
  if (stopping_) return;
  stopping_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  for (Connection& connection : connections_) {
    if (connection.idle) connection.socket->close(ignored);
  }
  drained_.expires_after(options_.drain);
  drained_.async_wait([this](error_code error) {
    if (error) return;  // Then this object may have gone.
    for (Connection& connection : connections_) connection.socket->close(error);
  });
}

Task<void> HttpServer::Serve(tcp::socket socket) {
  error_code error;
  socket.set_option(tcp::no_delay(true), error);
  const std::string peer = socket.remote_endpoint(error).address().to_string();
  beast::tcp_stream plain(std::move(socket));
  const auto at = connections_.emplace(connections_.end());
  at->socket = &plain.socket();
  // Whoever goes away ends the conversation; that is their right.
  try {
    if (tls_) {
      asio::ssl::stream<beast::tcp_stream&> stream(plain, *tls_);
      plain.expires_after(options_.exchange);
      co_await stream.async_handshake(asio::ssl::stream_base::server, Into(error));
      if (!error) {
        co_await Converse(stream, plain, *at, peer);
        plain.expires_after(std::chrono::seconds(1));
        co_await stream.async_shutdown(Into(error));
      }
    } else {
      co_await Converse(plain, plain, *at, peer);
      plain.socket().shutdown(tcp::socket::shutdown_send, error);
    }
  } catch (const boost::system::system_error&) {
  }
  connections_.erase(at);
}

template <class Stream, class Timed>
Task<void> HttpServer::Converse(Stream& stream, Timed& timed, Connection& connection,
                                std::string peer) {
  beast::flat_buffer buffer(options_.head_bytes + options_.body_bytes);
  for (bool open = true; open && !stopping_;) {
    error_code error;
    Parser parser;
    parser.header_limit(static_cast<std::uint32_t>(options_.head_bytes));
    parser.body_limit(options_.body_bytes);
    connection.idle = true;
    timed.expires_after(options_.idle);
    co_await http::async_read_header(stream, buffer, parser, Into(error));
    connection.idle = false;
    if (!error) {
      timed.expires_after(options_.exchange);
      co_await http::async_read(stream, buffer, parser, Into(error));
    }
    WireAnswer message;
    if (!error) {
      const Request request = parser.release();
      HttpCall call;
      call.peer = peer;
      HttpAnswer answer = Problem(400, "The target of the request is no path");
      if (Read(request, call)) answer = co_await Answer(std::move(call));
      open = request.keep_alive() && !stopping_;
      message = Rendered(std::move(answer), open, request.method() == http::verb::head);
    } else {
      auto refusal = Refusal(error);
      if (!refusal) co_return;
      open = false;
      message = Rendered(*std::move(refusal), open, false);
    }
    timed.expires_after(options_.exchange);
    co_await http::async_write(stream, message, Into(error));
    if (error) co_return;
  }
}

Task<HttpAnswer> HttpServer::Answer(HttpCall call) {
  const std::string what = call.method + " " + call.path;
  std::string failure;
  try {
    co_return co_await handler_(std::move(call));
  } catch (const boost::system::system_error& error) {
    if (IsCancellation(error)) throw;
    failure = error.what();
  } catch (const std::exception& error) {
    failure = error.what();
  }
  log::Error("a call ended unexpectedly", {{"call", what}, {"reason", failure}});
  co_return Problem(500, "This should not have happened");
}

}  // namespace spa
