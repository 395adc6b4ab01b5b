// Channel: a bounded queue between two stages. A full channel holds its senders back, so that a
// slow stage slows the one before it instead of filling memory.
//
// Threads: the io_context's thread.
// End: Close() says that no more will come; Receive() drains what is left, then returns nothing.
// Cancellation: both waits can be cancelled.
#pragma once

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <cstddef>
#include <deque>
#include <optional>

#include "core/async/task.h"

namespace spa {

template <class T>
class Channel {
 public:
  Channel(asio::any_io_executor executor, std::size_t capacity)
      : capacity_(capacity),
        room_(executor, asio::steady_timer::time_point::max()),
        filled_(std::move(executor), asio::steady_timer::time_point::max()) {}

  [[nodiscard]] Task<void> Send(T value) {
    while (queue_.size() >= capacity_) co_await Woken(room_);
    queue_.push_back(std::move(value));
    filled_.cancel_one();
  }

  [[nodiscard]] Task<std::optional<T>> Receive() {
    while (queue_.empty() && !closed_) co_await Woken(filled_);
    if (queue_.empty()) co_return std::nullopt;
    std::optional<T> value(std::move(queue_.front()));
    queue_.pop_front();
    room_.cancel_one();
    co_return value;
  }

  void Close() {
    closed_ = true;
    filled_.cancel();
  }

  std::size_t size() const { return queue_.size(); }

 private:
  // Whoever waits longest is woken; many may wait, and most of them in vain.
  Task<void> Woken(asio::steady_timer& change) {
    boost::system::error_code woken;
    co_await change.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
      change.cancel_one();  // The turn may have been ours.
      throw boost::system::system_error(asio::error::operation_aborted);
    }
  }

  std::size_t capacity_;
  bool closed_ = false;
  std::deque<T> queue_;
  asio::steady_timer room_, filled_;
};

}  // namespace spa
