#include "core/graph/batch_queue.h"

#include <fmt/format.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/graph/json.h"
#include "core/graph/service_error.h"
#include "core/log/log.h"

namespace spa {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr auto kCompany = std::chrono::seconds(5);  // how long a partial batch waits for more
constexpr auto kAnswers = std::chrono::seconds(1);  // … while answers are out that may bring more
constexpr auto kSettle = std::chrono::milliseconds(10);  // lets a burst of callers finish pushing
constexpr int kMaxFailures = 6;
constexpr int kMaxRedirects = 5;
constexpr std::size_t kPadding = 64;

struct PartAnswer {
  int status = 0;
  HttpHeaders headers;
  std::string body;
};

std::string Envelope(const std::vector<GraphRead>& reads) {
  nlohmann::json requests = nlohmann::json::array();
  for (std::size_t i = 0; i < reads.size(); ++i) {
    nlohmann::json one = {{"id", std::to_string(i + 1)}, {"method", "GET"}, {"url", reads[i].path}};
    if (!reads[i].prefer.empty()) one["headers"] = {{"Prefer", reads[i].prefer}};
    requests.push_back(std::move(one));
  }
  return nlohmann::json({{"requests", std::move(requests)}})
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// The answers by index; they come in any order (graph.md 5). A part that is missing stays status 0.
Result<std::vector<PartAnswer>> ReadEnvelope(std::string_view body, std::size_t count) {
  const auto root = json::Parse(body);
  if (!root) return Fail(root.error());
  std::vector<PartAnswer> answers(count);
  const bool listed = json::Each(*root, "responses", [&](const json::Element& response) {
    const auto id = json::Int(response, "id");
    if (!id || *id < 1 || *id > static_cast<std::int64_t>(count)) return;
    PartAnswer& answer = answers[static_cast<std::size_t>(*id - 1)];
    answer.status = static_cast<int>(json::Int(response, "status").value_or(0));
    simdjson::dom::object headers;
    if (response["headers"].get_object().get(headers) == simdjson::SUCCESS) {
      for (const auto& [name, value] : headers) {
        std::string_view text;
        if (value.get_string().get(text) == simdjson::SUCCESS)
          answer.headers.emplace_back(name, text);
      }
    }
    if (const auto inner = json::Find(response, "body")) {
      std::string text = simdjson::minify(*inner);
      text.reserve(text.size() + kPadding);
      answer.body = std::move(text);
    }
  });
  if (!listed) return Fail(ErrorCode::kMalformed, "the batch answer holds no responses");
  return answers;
}

}  // namespace

// One read on its way. Its caller waits on `settled`.
struct BatchQueue::Part {
  Part(GraphRead read, const asio::any_io_executor& executor)
      : read(std::move(read)), settled(executor, asio::steady_timer::time_point::max()) {}

  GraphRead read;
  asio::steady_timer settled;
  std::optional<Result<BatchAnswer>> result;
  int failures = 0;
  int redirects = 0;
};

BatchQueue::BatchQueue(GraphClient& graph, Family family)
    : graph_(graph),
      family_(family),
      wake_(graph.service().executor(), asio::steady_timer::time_point::max()) {}

BatchQueue::~BatchQueue() = default;

Task<Result<BatchAnswer>> BatchQueue::Get(GraphRead read) {
  const std::string path = graph_.PathOf(read.path);
  if (path.empty()) {
    co_return Fail(ErrorCode::kRefused,
                   fmt::format("{}: the link leads to {}, which may not see our token", read.what,
                               SplitUrl(read.path).authority),
                   "check graph.base_url; otherwise report this link");
  }
  read.path = path;
  if (ReadMemory* memory = graph_.service().memory()) {
    if (auto known = memory->KnownFailure(graph_.base_url() + path))
      co_return Fail(*std::move(known));
  }
  auto part = std::make_shared<Part>(std::move(read), graph_.service().executor());
  Push(part, /*front=*/false);
  while (!part->result) {
    boost::system::error_code woken;
    co_await part->settled.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
      throw boost::system::system_error(asio::error::operation_aborted);
    }
  }
  co_return std::move(*part->result);
}

void BatchQueue::Push(std::shared_ptr<Part> part, bool front) {
  newest_ = SteadyClock::now();
  if (ready_.empty()) oldest_ = newest_;
  if (front) {
    ready_.push_front(std::move(part));
  } else {
    ready_.push_back(std::move(part));
  }
  wake_.cancel();
}

Task<void> BatchQueue::Run() {
  co_await RunGroup(graph_.service().executor(), 0,
                    [this](TaskGroup& sending) { return Serve(sending); });
}

Task<void> BatchQueue::Serve(TaskGroup& sending) {
  sending_ = &sending;
  for (;;) {
    const auto now = SteadyClock::now();
    const bool answers_out = sending.running() > 1;  // More than this task.
    const bool waits = !graph_.service().offline();
    const auto due = ready_.empty()   ? SteadyClock::time_point::max()
                     : !waits         ? oldest_
                     : producers_ > 0 ? oldest_ + kCompany
                     : answers_out    ? oldest_ + kAnswers
                                      : newest_ + kSettle;
    if (ready_.size() >= kMaxParts || (!ready_.empty() && due <= now)) {
      Parts parts;
      const std::int64_t most = graph_.service().gate(family_).MostAtOnce();
      std::int64_t units = 0;
      while (!ready_.empty() && parts.size() < kMaxParts) {
        units += ready_.front()->read.units;
        if (units > most && !parts.empty()) break;
        parts.push_back(std::move(ready_.front()));
        ready_.pop_front();
      }
      oldest_ = now;
      sending.Start(SendAndWake(std::move(parts)));
      continue;
    }
    wake_.expires_at(due);
    boost::system::error_code woken;
    co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
      throw boost::system::system_error(asio::error::operation_aborted);
    }
  }
}

void BatchQueue::Settle(const std::shared_ptr<Part>& part, Result<BatchAnswer> result) {
  part->result = std::move(result);
  part->settled.cancel();
}

Task<void> BatchQueue::PushLater(std::shared_ptr<Part> part) {
  if (!graph_.service().offline()) {
    asio::steady_timer pause(
        graph_.service().executor(),
        std::chrono::ceil<std::chrono::milliseconds>(Backoff(part->failures - 1)));
    co_await pause.async_wait(asio::use_awaitable);
  }
  Push(std::move(part), /*front=*/true);
}

Task<void> BatchQueue::SendAndWake(Parts parts) {
  co_await Send(std::move(parts));
  // After this turn of the loop, when the group has counted us out and callers have gone on.
  asio::post(graph_.service().executor(), [this] { wake_.cancel(); });
}

Task<void> BatchQueue::Send(Parts parts) {
  ServiceClient& service = graph_.service();
  ServiceRequest request;
  request.method = "POST";
  request.url = graph_.base_url() + "/$batch";
  request.headers = {{"Accept", "application/json"}, {"Content-Type", "application/json"}};
  request.family = family_;
  request.envelope = true;
  request.units = 0;
  request.what =
      fmt::format("a batch of {} reads, the first {}", parts.size(), parts[0]->read.what);
  std::vector<GraphRead> reads;
  for (const auto& part : parts) {
    reads.push_back(part->read);
    request.units += part->read.units;
  }
  request.body = Envelope(reads);
  service.counters().batched += static_cast<long>(parts.size());

  std::vector<PartAnswer> answers;
  auto sent =
      co_await service.Exchange(std::move(request), [&](const HttpResponse& response) -> Status {
        auto read = ReadEnvelope(response.body, parts.size());
        if (!read) return Fail(read.error());
        answers = std::move(*read);
        return {};
      });
  if (!sent) {
    for (const auto& part : parts) {
      Error error = sent.error();
      error.message = part->read.what + ": " + error.message;
      Settle(part, Fail(std::move(error)));
    }
    co_return;
  }

  ThrottleGate& gate = service.gate(family_);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    PartAnswer& answer = answers[i];
    const auto& part = parts[i];
    if (answer.status >= 200 && answer.status < 300) {
      gate.Progress();
      BatchAnswer body;
      body.body = std::move(answer.body);
      Settle(part, std::move(body));
      continue;
    }
    // A renamed site answers with its new address (graph.md 2.3, 5).
    const std::string moved = graph_.PathOf(std::string(FindHeader(answer.headers, "Location")));
    if (answer.status / 100 == 3 && moved.starts_with('/') && ++part->redirects <= kMaxRedirects) {
      ++service.counters().retried;
      part->read.path = moved;
      Push(part, /*front=*/true);
      continue;
    }
    Error error = ErrorFromAnswer(answer.status, answer.headers, answer.body, part->read.what);
    if (answer.status == 429 || answer.status == 503) {
      ++service.counters().throttled;
      const auto wait = ParseRetryAfter(FindHeader(answer.headers, "Retry-After"),
                                        std::chrono::system_clock::now());
      const auto pause = wait.value_or(Backoff(part->failures));
      if (!service.offline()) gate.PauseFor(pause);
      log::Debug(fmt::format("{}: HTTP {} in a batch, pausing {:.1f} s", part->read.what,
                             answer.status, pause.count()));
      if (gate.Exhausted()) {
        Settle(part, Fail(PatienceError(part->read.what, gate.patience())));
      } else {
        ++service.counters().retried;
        Push(part, /*front=*/true);
      }
      continue;
    }
    // 424: a part it waited for failed; 0: the service forgot it. Both, like the gateways' errors,
    // pass.
    const bool passing = answer.status == 0 || answer.status == 424 ||
                         (answer.status >= 500 && answer.status != 501);
    if (passing && ++part->failures < kMaxFailures) {
      ++service.counters().retried;
      sending_->Start(PushLater(part));
    } else {
      if (ReadMemory* memory = service.memory())
        co_await memory->NoteFailure(graph_.base_url() + part->read.path, error);
      Settle(part, Fail(std::move(error)));
    }
  }
}

}  // namespace spa
