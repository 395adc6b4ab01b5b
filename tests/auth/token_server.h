// A token endpoint on loopback, scripted by a test: real HTTP/1.1 over real sockets.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/http/http_client.h"

namespace spa::testing {

struct ServedRequest {
  ServedRequest() = default;
  std::string method, target, body;
  HttpHeaders headers;

  std::string Header(std::string_view name) const { return std::string(FindHeader(headers, name)); }
  // A form field or query parameter, decoded; empty where absent.
  std::string Field(const std::string& name) const;
};

struct ServedAnswer {
  ServedAnswer() = default;
  ServedAnswer(int status, std::string body) : status(status), body(std::move(body)) {}
  int status = 200;
  std::string body;
  std::vector<std::string> headers;  // "Name: value"
};

class TokenServer {
 public:
  // Answers the nth request (from 0). Runs on the io_context's thread.
  using Script = std::function<ServedAnswer(const ServedRequest&, std::size_t n)>;

  TokenServer(asio::io_context& io, Script script);
  ~TokenServer();
  TokenServer(const TokenServer&) = delete;

  std::string url() const;
  // Accepts and reads, but never answers.
  void Mute();
  // From now on requests wait until Resume().
  void Hold();
  void Resume();

  const std::vector<ServedRequest>& requests() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// {"token_type":"Bearer","expires_in":…,"access_token":…}
ServedAnswer TokenAnswer(const std::string& token, long expires_in = 3599);

}  // namespace spa::testing
