#include "cache/background.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <cassert>

#include "cache/single_flight.h"

namespace spa {

struct Background::Running {
  Running(asio::any_io_executor strand, bool lasting)
      : strand(std::move(strand)),
        lasting(lasting),
        cancel(std::make_shared<asio::cancellation_signal>()) {}
  asio::any_io_executor strand;
  bool lasting;
  std::shared_ptr<asio::cancellation_signal> cancel;  // Touched on the strand alone.
};

Background::Background(std::function<void(std::exception_ptr)> failed)
    : failed_(std::move(failed)) {}

Background::~Background() { assert(running_.empty() && "Close ends all"); }

void Background::Open(asio::any_io_executor executor) {
  std::lock_guard lock(mutex_);
  executor_ = std::move(executor);
}

bool Background::open() const {
  std::lock_guard lock(mutex_);
  return executor_.has_value();
}

bool Background::Start(Task<void> task, bool lasting) {
  std::list<Running>::iterator which;
  asio::any_io_executor strand;
  std::shared_ptr<asio::cancellation_signal> cancel;
  {
    std::lock_guard lock(mutex_);
    if (!executor_) return false;
    strand = FreshStrand(*executor_);
    which = running_.emplace(running_.end(), strand, lasting);
    cancel = which->cancel;
  }
  // The signal's slot is connected on the strand, where it is emitted, too.
  asio::post(strand, [this, which, strand, cancel, task = std::move(task)]() mutable {
    asio::co_spawn(strand, std::move(task),
                   asio::bind_cancellation_slot(cancel->slot(),
                                                [this, which, cancel](std::exception_ptr failure) {
                                                  Ended(which, failure);
                                                }));
  });
  return true;
}

void Background::Ended(std::list<Running>::iterator which, std::exception_ptr failure) {
  if (failure && failed_) failed_(failure);
  std::unordered_set<ParkedPtr> waiters;
  {
    std::lock_guard lock(mutex_);
    running_.erase(which);
    waiters.swap(waiters_);
  }
  for (const ParkedPtr& waiter : waiters) waiter->Resume();
}

void Background::CancelAll() {
  std::lock_guard lock(mutex_);
  for (const Running& running : running_) {
    asio::post(running.strand,
               [cancel = running.cancel] { cancel->emit(asio::cancellation_type::terminal); });
  }
}

bool Background::Idle(bool lasting_too) const {
  return std::all_of(running_.begin(), running_.end(), [lasting_too](const Running& running) {
    return running.lasting && !lasting_too;
  });
}

Task<void> Background::AwaitIdle(bool lasting_too) {
  for (;;) {
    auto admit = [this, lasting_too](ParkedPtr me) {
      std::lock_guard lock(mutex_);
      if (Idle(lasting_too)) return false;
      waiters_.insert(std::move(me));
      return true;
    };
    auto withdraw = [this](const ParkedPtr& me) {
      std::lock_guard lock(mutex_);
      return waiters_.erase(me) > 0;
    };
    if (!co_await Park(admit, withdraw)) CancelAll();
    std::lock_guard lock(mutex_);
    if (Idle(lasting_too)) co_return;
  }
}

Task<void> Background::Settle() {
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) CancelAll();
  co_await AwaitIdle(false);
  co_await asio::this_coro::throw_if_cancelled(throws);
}

Task<void> Background::Close() {
  {
    std::lock_guard lock(mutex_);
    executor_.reset();
  }
  co_await Settle();
  CancelAll();
  co_await AwaitIdle(true);
}

}  // namespace spa
