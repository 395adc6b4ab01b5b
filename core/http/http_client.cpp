#include "core/http/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <strings.h>

#include <algorithm>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <cstring>
#include <functional>
#include <unordered_map>

#include "core/http/url.h"
#include "core/secret.h"
#include "core/trace.h"

namespace spa {
namespace {

constexpr std::size_t kPadding = 64;                  // SIMDJSON_PADDING, and a little more
constexpr std::size_t kMaxBody = 512u * 1024 * 1024;  // A larger answer is a fault, not a page.
constexpr long kStallSeconds = 60;                    // Not one byte for so long: broken.

// One exchange. Owned by the Engine while libcurl works on it.
struct Transfer {
  CURL* easy = nullptr;
  curl_slist* header_list = nullptr;
  HttpRequest request;
  HttpResponse response;
  char error_text[CURL_ERROR_SIZE] = {};
  bool sent = false;
  std::function<void(CURLcode)> done;

  // Tokens and secrets are among them.
  ~Transfer() {
    for (curl_slist* line = header_list; line != nullptr; line = line->next)
      OPENSSL_cleanse(line->data, std::strlen(line->data));
    curl_slist_free_all(header_list);
    for (auto& [name, value] : request.headers) Wipe(value);
    Wipe(request.body);
  }
};

std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* user) {
  auto& body = static_cast<Transfer*>(user)->response.body;
  const std::size_t bytes = size * count;
  if (body.size() + bytes > kMaxBody) return 0;
  if (body.capacity() < body.size() + bytes + kPadding) {
    body.reserve(std::max(body.size() + bytes + kPadding, body.capacity() * 2));
  }
  body.append(data, bytes);
  return bytes;
}

// Called before the request goes out, also when libcurl means to send it once more.
int BeforeSending(void* user, char*, char*, int, int) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (transfer.sent) return CURL_PREREQFUNC_ABORT;
  transfer.sent = true;
  return CURL_PREREQFUNC_OK;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.back() == '\r' || text.back() == '\n' || text.back() == ' ')) {
    text.remove_suffix(1);
  }
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* user) {
  auto& response = static_cast<Transfer*>(user)->response;
  const std::string_view line = Trim({data, size * count});
  if (line.starts_with("HTTP/")) {
    response.headers.clear();  // A 100 Continue or a proxy's answer came before.
  } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
    response.headers.emplace_back(Trim(line.substr(0, colon)), Trim(line.substr(colon + 1)));
  }
  return size * count;
}

// Of the path no query, and none of other hosts: those may hold secrets.
void WriteSpan(trace::Span span, const HttpEnding& ending, const HttpRequest& request) {
  if (!trace::Writing()) return;
  const Url url = SplitUrl(ending.url);
  span.attributes = {{"http.request.method", request.method}, {"server.address", url.authority}};
  const std::string_view request_id = FindHeader(request.headers, "client-request-id");
  if (!request_id.empty()) {  // A call of Graph or SharePoint.
    span.attributes.emplace_back("client_request_id", request_id);
    span.attributes.emplace_back("url.path", url.path.substr(0, url.path.find_first_of("?#")));
  }
  if (ending.response != nullptr) {
    span.attributes.emplace_back("http.response.status_code",
                                 std::to_string(ending.response->status));
  } else {
    span.attributes.emplace_back(
        "error.type", ending.error->code == ErrorCode::kUntrusted ? "untrusted" : "unreachable");
  }
  span.failed = ending.response == nullptr || ending.response->status >= 400;
  trace::Write(span, ending.took);
}

}  // namespace

std::string_view FindHeader(const HttpHeaders& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key.size() == name.size() && strncasecmp(key.data(), name.data(), name.size()) == 0) {
      return value;
    }
  }
  return {};
}

// Drives one curl multi handle by Asio: libcurl says which sockets and which timer it wants watched
// (multi_socket API), we watch and call back.
class HttpClient::Engine {
 public:
  Engine(asio::io_context& io, Options options)
      : io_(io), options_(std::move(options)), multi_(curl_multi_init()), timer_(io) {
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Engine::OnSocketWish);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Engine::OnTimerWish);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 128L);
  }

  ~Engine() {
    for (auto& [easy, transfer] : transfers_) {
      curl_multi_remove_handle(multi_, easy);
      curl_easy_cleanup(easy);
    }
    for (CURL* easy : idle_) curl_easy_cleanup(easy);
    curl_multi_cleanup(multi_);  // Calls OnSocketWish for what is still open.
    timer_.cancel();
    ++*turn_;
  }

  int in_flight() const { return static_cast<int>(transfers_.size()); }

  // Starts the transfer; `transfer->done` is called exactly once, from the event loop.
  void Start(const std::shared_ptr<Transfer>& transfer) {
    if (idle_.empty()) {
      transfer->easy = curl_easy_init();
    } else {
      transfer->easy = idle_.back();
      idle_.pop_back();
    }
    Configure(*transfer);
    transfers_.emplace(transfer->easy, transfer);
    curl_multi_add_handle(multi_, transfer->easy);
  }

  // Does nothing where the transfer has ended already: its handle may serve another by now.
  void Abort(const std::shared_ptr<Transfer>& transfer) {
    const auto found = transfers_.find(transfer->easy);
    if (found != transfers_.end() && found->second == transfer) {
      Complete(transfer->easy, CURLE_ABORTED_BY_CALLBACK);
    }
  }

 private:
  // A socket of libcurl's that we watch. Shared with the waits in progress, which look at `wish`
  // before they touch anything: libcurl may have dropped the socket meanwhile.
  struct Watched {
    explicit Watched(asio::io_context& io, curl_socket_t fd) : descriptor(io, fd) {}
    asio::posix::stream_descriptor descriptor;
    int wish = CURL_POLL_NONE;
    bool waiting_read = false, waiting_write = false;
  };

  void Configure(Transfer& t) {
    CURL* e = t.easy;
    const HttpRequest& r = t.request;
    curl_easy_setopt(e, CURLOPT_PRIVATE, &t);
    curl_easy_setopt(e, CURLOPT_URL, r.url.c_str());
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t.error_text);
    curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(r.connect_timeout.count()));
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, static_cast<long>(r.timeout.count()));
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, kStallSeconds);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, &OnBody);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, &t);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, &OnHeader);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, &t);
    curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, &BeforeSending);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, &t);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, Version());
    if (!options_.ca_file.empty()) curl_easy_setopt(e, CURLOPT_CAINFO, options_.ca_file.c_str());
    if (!options_.user_agent.empty()) {
      curl_easy_setopt(e, CURLOPT_USERAGENT, options_.user_agent.c_str());
    }
    if (!r.use_proxy || IsLoopbackHost(SplitUrl(r.url).host))
      curl_easy_setopt(e, CURLOPT_PROXY, "");
    if (r.method == "POST") {
      curl_easy_setopt(e, CURLOPT_POST, 1L);
      curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(r.body.size()));
      curl_easy_setopt(e, CURLOPT_POSTFIELDS, r.body.data());
      t.header_list = curl_slist_append(t.header_list, "Expect:");
    } else if (r.method != "GET") {
      curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r.method.c_str());
    }
    for (const auto& [name, value] : r.headers) {
      std::string line = name + ": " + value;
      t.header_list = curl_slist_append(t.header_list, line.c_str());
      Wipe(line);
    }
    if (t.header_list) curl_easy_setopt(e, CURLOPT_HTTPHEADER, t.header_list);
  }

  // "auto" is HTTP/1.1 with a libcurl older than 8.6, whose HTTP/2 fails with this service
  // (graph.md 7.7).
  long Version() const {
    const bool two = options_.http_version == "2" ||
                     (options_.http_version == "auto" &&
                      curl_version_info(CURLVERSION_NOW)->version_num >= 0x080600);
    return two ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;
  }

  static int OnSocketWish(CURL*, curl_socket_t fd, int what, void* user, void*) {
    auto& self = *static_cast<Engine*>(user);
    auto found = self.sockets_.find(fd);
    if (what == CURL_POLL_REMOVE) {
      if (found != self.sockets_.end()) {
        found->second->wish = CURL_POLL_NONE;
        found->second->descriptor.release();  // libcurl closes it.
        self.sockets_.erase(found);
      }
      return 0;
    }
    if (found == self.sockets_.end()) {
      found = self.sockets_.emplace(fd, std::make_shared<Watched>(self.io_, fd)).first;
    }
    found->second->wish = what;
    self.Watch(fd, found->second);
    return 0;
  }

  void Watch(curl_socket_t fd, const std::shared_ptr<Watched>& watched) {
    WatchOne(fd, watched, CURL_POLL_IN, CURL_CSELECT_IN, asio::posix::descriptor_base::wait_read,
             &Watched::waiting_read);
    WatchOne(fd, watched, CURL_POLL_OUT, CURL_CSELECT_OUT, asio::posix::descriptor_base::wait_write,
             &Watched::waiting_write);
  }

  void WatchOne(curl_socket_t fd, const std::shared_ptr<Watched>& watched, int poll, int event,
                asio::posix::descriptor_base::wait_type type, bool Watched::*waiting) {
    if (!(watched->wish & poll) || (*watched).*waiting) return;
    (*watched).*waiting = true;
    watched->descriptor.async_wait(
        type, [this, fd, watched, poll, event, waiting](const boost::system::error_code& error) {
          (*watched).*waiting = false;
          if (!(watched->wish & poll)) return;  // Dropped, or no longer of interest.
          int running = 0;
          curl_multi_socket_action(multi_, fd, error ? CURL_CSELECT_ERR : event, &running);
          ReadMessages();
          if (watched->wish != CURL_POLL_NONE) Watch(fd, watched);
        });
  }

  static int OnTimerWish(CURLM*, long milliseconds, void* user) {
    auto& self = *static_cast<Engine*>(user);
    self.timer_.cancel();
    const unsigned turn = ++*self.turn_;  // What was wished before is void.
    if (milliseconds == 0) {              // With each request: not worth a timer.
      asio::post(self.io_, [&self, turns = self.turn_, turn] {
        if (*turns == turn) self.TimeIsUp();
      });
    } else if (milliseconds > 0) {
      self.timer_.expires_after(std::chrono::milliseconds(milliseconds));
      self.timer_.async_wait([&self, turns = self.turn_, turn](const boost::system::error_code&) {
        if (*turns == turn) self.TimeIsUp();
      });
    }
    return 0;
  }

  void TimeIsUp() {
    int running = 0;
    curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
    ReadMessages();
  }

  void ReadMessages() {
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg == CURLMSG_DONE) Complete(message->easy_handle, message->data.result);
    }
  }

  void Complete(CURL* easy, CURLcode code) {
    auto node = transfers_.extract(easy);
    auto transfer = std::move(node.mapped());
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    transfer->response.status = static_cast<int>(status);
    curl_multi_remove_handle(multi_, easy);
    curl_easy_reset(easy);  // It must not remember the transfer.
    idle_.push_back(easy);
    asio::post(io_, [transfer, code] { transfer->done(code); });
  }

  asio::io_context& io_;
  Options options_;
  CURLM* multi_;
  asio::steady_timer timer_;
  // How often libcurl has wished for a timer. Outlives us, for whoever is on the way to call.
  std::shared_ptr<unsigned> turn_ = std::make_shared<unsigned>(0);
  std::unordered_map<curl_socket_t, std::shared_ptr<Watched>> sockets_;
  std::unordered_map<CURL*, std::shared_ptr<Transfer>> transfers_;
  std::vector<CURL*> idle_;
};

HttpClient::HttpClient(asio::io_context& io, ConcurrencyManager& concurrency, Options options)
    : concurrency_(concurrency) {
  static const CURLcode kInitialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)kInitialised;
  engine_ = std::make_unique<Engine>(io, std::move(options));
}

HttpClient::~HttpClient() = default;

Task<Result<HttpResponse>> HttpClient::Send(HttpRequest request) {
  auto permit = co_await concurrency_.api().Acquire();
  co_return co_await Send(std::move(request), std::move(permit));
}

Task<Result<HttpResponse>> HttpClient::Send(HttpRequest request, Semaphore::Permit permit) {
  if (source_) co_return co_await FromSource(std::move(request));
  if (!recorder_ || !request.keep) {
    co_return co_await SendOut(std::move(request), std::move(permit));
  }
  const HttpRequest asked = request;
  auto answer = co_await SendOut(std::move(request), std::move(permit));
  co_await concurrency_.RunCpu([&] { recorder_(asked, answer); });
  co_return answer;
}

Task<Result<HttpResponse>> HttpClient::FromSource(HttpRequest request) {
  ++counters_.requests;
  counters_.peak_in_flight = 1;
  // Who waits has its turn, and a signal is heard.
  const auto executor = co_await asio::this_coro::executor;
  co_await asio::post(executor, asio::use_awaitable);
  auto answer = source_(request);
  if (!answer) {
    ++counters_.failures;
    co_return answer;
  }
  counters_.bytes_received += static_cast<long>(answer->body.size());
  answer->body.reserve(answer->body.size() + kPadding);
  co_return answer;
}

Task<Result<HttpResponse>> HttpClient::SendOut(HttpRequest request,
                                               [[maybe_unused]] Semaphore::Permit permit) {
  ++counters_.requests;
  const auto began = std::chrono::steady_clock::now();
  auto transfer = std::make_shared<Transfer>();
  transfer->request = std::move(request);
  trace::Span span("HTTP " + transfer->request.method, trace::SpanKind::kClient);
  transfer->request.headers.emplace_back("traceparent", trace::ParentHeader(span));

  CURLcode code = CURLE_OK;
  bool cancelled = false;
  Engine& engine = *engine_;
  auto initiate = [&engine, &transfer, &code, &cancelled](auto handler) {
    auto slot = asio::get_associated_cancellation_slot(handler);
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    transfer->done = [shared, slot, &code](CURLcode result) mutable {
      if (slot.is_connected()) slot.clear();
      code = result;
      auto finish = std::move(*shared);
      std::move(finish)();
    };
    if (slot.is_connected()) {
      slot.assign([&engine, transfer, &cancelled](asio::cancellation_type) {
        cancelled = true;
        engine.Abort(transfer);
      });
    }
    engine.Start(transfer);
  };
  const int flying = engine.in_flight() + 1;
  counters_.peak_in_flight = std::max(counters_.peak_in_flight, flying);
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(initiate,
                                                                       asio::use_awaitable);
  transfer->done = nullptr;
  if (cancelled) throw boost::system::system_error(asio::error::operation_aborted);

  HttpEnding ending;
  ending.url = transfer->request.url;
  ending.took = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - began);
  counters_.bytes_received += static_cast<long>(transfer->response.body.size());
  if (code != CURLE_OK) {
    ++counters_.failures;
    const Url url = SplitUrl(transfer->request.url);
    const char* text = code == CURLE_ABORTED_BY_CALLBACK
                           ? "the connection was closed before an answer came"
                       : transfer->error_text[0] ? transfer->error_text
                                                 : curl_easy_strerror(code);
    Error error(ErrorCode::kUnreachable,
                fmt::format("no whole answer from {}: {}", url.authority, text));
    error.http_status = transfer->response.status;
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
      error.code = ErrorCode::kUntrusted;
      error.remedy =
          "set tls.ca_file to the CA that signed this host's (or your proxy's) certificate";
    } else if (code == CURLE_COULDNT_RESOLVE_HOST) {
      error.remedy = "check the host name and DNS";
    } else if (code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_PROXY) {
      error.remedy = "check the proxy settings (https_proxy, no_proxy)";
    } else {
      error.remedy = "check the network, firewall and proxy settings (https_proxy, no_proxy)";
    }
    ending.error = &error;
    if (listener_) listener_(ending);
    WriteSpan(std::move(span), ending, transfer->request);
    co_return Fail(std::move(error));
  }
  ending.response = &transfer->response;
  if (listener_) listener_(ending);
  WriteSpan(std::move(span), ending, transfer->request);
  transfer->response.body.reserve(transfer->response.body.size() + kPadding);
  co_return std::move(transfer->response);
}

}  // namespace spa
