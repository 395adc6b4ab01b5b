// Another process that uses a store, for the contract's cases over several of them:
//
//   store_child load URL KEY TIMES    acquires again and again; who gets the lease says "loaded"
//   store_child count URL KEY TIMES   adds one by comparing fences, TIMES over
//   store_child hold URL KEY MS       takes a lease, says "held", and never gives it back
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cache/disk_store.h"
#include "cache/envelope.h"
#include "cache/redis_store.h"
#include "tests/cache/cache_testing.h"

namespace spa {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void Say(std::string_view line) {
  if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) std::abort();
}

std::unique_ptr<Store> MakeStoreOf(asio::io_context& io, const std::string& url) {
  StoreOptions options;
  options.timeout = seconds(30);
  if (url.starts_with("disk:")) {
    return std::make_unique<DiskStore>(io.get_executor(), url.substr(5), options);
  }
  if (url.starts_with("redis")) {
    const auto told = [](const char* name) {
      const char* value = std::getenv(name);
      return std::string(value ? value : "");
    };
    StoreSecurity security;
    security.user = told("STORE_CHILD_USER");
    security.password = Secret(told("STORE_CHILD_PASSWORD"));
    security.ca_file = told("STORE_CHILD_CA");
    security.cert_file = told("STORE_CHILD_CERT");
    security.key_file = told("STORE_CHILD_KEY");
    return MakeRedisStore(io.get_executor(), url, options, security).value();
  }
  std::fprintf(stderr, "store_child: what is %s?\n", url.c_str());
  std::exit(2);
}

StorePut Entry(const std::string& key, std::string payload) {
  const CacheTime now = std::chrono::system_clock::now();
  Envelope envelope;
  envelope.created = now;
  envelope.fresh_until = envelope.stale_until = envelope.error_until = now + seconds(3600);
  envelope.payload = std::move(payload);
  StorePut put;
  put.key = key;
  put.envelope = Seal(envelope, key, {});
  put.expires = envelope.expires();
  return put;
}

struct Run {
  asio::io_context& io;
  Store& store;
  std::string key;
  int number;

  Task<void> Wait(milliseconds length) {
    asio::steady_timer timer(io, length);
    co_await timer.async_wait(asio::use_awaitable);
  }

  Task<void> Load() {
    for (int i = 0; i < number;) {
      auto acquired = (co_await store.Acquire(key, seconds(30))).value();
      if (acquired.lease) {
        Say("loaded\n");
        co_await Wait(milliseconds(50));
        StorePut put = Entry(key, "loaded");
        if (!(co_await store.Fill(*acquired.lease, std::move(put))).value()) std::exit(3);
      }
      if (acquired.retry_after.count() > 0) {
        co_await Wait(milliseconds(5));
      } else {
        ++i;
      }
    }
  }

  Task<void> Count() {
    for (int done = 0; done < number;) {
      std::vector<std::string> keys{key};
      const auto found = (co_await store.Get(std::move(keys))).value().front();
      const auto old = found ? OpenEnvelope(*found, key, {}).envelope : std::nullopt;
      StorePut put = Entry(key, std::to_string(old ? std::stoi(old->payload) + 1 : 1));
      put.when = PutWhen::kFence;
      put.fence = old ? old->fence : 0;
      std::vector<StorePut> puts;
      puts.push_back(std::move(put));
      if ((co_await store.Put(std::move(puts))).value().front()) ++done;
    }
  }

  Task<void> Hold() {
    const auto acquired = (co_await store.Acquire(key, milliseconds(number))).value();
    if (!acquired.lease) std::exit(3);
    Say("held\n");
    for (;;) co_await Wait(seconds(60));
  }
};

}  // namespace
}  // namespace spa

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  spa::asio::io_context io;
  const auto store = spa::MakeStoreOf(io, argv[2]);
  const std::string_view what = argv[1];
  spa::Run run{io, *store, argv[3], std::atoi(argv[4])};
  spa::testing::Await(io, [&]() -> spa::Task<void> {
    if (!co_await store->Open()) std::exit(4);
    if (what == "load") co_await run.Load();
    if (what == "count") co_await run.Count();
    if (what == "hold") co_await run.Hold();
    co_await store->Close();
  });
}
