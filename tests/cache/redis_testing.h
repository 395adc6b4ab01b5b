// What the tests over real Redis servers share: a store on a server, and a run of a body over it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "cache/envelope.h"
#include "cache/redis_store.h"
#include "tests/catch.h"
#include "tests/core/run_task.h"
#include "tests/support/redis_fixture.h"

namespace spa::testing {

using namespace std::chrono_literals;

inline std::string TestKey(std::string_view id) {
  return "sharepoint_audit:group_members:2:" + std::string(id);
}

inline StorePut MakePut(std::string key, std::string payload,
                        std::chrono::milliseconds life = std::chrono::hours(1)) {
  const CacheTime now = std::chrono::system_clock::now();
  Envelope envelope;
  envelope.created = now;
  envelope.fresh_until = envelope.stale_until = envelope.error_until = now + life;
  envelope.payload = std::move(payload);
  StorePut put;
  put.envelope = Seal(envelope, key, {});
  put.key = std::move(key);
  put.expires = now + life;
  return put;
}

inline std::unique_ptr<Store> MakeStoreAt(asio::io_context& io, const std::string& url,
                                          const StoreSecurity& security = {},
                                          std::chrono::milliseconds timeout = 5s) {
  StoreOptions options;
  options.timeout = timeout;  // The machine may be busy.
  auto store = MakeRedisStore(io.get_executor(), url, options, security);
  REQUIRE(store);
  return std::move(*store);
}

// Runs `body`, then closes the stores, also when it threw.
inline void RunOver(asio::io_context& io, std::vector<Store*> stores,
                    std::function<Task<void>()> body) {
  auto all = [&]() -> Task<void> {
    std::exception_ptr failure;
    try {
      co_await body();
    } catch (...) {
      failure = std::current_exception();
    }
    for (Store* store : stores) co_await store->Close();
    if (failure) std::rethrow_exception(failure);
  };
  RunTask(io, all());
}

// Waits, in the loop's time, until it holds.
inline Task<void> Eventually(std::function<bool()> holds, std::chrono::seconds patience = 20s) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    timer.expires_after(5ms);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

inline Task<StoredFence> PutOne(Store& store, StorePut put) {
  std::vector<StorePut> puts;
  puts.push_back(std::move(put));
  auto fences = co_await store.Put(std::move(puts));
  if (!fences) FAIL(fences.error().message);
  co_return fences->front();
}

// The payload; nothing where there is none, "!" and the message where it failed.
inline Task<std::optional<std::string>> GetOne(Store& store, std::string key) {
  std::vector<std::string> keys{key};
  auto found = co_await store.Get(std::move(keys));
  if (!found) co_return "!" + found.error().message;
  if (!found->front()) co_return std::nullopt;
  auto opened = OpenEnvelope(*found->front(), key, {});
  REQUIRE(opened.envelope);
  co_return opened.envelope->payload;
}

}  // namespace spa::testing
