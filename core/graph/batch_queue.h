// BatchQueue: reads that travel in JSON batches of up to 20 (graph.md 5).
//
// Get() looks like a single read; the queue gathers waiting reads and sends them together. A read
// that was throttled or failed inside its batch goes back into the queue alone; the others keep
// their answers. Batches are as full as can be: one that is not full waits up to five seconds for
// company while someone who will add more reads holds a Producer, and up to one second while
// answers are out that may bring more; else it goes at once.
//
// Threads: the io_context's thread.
// Lifetime: Run() serves the queue until it is cancelled; nothing is sent without it.
// Cancellation: a cancelled Get leaves; its read may still be sent.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <string>

#include "core/async/task_group.h"
#include "core/graph/graph_client.h"

namespace spa {

struct BatchAnswer {
  BatchAnswer() = default;
  std::string body;  // JSON text, with simdjson's padding behind it
};

class BatchQueue {
 public:
  static constexpr std::size_t kMaxParts = 20;

  BatchQueue(GraphClient& graph, Family family);
  ~BatchQueue();

  // `read.path` must lie below Graph's base URL. Any 2xx of the part is an answer.
  [[nodiscard]] Task<Result<BatchAnswer>> Get(GraphRead read);

  template <class T>
  [[nodiscard]] Task<Result<T>> Get(GraphRead read, Decoder<T> decode) {
    auto answer = co_await Get(read);
    if (!answer) co_return Fail(std::move(answer.error()));
    auto decoded = decode(answer->body);
    if (!decoded) decoded.error().message = read.what + ": " + decoded.error().message;
    co_return decoded;
  }

  // Every page of a collection, each a part of some batch.
  template <class T>
  [[nodiscard]] Task<Result<std::vector<T>>> List(GraphRead read, Decoder<Page<T>> decode) {
    std::string first = read.path;
    return CollectPages<T>(std::move(first),
                           [this, read = std::move(read), decode](std::string link) mutable {
                             read.path = std::move(link);
                             return Get(read, decode);
                           });
  }

  // Held by whoever is going to add reads soon.
  class Producer {
   public:
    explicit Producer(BatchQueue& queue) : queue_(&queue) { ++queue.producers_; }
    Producer(Producer&& other) noexcept : queue_(std::exchange(other.queue_, nullptr)) {}
    Producer& operator=(Producer&&) = delete;
    ~Producer() {
      if (queue_ && --queue_->producers_ == 0) queue_->wake_.cancel();
    }

   private:
    BatchQueue* queue_;
  };

  // Serves the queue until cancelled.
  [[nodiscard]] Task<void> Run();

  std::size_t waiting() const { return ready_.size(); }

 private:
  struct Part;
  using Parts = std::vector<std::shared_ptr<Part>>;

  void Push(std::shared_ptr<Part> part, bool front);
  [[nodiscard]] Task<void> Serve(TaskGroup& sending);
  [[nodiscard]] Task<void> SendAndWake(Parts parts);
  [[nodiscard]] Task<void> Send(Parts parts);
  [[nodiscard]] Task<void> PushLater(std::shared_ptr<Part> part);
  void Settle(const std::shared_ptr<Part>& part, Result<BatchAnswer> result);

  GraphClient& graph_;
  Family family_;
  std::deque<std::shared_ptr<Part>> ready_;
  std::chrono::steady_clock::time_point oldest_, newest_;
  int producers_ = 0;
  asio::steady_timer wake_;
  TaskGroup* sending_ = nullptr;  // while Run() serves
};

}  // namespace spa
