// What the cache's tests share: a clock that stands until told, a way to run a Task to its end, a
// gate that holds a load back, and a small type to remember.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cache/cache_manager.h"
#include "core/async/task.h"

namespace spa::testing {

class ManualClock {
 public:
  CacheTime now() const { return now_; }
  void Advance(std::chrono::seconds by) { now_ += by; }
  CacheClock Reader() {
    return [this] { return now_; };
  }

 private:
  CacheTime now_{std::chrono::seconds(1'800'000'000)};
};

struct Group {
  Group() = default;
  explicit Group(std::vector<std::string> members) : members(std::move(members)) {}
  std::vector<std::string> members;
};
inline std::size_t CostOf(const Group& group) { return spa::CostOf(group.members); }
}  // namespace spa::testing

template <>
struct spa::Codec<spa::testing::Group> {
  static std::string Encode(const spa::testing::Group& group) {
    return nlohmann::json(group.members).dump();
  }
  static std::optional<spa::testing::Group> Decode(std::string_view bytes) {
    const auto json = nlohmann::json::parse(bytes, nullptr, false);
    if (!json.is_array()) return std::nullopt;
    return spa::testing::Group(json.get<std::vector<std::string>>());
  }
};

namespace spa::testing {

// Runs `io` until fn's Task has ended and nothing more is ready, and returns what it returned or
// threw.
template <class Fn>
auto Await(asio::io_context& io, Fn fn) {
  using R = typename std::invoke_result_t<Fn&>::value_type;
  using Box = std::conditional_t<std::is_void_v<R>, std::optional<bool>, std::optional<R>>;
  Box box;
  std::exception_ptr failure;
  auto run = [&]() -> Task<void> {
    if constexpr (std::is_void_v<R>) {
      co_await fn();
      box = true;
    } else {
      box.emplace(co_await fn());
    }
  };
  bool ended = false;
  asio::co_spawn(io, run, [&](std::exception_ptr e) {
    failure = e;
    ended = true;
  });
  io.restart();
  while (!ended) io.run_one();
  io.poll();
  if (failure) std::rethrow_exception(failure);
  if constexpr (!std::is_void_v<R>) return std::move(box.value());
}

template <class Fn>
auto Await(Fn fn) {
  asio::io_context io;
  return Await(io, std::move(fn));
}

// Runs `io` until the condition holds; false where it does not within ten seconds.
template <class Condition>
bool RunUntil(asio::io_context& io, Condition holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  io.restart();
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    io.restart();
    io.run_one_for(std::chrono::milliseconds(5));
  }
  io.poll();
  return true;
}

class Gate {
 public:
  explicit Gate(asio::io_context& io) : timer_(io, asio::steady_timer::time_point::max()) {}
  void Open() {
    open_ = true;
    timer_.cancel();
  }
  // Ends when the gate opens, or throws when cancelled.
  Task<void> Pass() {
    boost::system::error_code woken;
    if (!open_) co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if (!open_) throw boost::system::system_error(asio::error::operation_aborted);
  }

 private:
  asio::steady_timer timer_;
  bool open_ = false;
};

}  // namespace spa::testing
