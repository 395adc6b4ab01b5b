// HttpClient: one HTTP exchange, over libcurl's multi interface driven by Asio.
//
// Does: HTTP/1.1 and HTTP/2, TLS with the system's trust store or a CA file, gzip, proxies from
// the environment (https_proxy, no_proxy), kept-alive connections, timeouts, cancellation.
// Does not: follow redirects (a redirect is an answer like any other: whoever holds a token
// decides where it may go), repeat a request (libcurl would, in silence, where a kept-alive
// connection broke; then nothing would be counted right), or add credentials.
//
// Each exchange is a span of the process's trace (core/trace.h), and says so to the far end.
// Headers and bodies that were sent are wiped when it has ended, as far as they are ours: libcurl
// and TLS have buffers of their own.
//
// Threads: the io_context's thread only.
// Lifetime: must outlive every Send.
// Errors: kUnreachable with the host and libcurl's words; an HTTP status is never an Error here.
// A body that ended early is an Error too, so that a short list cannot pass as a whole one.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/async/concurrency_manager.h"
#include "core/async/task.h"
#include "core/result.h"

namespace spa {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// The value of the first header of that name (case-insensitive), or empty.
std::string_view FindHeader(const HttpHeaders& headers, std::string_view name);

struct HttpRequest {
  HttpRequest() = default;
  HttpRequest(std::string method, std::string url)
      : method(std::move(method)), url(std::move(url)) {}

  std::string method = "GET";
  std::string url;
  HttpHeaders headers;
  std::string body;
  std::chrono::milliseconds connect_timeout{20'000};
  std::chrono::milliseconds timeout{300'000};
  bool use_proxy = true;  // false: for the link-local metadata service
  bool keep = false;      // The answer may be kept on disk (--record): there is no token in it.
};

struct HttpResponse {
  HttpResponse() = default;

  int status = 0;
  HttpHeaders headers;
  std::string body;  // Decompressed. Its capacity leaves simdjson's padding behind the text.

  std::string_view Header(std::string_view name) const { return FindHeader(headers, name); }
};

// One exchange that has ended, for whoever watches how hosts are doing.
struct HttpEnding {
  std::string_view url;
  const HttpResponse* response = nullptr;  // Null: there was no whole answer;
  const Error* error = nullptr;            // then this says why.
  std::chrono::microseconds took{0};
};

class HttpClient {
 public:
  struct Options {
    std::string ca_file;                // Empty: the system's trust store.
    std::string http_version = "auto";  // "auto", "1.1" or "2"
    std::string user_agent;
  };
  struct Counters {
    long requests = 0;        // Sent, whatever came back.
    long failures = 0;        // Ended without a whole answer.
    long bytes_received = 0;  // Decompressed.
    int peak_in_flight = 0;
  };

  HttpClient(asio::io_context& io, ConcurrencyManager& concurrency, Options options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;

  // Waits for an API permit, then for the answer.
  [[nodiscard]] Task<Result<HttpResponse>> Send(HttpRequest request);
  // The same for a caller that took its permit already, and wanted a last look before sending.
  [[nodiscard]] Task<Result<HttpResponse>> Send(HttpRequest request, Semaphore::Permit permit);

  Semaphore& permits() { return concurrency_.api(); }

  const Counters& counters() const { return counters_; }

  // Told of every exchange that was not cancelled, on the io_context's thread.
  void set_listener(std::function<void(const HttpEnding&)> listener) {
    listener_ = std::move(listener);
  }

  // Told of every exchange with `keep` that was not cancelled, before its caller is. On worker
  // threads; what it throws reaches the caller of Send.
  using Recorder = std::function<void(const HttpRequest&, const Result<HttpResponse>&)>;
  void set_recorder(Recorder recorder) { recorder_ = std::move(recorder); }

  // From now on every answer comes from here and nothing is sent (--replay).
  using Source = std::function<Result<HttpResponse>(const HttpRequest&)>;
  void set_source(Source source) { source_ = std::move(source); }
  bool offline() const { return static_cast<bool>(source_); }

 private:
  class Engine;
  [[nodiscard]] Task<Result<HttpResponse>> SendOut(HttpRequest request, Semaphore::Permit permit);
  [[nodiscard]] Task<Result<HttpResponse>> FromSource(HttpRequest request);

  Counters counters_;
  std::function<void(const HttpEnding&)> listener_;
  Recorder recorder_;
  Source source_;
  ConcurrencyManager& concurrency_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace spa
