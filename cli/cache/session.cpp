#include "cli/cache/session.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <csignal>

#include "cache/store_factory.h"
#include "cli/cache/answer.h"
#include "cli/cache_options.h"
#include "cli/cache_trace.h"
#include "core/async/task_group.h"

namespace spa {
namespace {

using Ending = Result<ExitCode>;

// Runs `main` to its end; what it left in `ending` is the result.
Ending RunToEnd(asio::io_context& io, Task<void> main, Ending& ending) {
  asio::cancellation_signal stop;
  bool interrupted = false;
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (error) return;
    interrupted = true;
    stop.emit(asio::cancellation_type::terminal);
  });
  std::exception_ptr failure;
  asio::co_spawn(io, std::move(main),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr ended) {
                   failure = ended;
                   signals.cancel();
                 }));
  io.run();
  try {
    if (failure) std::rethrow_exception(failure);
  } catch (const boost::system::system_error& error) {
    if (!interrupted || !IsCancellation(error)) throw;
    return ExitCode::kInterrupted;
  }
  return std::move(ending);
}

// Closing has to happen also when the work was cancelled, and has to be awaited, which a destructor
// cannot do. What the work threw is rethrown after it.
template <class Work, class Close>
Task<void> ThenClose(Work work, Close close) {
  std::exception_ptr failure;
  try {
    co_await work();
  } catch (...) {
    failure = std::current_exception();
  }
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await close();
  if (failure) std::rethrow_exception(failure);
}

Result<std::unique_ptr<Store>> StoreAt(asio::io_context& io, const CacheCall& call,
                                       const std::string& url) {
  const CacheManager::Options options = CacheOptionsOf(call.config());
  auto store = MakeStore(io.get_executor(), url, options.store, StoreSecurityOf(call.config()));
  if (!store) return Fail(store.error());
  if (*store == nullptr) {
    return Fail(ErrorCode::kUsage, "there is no second level",
                "give one with --l2, for example --l2 disk:.sharepoint-audit/cache.db");
  }
  return store;
}

}  // namespace

Result<ExitCode> WithCache(const CacheCall& call,
                           std::function<Task<Result<ExitCode>>(CacheManager&)> work) {
  asio::io_context io(1);
  CacheManager caches(CacheOptionsOf(call.config()));
  Ending ending = ExitCode::kDone;
  const auto main = [&]() -> Task<void> {
    // A verb may name entries of any kind, and only what is open can be found.
    for (const CachePolicy& policy : kCachePolicies) caches.Open<std::string>(policy.kind);
    // The log says why, where it fails; memory goes on alone. A wrong URL is the caller's mistake.
    const Subscription traced = TraceLoads(caches);
    const Status opened = co_await caches.Open(io.get_executor());
    const bool wrong = !opened && opened.error().code == ErrorCode::kUsage;
    if (wrong) ending = Fail(opened.error());
    auto body = [&]() -> Task<void> {
      if (!wrong) ending = co_await work(caches);
    };
    auto close = [&]() -> Task<void> { co_await caches.Close(); };
    co_await ThenClose(body, close);
  };
  return RunToEnd(io, main(), ending);
}

Result<ExitCode> WithStore(const CacheCall& call,
                           std::function<Task<Result<ExitCode>>(Store&)> work) {
  asio::io_context io(1);
  auto store = StoreAt(io, call, SecondLevelOf(call.config()));
  if (!store) return Fail(store.error());
  Ending ending = ExitCode::kDone;
  const auto main = [&]() -> Task<void> {
    auto body = [&]() -> Task<void> {
      const Status opened = co_await (*store)->Open();
      if (!opened) {
        ending = Fail(opened.error());
      } else {
        ending = co_await work(**store);
      }
    };
    auto close = [&]() -> Task<void> { co_await (*store)->Close(); };
    co_await ThenClose(body, close);
  };
  return RunToEnd(io, main(), ending);
}

Result<ExitCode> WithLoop(std::function<Task<Result<ExitCode>>()> work) {
  asio::io_context io(1);
  Ending ending = ExitCode::kDone;
  const auto main = [&]() -> Task<void> { ending = co_await work(); };
  return RunToEnd(io, main(), ending);
}

Result<ExitCode> WithStores(const CacheCall& call, const std::string& from, const std::string& to,
                            std::function<Task<Result<ExitCode>>(Store&, Store&)> work) {
  asio::io_context io(1);
  auto first = StoreAt(io, call, from);
  if (!first) return Fail(first.error());
  auto second = StoreAt(io, call, to);
  if (!second) return Fail(second.error());
  Ending ending = ExitCode::kDone;
  const auto main = [&]() -> Task<void> {
    auto body = [&]() -> Task<void> {
      Status opened = co_await (*first)->Open();
      if (opened) opened = co_await (*second)->Open();
      if (!opened) {
        ending = Fail(opened.error());
      } else {
        ending = co_await work(**first, **second);
      }
    };
    auto close = [&]() -> Task<void> {
      co_await (*first)->Close();
      co_await (*second)->Close();
    };
    co_await ThenClose(body, close);
  };
  return RunToEnd(io, main(), ending);
}

Task<void> Sleep(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(time);
  co_await timer.async_wait(asio::use_awaitable);
}

Task<bool> Within(std::chrono::milliseconds limit, std::function<Task<void>()> work) {
  if (limit.count() == 0) {
    co_await work();
    co_return true;
  }
  bool done = false;
  const auto executor = co_await asio::this_coro::executor;
  const auto run = [&](TaskGroup& group) -> Task<void> {
    co_await work();
    done = true;
    group.Stop();
  };
  const auto wait = [&](TaskGroup& group) -> Task<void> {
    co_await Sleep(limit);
    group.Stop();
  };
  std::function<Task<void>(TaskGroup&)> race = [&](TaskGroup& group) -> Task<void> {
    group.Start(run(group));
    group.Start(wait(group));
    co_return;
  };
  co_await RunGroup(executor, 0, std::move(race));
  co_return done;
}

}  // namespace spa
