// Task: the coroutine type of the whole program, a lazy Asio awaitable.
//
// Threads: every Task of a run lives on the one thread of its io_context, so plain data shared
// between Tasks needs no lock; what may change across a co_await must be re-checked after it.
// Heavy work (parsing, SQLite) leaves that thread through RunOn and comes back to it.
//
// Cancellation: a Task is cancelled through Asio's per-operation cancellation. The wait in
// progress ends, boost::system::system_error(operation_aborted) travels up, RAII cleans up. It is
// the one exception that is part of normal life; nothing catches it except TaskGroup and the top.
//
// Beware (g++ 12): inside a co_await expression, a braced temporary of an aggregate type and a
// lambda that captures something with a destructor are destroyed twice. Give types that are passed
// to coroutines a constructor; name lambdas that own something, and std::move them. Never make a
// capturing lambda a coroutine, unless it outlives the coroutine.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace spa {

namespace asio = boost::asio;

template <class T = void>
using Task = asio::awaitable<T>;

inline bool IsCancellation(const boost::system::system_error& error) {
  return error.code() == asio::error::operation_aborted;
}

// Runs `fn` on `executor` (a thread pool) and resumes the caller on its own executor with what fn
// returned; what fn threw is rethrown. Not cancellable: fn runs to its end, and is expected to be
// short (a page to parse, a transaction to commit).
template <class Executor, class Fn>
Task<std::invoke_result_t<Fn&>> RunOn(Executor executor, Fn fn) {
  using R = std::invoke_result_t<Fn&>;
  using Box = std::conditional_t<std::is_void_v<R>, std::optional<bool>, std::optional<R>>;
  std::exception_ptr failure;
  Box box;
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [executor, &fn, &failure, &box](auto handler) {
        auto home = asio::get_associated_executor(handler);
        auto work = asio::make_work_guard(home);
        asio::post(executor, [&fn, &failure, &box, home, work = std::move(work),
                              handler = std::move(handler)]() mutable {
          try {
            if constexpr (std::is_void_v<R>) {
              fn();
              box = true;
            } else {
              box.emplace(fn());
            }
          } catch (...) {
            failure = std::current_exception();
          }
          asio::post(home, std::move(handler));
        });
      },
      asio::use_awaitable);
  if (failure) std::rethrow_exception(failure);
  if constexpr (!std::is_void_v<R>) co_return std::move(*box);
}

}  // namespace spa
