#include "tests/auth/token_server.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <set>

namespace spa::testing {

using asio::ip::tcp;

struct TokenServer::State {
  State(asio::io_context& io, Script script)
      : acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        gate(io, asio::steady_timer::time_point::max()),
        script(std::move(script)) {}

  tcp::acceptor acceptor;
  asio::steady_timer gate;  // Cancelled by Resume.
  Script script;
  bool held = false, mute = false, closed = false;
  std::vector<ServedRequest> requests;
  std::set<tcp::socket*> open;
};

namespace {

const auto kIgnoreError = [](boost::system::error_code& error) {
  return asio::redirect_error(asio::use_awaitable, error);
};

ServedRequest ParseHead(std::string_view head) {
  ServedRequest request;
  const auto line_end = head.find("\r\n");
  const std::string_view line = head.substr(0, line_end);
  const auto space = line.find(' ');
  request.method = line.substr(0, space);
  request.target = line.substr(space + 1, line.rfind(' ') - space - 1);
  head.remove_prefix(line_end + 2);
  for (auto end = head.find("\r\n"); end != 0; end = head.find("\r\n")) {
    const auto colon = head.find(": ");
    request.headers.emplace_back(head.substr(0, colon), head.substr(colon + 2, end - colon - 2));
    head.remove_prefix(end + 2);
  }
  return request;
}

std::string Render(const ServedAnswer& answer) {
  std::string text =
      fmt::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n", answer.status, answer.body.size());
  for (const std::string& header : answer.headers) text += header + "\r\n";
  return text + "\r\n" + answer.body;
}

template <class State>
Task<void> Serve(std::shared_ptr<State> state, tcp::socket socket) {
  state->open.insert(&socket);
  std::string buffer;
  boost::system::error_code error;
  while (!state->closed) {
    const std::size_t head = co_await asio::async_read_until(socket, asio::dynamic_buffer(buffer),
                                                             "\r\n\r\n", kIgnoreError(error));
    if (error) break;
    ServedRequest request = ParseHead(std::string_view(buffer).substr(0, head));
    buffer.erase(0, head);
    const auto length =
        static_cast<std::size_t>(std::atol(request.Header("Content-Length").c_str()));
    if (buffer.size() < length) {
      co_await asio::async_read(socket, asio::dynamic_buffer(buffer),
                                asio::transfer_exactly(length - buffer.size()),
                                kIgnoreError(error));
      if (error) break;
    }
    request.body = buffer.substr(0, length);
    buffer.erase(0, length);
    const std::size_t n = state->requests.size();
    state->requests.push_back(request);
    if (state->mute) continue;  // The next read ends when the client hangs up.
    while (state->held) co_await state->gate.async_wait(kIgnoreError(error));
    const std::string answer = Render(state->script(request, n));
    co_await asio::async_write(socket, asio::buffer(answer), kIgnoreError(error));
    if (error) break;
  }
  state->open.erase(&socket);
}

template <class State>
Task<void> Accept(std::shared_ptr<State> state) {
  boost::system::error_code error;
  for (;;) {
    tcp::socket socket = co_await state->acceptor.async_accept(kIgnoreError(error));
    if (error) co_return;
    asio::co_spawn(state->acceptor.get_executor(), Serve(state, std::move(socket)), asio::detached);
  }
}

std::string Decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string ServedRequest::Field(const std::string& name) const {
  std::string_view fields = body;
  if (method == "GET") fields = std::string_view(target).substr(target.find('?') + 1);
  while (!fields.empty()) {
    const std::string_view field = fields.substr(0, fields.find('&'));
    fields.remove_prefix(std::min(fields.size(), field.size() + 1));
    const auto equals = field.find('=');
    if (field.substr(0, equals) == name) return Decode(field.substr(equals + 1));
  }
  return {};
}

TokenServer::TokenServer(asio::io_context& io, Script script)
    : state_(std::make_shared<State>(io, std::move(script))) {
  asio::co_spawn(io, Accept(state_), asio::detached);
}

TokenServer::~TokenServer() {
  state_->closed = true;
  Resume();
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  for (tcp::socket* socket : state_->open) socket->close(ignored);
}

std::string TokenServer::url() const {
  return fmt::format("http://127.0.0.1:{}", state_->acceptor.local_endpoint().port());
}

void TokenServer::Mute() { state_->mute = true; }
void TokenServer::Hold() { state_->held = true; }
void TokenServer::Resume() {
  state_->held = false;
  state_->gate.cancel();
}

const std::vector<ServedRequest>& TokenServer::requests() const { return state_->requests; }

ServedAnswer TokenAnswer(const std::string& token, long expires_in) {
  return ServedAnswer(200, fmt::format(R"({{"token_type":"Bearer","expires_in":{},)"
                                       R"("ext_expires_in":{},"access_token":"{}"}})",
                                       expires_in, expires_in, token));
}

}  // namespace spa::testing
