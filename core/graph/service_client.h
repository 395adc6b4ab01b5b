// ServiceClient: one request to Graph or SharePoint, carried through to an answer or a real Error.
//
// Adds the token of the right audience, our client-request-id and the User-Agent; follows redirects
// within the allowed hosts; renews the token once on 401; waits out 429 and 503 with the whole
// family (ThrottleGate); retries 5xx, broken connections, truncated bodies and unreadable 200s with
// capped, jittered backoff (graph.md 6.1, 6.3). A request is repeated only if it is a read.
//
// Tokens: Audience decides which token a URL may carry. A URL that no audience claims is refused
// before anything is sent, wherever it came from: nextLink, redirect or webUrl (contract.md 2).
//
// Threads: the io_context's thread.
// Errors: by HTTP status as ErrorFromAnswer says; kThrottled when patience ran out; kRefused.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/auth/token_source.h"
#include "core/graph/page.h"
#include "core/graph/read_memory.h"
#include "core/graph/throttle_gate.h"
#include "core/http/http_client.h"
#include "core/http/url.h"

namespace spa {

enum class Family { kSharePoint, kDirectory };

// Which resource's token a URL may carry.
class Audiences {
 public:
  Audiences(const std::string& graph_base_url, const std::string& tenant_url);

  // The token resource for `url`, or empty if no token may go there.
  std::string ResourceFor(std::string_view url) const;
  const std::string& graph_resource() const { return graph_resource_; }

 private:
  Url graph_, tenant_;
  std::string graph_path_;
  std::string graph_resource_;
  std::vector<Url> tenant_hosts_;  // tenant_url's host and its -my and -admin siblings
};

// What the API calls of a run came to: the summary's `api` part.
struct ApiCounters {
  ApiCounters() = default;
  long graph_requests = 0, sharepoint_requests = 0;  // HTTP requests sent
  long batched = 0;                                  // requests that travelled inside a batch
  long throttled = 0;                                // answers 429 or 503, also inside batches
  long retried = 0;                                  // requests sent again for any reason
  long resource_units = 0;  // by the price list of graph.md 6.1; directory calls cost none of these
};

struct ServiceRequest {
  ServiceRequest() = default;
  std::string method = "GET";
  std::string url;  // absolute
  HttpHeaders headers;
  std::string body;
  std::string what;  // for messages: "reading the sites of the tenant"
  Family family = Family::kSharePoint;
  int units = 1;          // resource units each time it is sent
  bool envelope = false;  // of a batch: its success says nothing about what is inside
};

class ServiceClient {
 public:
  // Looks into a 2xx answer; kMalformed means: not a whole answer, ask again. Large answers are
  // looked at on a worker thread, while the request waits.
  using Accept = std::function<Status(const HttpResponse&)>;

  ServiceClient(asio::io_context& io, ConcurrencyManager& concurrency, HttpClient& http,
                TokenSource& tokens, Audiences audiences, std::chrono::seconds patience,
                UnitBudget::Limits limits = {});

  [[nodiscard]] Task<Result<HttpResponse>> Exchange(ServiceRequest request, Accept accept);

  // The answer as its decoder reads it. A body the decoder calls kMalformed is asked for again (a
  // truncated page, an HTML page with status 200), so decoding belongs to the exchange.
  template <class T>
  [[nodiscard]] Task<Result<T>> Fetch(ServiceRequest request, Decoder<T> decode) {
    // Shared: an exchange that others have joined goes on where its first caller has left.
    auto decoded = std::make_shared<Result<T>>(Fail(ErrorCode::kMalformed, "no answer"));
    Accept accept = [decoded, decode](const HttpResponse& response) -> Status {
      *decoded = decode(response.body);
      if (!*decoded) return Fail(decoded->error());
      return {};
    };
    auto read = co_await Read(std::move(request), std::move(accept));
    if (!read) co_return Fail(std::move(read.error()));
    co_return std::move(*decoded);
  }

  // From now on identical GETs share one exchange, and failures that stay are not asked for again.
  // Must outlive this. Null: each read goes alone.
  void set_memory(ReadMemory* memory) { memory_ = memory; }
  ReadMemory* memory() const { return memory_; }

  ThrottleGate& gate(Family family) {
    return family == Family::kDirectory ? directory_ : sharepoint_;
  }
  // Answers come from a capture: there is nobody to spare, so no wait is kept.
  bool offline() const { return http_.offline(); }
  ApiCounters& counters() { return counters_; }
  const Audiences& audiences() const { return audiences_; }
  asio::any_io_executor executor() { return io_.get_executor(); }

 private:
  [[nodiscard]] Task<Status> Read(ServiceRequest request, Accept accept);
  [[nodiscard]] Task<ReadMemory::Answer> ExchangeForAll(ServiceRequest request, Accept accept,
                                                        std::shared_ptr<bool> ours);

  asio::io_context& io_;
  ConcurrencyManager& concurrency_;
  HttpClient& http_;
  TokenSource& tokens_;
  Audiences audiences_;
  ThrottleGate sharepoint_, directory_;
  ApiCounters counters_;
  ReadMemory* memory_ = nullptr;
};

// kThrottled, saying how long was waited.
Error PatienceError(std::string_view what, std::chrono::seconds patience);

}  // namespace spa
