// RedisStore over real servers, beyond the contract that all stores share. g++ 12 evaluates an
// await in a CHECK more than once; hence the names.
#include <set>

#include "cache/redis/scripts.h"
#include "tests/cache/redis_testing.h"

namespace spa::testing {
namespace {

TEST_CASE("Others' writes, expiries and flushes are heard, own ones are not",
          "[cache][redis][S3-74]") {
  RedisServer server;
  asio::io_context io;
  const auto mine = MakeStoreAt(io, server.url()), other = MakeStoreAt(io, server.url());
  std::vector<std::string> heard;
  int everything = 0;
  mine->Watch([&](const StoreChange& change) {
    heard.insert(heard.end(), change.keys.begin(), change.keys.end());
    everything += change.everything ? 1 : 0;
  });
  RunOver(io, {mine.get(), other.get()}, [&]() -> Task<void> {
    {
      auto got = co_await mine->Open();
      REQUIRE(got);
    }
    {
      auto got = co_await other->Open();
      REQUIRE(got);
    }
    REQUIRE(mine->watching());

    co_await PutOne(*mine, MakePut(TestKey("own"), "x"));
    co_await PutOne(*other, MakePut(TestKey("theirs"), "x", 100ms));
    co_await Eventually([&] { return !heard.empty(); });
    CHECK(heard.front() == TestKey("theirs"));

    heard.clear();
    server.Ask({"DEBUG", "SLEEP", "0"});
    co_await Eventually([&] {
      server.Ask({"GET", TestKey("theirs")});  // Looked at, it expires.
      return !heard.empty();
    });
    CHECK(heard.front() == TestKey("theirs"));

    CHECK(everything == 0);
    const Tag tag("site", "hr");
    {
      auto got = co_await mine->Stamp(tag, std::chrono::system_clock::now());
      CHECK(got);
    }
    {
      auto got = co_await GetOne(*mine, TestKey("own"));
      CHECK(got == "x");
    }
    CHECK(everything == 0);
    {
      auto got = co_await other->Stamp(tag, std::chrono::system_clock::now() + 1s);
      CHECK(got);
    }
    co_await Eventually([&] { return everything == 1; });

    server.Ask({"FLUSHALL"});
    co_await Eventually([&] { return everything == 2; });
  });
}

TEST_CASE("What the store never does to a Redis that others use, too",
          "[cache][redis][S1-07][S3-16]") {
  RedisServer server;
  asio::io_context io;
  const auto store = MakeStoreAt(io, server.url());
  RunOver(io, {store.get()}, [&]() -> Task<void> {
    {
      auto got = co_await store->Open();
      REQUIRE(got);
    }
    server.Ask({"SET", "foreign", "1"});
    server.Ask({"SET", "sharepoint_audit:blue:user:1:x", "of another namespace"});
    std::vector<StorePut> puts;
    for (int i = 0; i < 100; ++i) puts.push_back(MakePut(TestKey(std::to_string(i)), "x"));
    {
      auto got = co_await store->Put(std::move(puts));
      REQUIRE(got);
    }

    std::set<std::string> found;
    std::string cursor;
    do {
      auto page = co_await store->Scan(Glob(TestKey("1*")), cursor);
      REQUIRE(page);
      found.insert(page->keys.begin(), page->keys.end());
      cursor = page->cursor;
    } while (!cursor.empty());
    CHECK(found.size() == 11);

    auto info = co_await store->Info();
    REQUIRE(info);
    CHECK(info->entries == 100);
    CHECK(info->bytes > 10'000);
    CHECK(info->kind == "redis");
    CHECK(info->place == server.url());
    CHECK(info->version.starts_with("7."));

    auto held = co_await store->Acquire(TestKey("new"), 60s);
    REQUIRE(held);
    {
      auto got = co_await store->Clear();
      REQUIRE(got);
    }
    StorePut late = MakePut(TestKey("new"), "old");
    auto filled = co_await store->Fill(*held->lease, std::move(late));
    CHECK_FALSE(filled.value());
    {
      auto got = co_await GetOne(*store, TestKey("5"));
      CHECK_FALSE(got);
    }
    CHECK(server.Ask({"GET", "foreign"}).text == "1");
    CHECK(server.Ask({"EXISTS", "sharepoint_audit:blue:user:1:x"}).integer == 1);

    const std::string commands = server.Ask({"INFO", "commandstats"}).text;
    for (const char* never : {"cmdstat_keys", "cmdstat_flush", "cmdstat_eval:"}) {
      CHECK(commands.find(never) == std::string::npos);
    }
  });
}

TEST_CASE("No connection of ours is left after Close", "[cache][redis][S1-20][S3-65]") {
  RedisServer server;
  asio::io_context io;
  const auto store = MakeStoreAt(io, server.url());
  RunOver(io, {}, [&]() -> Task<void> {
    {
      auto got = co_await store->Open();
      REQUIRE(got);
    }
    co_await PutOne(*store, MakePut(TestKey("k"), "x"));
    const std::string during = server.Ask({"CLIENT", "LIST"}).text;
    const auto first = during.find("name=sharepoint-audit");
    CHECK(first != std::string::npos);
    CHECK(during.find("name=sharepoint-audit", first + 1) == std::string::npos);
    co_await store->Close();
    {
      auto got = co_await GetOne(*store, TestKey("k"));
      CHECK(got == "!the cache's connection to Redis is closed");
    }
  });
  RunOver(io, {}, [&]() -> Task<void> {
    co_await Eventually([&] {
      return server.Ask({"CLIENT", "LIST"}).text.find("name=sharepoint-audit") == std::string::npos;
    });
  });
}

TEST_CASE("The least rights are enough for all the store does, and for no more",
          "[cache][redis][S1-37][S1-39]") {
  RedisSetup setup;
  setup.tls = true;
  setup.acl = kRedisAcl;
  RedisServer server(setup);
  asio::io_context io;
  const auto store = MakeStoreAt(io, server.url(), server.security());
  RunOver(io, {store.get()}, [&]() -> Task<void> {
    const Status opened = co_await store->Open();
    if (!opened) FAIL(opened.error().message);
    CHECK(store->watching());
    const Tag tag("site", "hr");
    StorePut put = MakePut(TestKey("k"), "x");
    put.tags.push_back(tag);
    std::vector<StorePut> puts;
    puts.push_back(std::move(put));
    auto stored = co_await store->Put(std::move(puts));
    if (!stored) {
      for (const Resp& field : server.Ask({"ACL", "LOG"}).items.at(0).items)
        UNSCOPED_INFO(field.text);
      FAIL(stored.error().message);
    }
    {
      auto got = co_await GetOne(*store, TestKey("k"));
      CHECK(got == "x");
    }
    auto tagged = co_await store->Tagged(tag);
    CHECK(tagged.value().size() == 1);
    {
      auto got = co_await store->Stamp(tag, std::chrono::system_clock::now());
      CHECK(got);
    }
    std::vector<Tag> tags{tag};
    {
      auto got = co_await store->Stamps(std::move(tags));
      CHECK(got.value().front() > CacheTime{});
    }
    std::vector<std::string> keys{TestKey("k")};
    {
      auto got = co_await store->Untag(tag, keys);
      CHECK(got);
    }
    auto held = co_await store->Acquire(TestKey("new"), 60s);
    REQUIRE(held);
    {
      auto got = co_await store->Renew(*held->lease, 60s);
      CHECK(got.value());
    }
    StorePut filling = MakePut(TestKey("new"), "y");
    {
      auto got = co_await store->Fill(*held->lease, std::move(filling));
      CHECK(got.value());
    }
    auto again = co_await store->Acquire(TestKey("newer"), 60s);
    {
      auto got = co_await store->Release(*again->lease);
      CHECK(got);
    }
    std::map<std::string, std::int64_t> counters{{"user.l1_hits", 5}};
    {
      auto got = co_await store->AddCounters(counters);
      CHECK(got);
    }
    {
      auto got = co_await store->AddCounters(counters);
      CHECK(got);
    }
    {
      auto got = co_await store->Counters();
      CHECK(got.value().at("user.l1_hits") == 10);
    }
    {
      auto got = co_await store->ResetCounters();
      CHECK(got);
    }
    {
      auto got = co_await store->Counters();
      CHECK(got.value().empty());
    }
    {
      auto got = co_await store->Scan(Glob("*"), "");
      CHECK(got);
    }
    {
      auto got = co_await store->Info();
      CHECK(got.value().entries == 2);
    }
    {
      auto got = co_await store->Erase(keys);
      CHECK(got.value() == 1);
    }
    {
      auto got = co_await store->Clear();
      CHECK(got);
    }
    {
      auto got = co_await store->Info();
      CHECK(got.value().entries == 0);
    }
  });
  CHECK(server.Ask({"ACL", "LOG"}).items.empty());  // Nothing was refused on the way.
  for (const std::vector<std::string>& forbidden :
       std::vector<std::vector<std::string>>{{"FLUSHALL"},
                                             {"CONFIG", "GET", "*"},
                                             {"GET", "foreign"},
                                             {"EVAL", "return 1", "0"},
                                             {"KEYS", "*"},
                                             {"PUBLISH", "a", "b"}}) {
    std::vector<std::string> words = {"ACL", "DRYRUN", kRedisUser};
    words.insert(words.end(), forbidden.begin(), forbidden.end());
    CHECK(server.Ask(words).text != "OK");
  }
}

TEST_CASE("A wrong password is told as such and never shown", "[cache][redis][S1-37]") {
  RedisSetup setup;
  setup.password = true;
  RedisServer server(setup);
  asio::io_context io;
  const auto attempt = [&](const StoreSecurity& security) {
    const auto store = MakeStoreAt(io, server.url(), security);
    std::optional<Error> error;
    RunOver(io, {store.get()}, [&]() -> Task<void> {
      const Status opened = co_await store->Open();
      if (!opened) error = opened.error();
    });
    return error;
  };
  StoreSecurity security;
  security.password = Secret("not-this-one");
  auto error = attempt(security);
  REQUIRE(error);
  CHECK(error->code == ErrorCode::kAuth);
  CHECK_THAT(error->message + error->remedy, !Catch::Contains("not-this-one"));

  security.user = "nobody";
  error = attempt(security);
  REQUIRE(error);
  CHECK(error->code == ErrorCode::kAuth);

  error = attempt({});
  REQUIRE(error);
  CHECK(error->code == ErrorCode::kAuth);
  CHECK_FALSE(attempt(server.security()));
}

TEST_CASE("A server whose certificate is not trusted is not talked to", "[cache][redis][S1-37]") {
  RedisSetup setup;
  setup.tls = true;
  RedisServer server(setup);
  const RedisCertificates others;  // Another CA.
  asio::io_context io;
  const auto attempt = [&](const std::string& url, const StoreSecurity& security) {
    const auto store = MakeStoreAt(io, url, security);
    std::optional<Error> error;
    RunOver(io, {store.get()}, [&]() -> Task<void> {
      const Status opened = co_await store->Open();
      if (!opened) error = opened.error();
    });
    return error ? std::optional(error->code) : std::nullopt;
  };
  StoreSecurity security = server.security();
  CHECK(attempt(server.url(), security) == std::nullopt);
  CHECK(attempt("rediss://localhost:" + std::to_string(server.port()), security) == std::nullopt);
  CHECK(attempt("rediss://127.0.0.2:" + std::to_string(server.port()), security) != std::nullopt);
  security.cert_file = security.key_file = "";
  CHECK(attempt(server.url(), security) != std::nullopt);
  security = server.security();
  security.ca_file = "/nowhere";
  CHECK(attempt(server.url(), security) == ErrorCode::kUsage);
  security.ca_file = others.client_cert;  // A certificate, but nobody's authority.
  CHECK(attempt(server.url(), security) == ErrorCode::kUntrusted);
  security.ca_file.clear();  // The system's authorities do not know ours.
  CHECK(attempt(server.url(), security) == ErrorCode::kUntrusted);
}

TEST_CASE("A script that the server forgot is loaded again", "[cache][redis]") {
  RedisServer server;
  asio::io_context io;
  const auto store = MakeStoreAt(io, server.url());
  RunOver(io, {store.get()}, [&]() -> Task<void> {
    {
      auto got = co_await store->Open();
      REQUIRE(got);
    }
    server.Ask({"SCRIPT", "FLUSH"});
    {
      auto got = co_await PutOne(*store, MakePut(TestKey("k"), "x"));
      CHECK(got);
    }
    {
      auto got = co_await GetOne(*store, TestKey("k"));
      CHECK(got == "x");
    }
  });
}

TEST_CASE("A namespace keeps to itself", "[cache][redis][S3-115]") {
  RedisServer server;
  asio::io_context io;
  StoreOptions options;
  options.name_space = "blue";
  auto blue = MakeRedisStore(io.get_executor(), server.url(), options, {}).value();
  auto plain = MakeStoreAt(io, server.url());
  RunOver(io, {blue.get(), plain.get()}, [&]() -> Task<void> {
    {
      auto got = co_await blue->Open();
      REQUIRE(got);
    }
    {
      auto got = co_await plain->Open();
      REQUIRE(got);
    }
    co_await PutOne(*blue, MakePut(TestKey("k"), "blue"));
    {
      auto got = co_await GetOne(*plain, TestKey("k"));
      CHECK_FALSE(got);
    }
    {
      auto got = co_await plain->Info();
      CHECK(got.value().entries == 0);
    }
    {
      auto got = co_await plain->Clear();
      CHECK(got);
    }
    {
      auto got = co_await GetOne(*blue, TestKey("k"));
      CHECK(got == "blue");
    }
    CHECK(server.Ask({"EXISTS", "sharepoint_audit:blue:group_members:2:k"}).integer == 1);
  });
}

}  // namespace
}  // namespace spa::testing
