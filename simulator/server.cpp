#include "simulator/server.h"

#include <fmt/format.h>
#include <zlib.h>

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/version.hpp>
#include <fstream>
#include <list>
#include <thread>
#include <vector>

#include "simulator/certificates.h"
#include "simulator/directory.h"
#include "simulator/service.h"

namespace spa {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using sim::Request;
using sim::Response;

constexpr auto kAwait = asio::use_awaitable;

std::string Gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Request Convert(http::request<http::string_body>& message, const char* scheme) {
  Request request(std::string(message.method_string()), std::string(message.target()));
  for (const auto& field : message) {
    const std::string name = sim::Lower(std::string(field.name_string()));
    auto& value = request.headers[name];
    if (!value.empty()) value += ", ";
    value += std::string(field.value());
  }
  request.body = std::move(message.body());
  request.scheme = scheme;
  return request;
}

std::string Head(const Response& response, bool keep_alive, bool gzip) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status,
                                 std::string(http::obsolete_reason(
                                     http::int_to_status(static_cast<unsigned>(response.status)))));
  head += "Content-Type: " + response.content_type;
  if (response.content_type == "application/json") {
    head += ";odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";
  }
  head += "\r\nDate: " + sim::HttpDate(std::time(nullptr)) + "\r\nVary: Accept-Encoding\r\n";
  for (const auto& [name, value] : response.headers) head += name + ": " + value + "\r\n";
  if (gzip) head += "Content-Encoding: gzip\r\n";
  if (!keep_alive) head += "Connection: close\r\n";
  if (response.stream) {
    head += "Transfer-Encoding: chunked\r\n\r\n";
  } else {
    head += fmt::format("Content-Length: {}\r\n\r\n", response.body.size());
  }
  return head;
}

void Abort(tcp::socket& socket) {  // RST instead of FIN
  boost::system::error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

asio::awaitable<void> Sleep(int milliseconds) {
  asio::steady_timer timer(co_await asio::this_coro::executor,
                           std::chrono::milliseconds(milliseconds));
  co_await timer.async_wait(kAwait);
}

// Writes the answer; false when the connection is over.
template <class Stream>
asio::awaitable<bool> Send(Stream& stream, tcp::socket& socket, Response& response, bool keep_alive,
                           bool gzip) {
  if (response.delay_ms > 0) co_await Sleep(response.delay_ms);
  if (response.reset == Response::Reset::kBefore) {
    Abort(socket);
    co_return false;
  }
  if (gzip) response.body = Gzip(response.body);
  const std::string head = Head(response, keep_alive, gzip);
  if (response.stream) {
    co_await asio::async_write(stream, asio::buffer(head), kAwait);
    std::string piece;
    for (bool more = true; more;) {
      piece.clear();
      more = response.stream(piece);
      if (piece.empty()) continue;
      const std::string size = fmt::format("{:x}\r\n", piece.size());
      piece += "\r\n";
      const std::array<asio::const_buffer, 2> chunk{asio::buffer(size), asio::buffer(piece)};
      co_await asio::async_write(stream, chunk, kAwait);
    }
    co_await asio::async_write(stream, asio::buffer("0\r\n\r\n", 5), kAwait);
    co_return keep_alive;
  }
  if (response.reset == Response::Reset::kInBody) {
    co_await asio::async_write(stream, asio::buffer(head), kAwait);
    co_await asio::async_write(stream, asio::buffer(response.body.data(), response.body.size() / 2),
                               kAwait);
    Abort(socket);
    co_return false;
  }
  if (response.piece_delay_ms > 0) {
    co_await asio::async_write(stream, asio::buffer(head), kAwait);
    const std::size_t step = response.body.size() / 4 + 1;
    for (std::size_t at = 0; at < response.body.size(); at += step) {
      const std::size_t size = std::min(step, response.body.size() - at);
      co_await asio::async_write(stream, asio::buffer(response.body.data() + at, size), kAwait);
      co_await Sleep(response.piece_delay_ms);
    }
    co_return keep_alive;
  }
  const std::array<asio::const_buffer, 2> whole{asio::buffer(head), asio::buffer(response.body)};
  co_await asio::async_write(stream, whole, kAwait);
  co_return keep_alive;
}

}  // namespace

class SimulatorServer::Impl {
 public:
  Impl(TenantSpec spec, ServerOptions options)
      : options_(std::move(options)), tenant_(std::move(spec)), service_(tenant_) {
    if (!options_.client_certificate_pem.empty()) {
      service_.login().Register(options_.client_certificate_pem);
    }
  }
  ~Impl() { Stop(); }

  Result<std::uint16_t> Start();
  void Stop();

  asio::awaitable<void> Accept();
  asio::awaitable<void> Serve(tcp::socket socket);
  template <class Stream>
  asio::awaitable<void> Exchange(Stream& stream, tcp::socket& socket, const char* scheme);

  ServerOptions options_;
  SimulatedTenant tenant_;
  sim::Service service_;
  std::unique_ptr<asio::io_context> io_;
  std::unique_ptr<tcp::acceptor> acceptor_;
  std::unique_ptr<asio::ssl::context> tls_;
  std::vector<std::thread> threads_;
  std::uint16_t port_ = 0;
};

Result<std::uint16_t> SimulatorServer::Impl::Start() {
  io_ = std::make_unique<asio::io_context>(std::max(1, options_.threads));
  if (options_.https) {
    const sim::ServerIdentity identity = sim::MakeServerIdentity();
    tls_ = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
    tls_->use_certificate_chain(asio::buffer(identity.server.certificate_pem));
    tls_->use_private_key(asio::buffer(identity.server.key_pem), asio::ssl::context::pem);
    if (!options_.ca_file.empty()) {
      std::ofstream file(options_.ca_file, std::ios::binary | std::ios::trunc);
      file << identity.ca_pem;
      if (!file.flush()) {
        return Fail(ErrorCode::kStorage, "cannot write the CA certificate to " + options_.ca_file);
      }
    }
  }
  boost::system::error_code error;
  const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), options_.port);
  acceptor_ = std::make_unique<tcp::acceptor>(*io_);
  acceptor_->open(endpoint.protocol(), error);
  if (!error) acceptor_->set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor_->bind(endpoint, error);
  if (!error) acceptor_->listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return Fail(ErrorCode::kUnreachable,
                fmt::format("the simulated tenant cannot listen on 127.0.0.1:{}: {}", options_.port,
                            error.message()),
                "choose another port, or 0 for any free one");
  }
  port_ = acceptor_->local_endpoint().port();
  asio::co_spawn(*io_, Accept(), asio::detached);
  for (int i = 0; i < std::max(1, options_.threads); ++i) {
    threads_.emplace_back([this] { io_->run(); });
  }
  return port_;
}

void SimulatorServer::Impl::Stop() {
  if (!io_) return;
  io_->stop();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  acceptor_.reset();
  io_.reset();  // Destroys the sessions, and with them their sockets.
}

asio::awaitable<void> SimulatorServer::Impl::Accept() {
  while (true) {
    boost::system::error_code error;
    // Each connection on its own strand.
    tcp::socket socket(asio::make_strand(*io_));
    co_await acceptor_->async_accept(socket, asio::redirect_error(kAwait, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) continue;
    socket.set_option(tcp::no_delay(true), error);
    auto executor = socket.get_executor();
    asio::co_spawn(executor, Serve(std::move(socket)), asio::detached);
  }
}

asio::awaitable<void> SimulatorServer::Impl::Serve(tcp::socket socket) {
  // A client that goes away ends its session; that is its right.
  try {
    if (tls_) {
      asio::ssl::stream<tcp::socket&> stream(socket, *tls_);
      co_await stream.async_handshake(asio::ssl::stream_base::server, kAwait);
      co_await Exchange(stream, socket, "https");
    } else {
      co_await Exchange(socket, socket, "http");
    }
  } catch (const boost::system::system_error&) {
  }
  boost::system::error_code ignored;
  socket.shutdown(tcp::socket::shutdown_both, ignored);
}

template <class Stream>
asio::awaitable<void> SimulatorServer::Impl::Exchange(Stream& stream, tcp::socket& socket,
                                                      const char* scheme) {
  boost::beast::flat_buffer buffer;
  for (bool open = true; open;) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(16 * 1024 * 1024);
    parser.header_limit(64 * 1024);
    co_await http::async_read(stream, buffer, parser, kAwait);
    auto message = parser.release();
    const bool keep_alive = message.keep_alive();
    const Request request = Convert(message, scheme);
    Response response = service_.Handle(request);
    const bool gzip = tenant_.spec().wire.gzip && !response.stream && !response.body.empty() &&
                      request.Header("accept-encoding").find("gzip") != std::string_view::npos;
    const std::size_t bytes = response.body.size();
    std::exception_ptr broken;
    try {
      open = co_await Send(stream, socket, response, keep_alive, gzip);
    } catch (...) {
      broken = std::current_exception();
    }
    service_.Finish(request, bytes);
    if (broken) std::rethrow_exception(broken);
  }
}

SimulatorServer::SimulatorServer(TenantSpec spec, ServerOptions options)
    : impl_(std::make_unique<Impl>(std::move(spec), std::move(options))) {}
SimulatorServer::~SimulatorServer() = default;

Result<std::uint16_t> SimulatorServer::Start() { return impl_->Start(); }
void SimulatorServer::Stop() { impl_->Stop(); }

std::string SimulatorServer::base_url() const {
  return fmt::format("{}://127.0.0.1:{}", impl_->options_.https ? "https" : "http", impl_->port_);
}

const SimulatedTenant& SimulatorServer::tenant() const { return impl_->tenant_; }
sim::TrafficCounters SimulatorServer::counters() const {
  return impl_->service_.traffic().counters();
}
std::string SimulatorServer::request_log() const { return impl_->service_.traffic().LogLines(); }
sim::Floor SimulatorServer::floor() { return impl_->service_.floor(); }
Result<std::string> SimulatorServer::Mutate(std::string_view body) {
  return impl_->service_.Mutate(body);
}
void SimulatorServer::set_faults(FaultSpec faults) {
  impl_->service_.traffic().set_faults(std::move(faults));
}
void SimulatorServer::RegisterCertificate(const std::string& pem) {
  impl_->service_.login().Register(pem);
}

}  // namespace spa
