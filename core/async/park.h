// Park: suspends the calling coroutine until any thread wakes it.
//
//   const bool woken = co_await Park(
//       [&](ParkedPtr me) { /* put `me` into a list; false: no need to wait */ },
//       [&](const ParkedPtr& me) { /* take it out again; true where it was still there */ });
//
// True: Resume was called. False: the caller was cancelled, and `withdraw` has taken it out of the
// list. Who takes a Parked out of the list, and nobody else, calls Resume, once.
//
// Threads: Resume from any; the coroutine goes on on its own executor.
// Lifetime: what is parked must be resumed or cancelled before its executor's context ends.
#pragma once

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

#include "core/async/task.h"

namespace spa {

class Parked {
 public:
  virtual ~Parked() = default;
  virtual void Resume() = 0;

  bool cancelled = false;  // Written before Resume, read after it.
};
using ParkedPtr = std::shared_ptr<Parked>;

namespace internal {

template <class Handler>
class ParkedHandler final : public Parked,
                            public std::enable_shared_from_this<ParkedHandler<Handler>> {
 public:
  explicit ParkedHandler(Handler handler)
      : slot(asio::get_associated_cancellation_slot(handler)),
        work_(asio::make_work_guard(asio::get_associated_executor(handler))),
        handler_(std::move(handler)) {}

  void Resume() override {
    asio::post(work_.get_executor(), [self = this->shared_from_this()]() mutable {
      if (self->slot.is_connected()) self->slot.clear();
      self->work_.reset();
      Handler handler = std::move(self->handler_);
      self.reset();
      std::move(handler)();
    });
  }

  asio::cancellation_slot slot;

 private:
  asio::executor_work_guard<asio::associated_executor_t<Handler>> work_;
  Handler handler_;
};

}  // namespace internal

template <class Admit, class Withdraw>
Task<bool> Park(Admit admit, Withdraw withdraw) {
  ParkedPtr parked;
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [&admit, &withdraw, &parked](auto handler) {
        using Mine = internal::ParkedHandler<std::decay_t<decltype(handler)>>;
        auto mine = std::make_shared<Mine>(std::move(handler));
        parked = mine;
        if (mine->slot.is_connected()) {
          mine->slot.assign(
              [weak = std::weak_ptr<Parked>(mine), &withdraw](asio::cancellation_type) {
                const ParkedPtr me = weak.lock();
                if (!me || !withdraw(me)) return;
                me->cancelled = true;
                me->Resume();
              });
        }
        // From here on another thread may have resumed us.
        if (!admit(mine)) mine->Resume();
      },
      asio::use_awaitable);
  co_return !parked->cancelled;
}

}  // namespace spa
