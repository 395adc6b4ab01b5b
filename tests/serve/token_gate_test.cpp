#include "serve/token_gate.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cache/disk_store.h"
#include "core/async/task_group.h"
#include "tests/serve/serving.h"

namespace spa {
namespace {

using namespace testing;
using nlohmann::json;

// A second level that goes away with the test.
class SharedStore {
 public:
  SharedStore() : file_("") {
    std::filesystem::remove(file_.path());
    RegisterStore(
        "disk",
        [](asio::any_io_executor executor, std::string_view url, const StoreOptions& options,
           const StoreSecurity&) -> Result<std::unique_ptr<Store>> {
          return std::make_unique<DiskStore>(std::move(executor), std::string(url.substr(5)),
                                             options);
        });
  }
  ~SharedStore() {
    for (const char* end : {"", "-wal", "-shm", ".lock"}) {
      std::filesystem::remove(file_.path() + end);
    }
  }
  ServingOptions Options() const {
    ServingOptions options;
    options.l2 = "disk:" + file_.path();
    return options;
  }
  std::string Bytes() const {
    std::string all;
    for (const char* end : {"", "-wal"}) {
      std::ifstream file(file_.path() + end, std::ios::binary);
      std::ostringstream text;
      text << file.rdbuf();
      all += text.str();
    }
    return all;
  }

 private:
  TempFile file_;
};

TEST_CASE("A token of the tenant may call, and is checked once", "[cache][S2-05][S2-21][S0-12]") {
  Serving serving;
  serving.Run([](Serving& s) -> Task<void> {
    const std::string token = s.Token();
    for (int i = 0; i < 100; ++i) {
      const auto got = co_await s.With(token);
      CHECK(got.status == 200);
    }
    CHECK(s.gate.validations() == 1);
    const Answered stats = co_await s.Get("/cache/stats/token_validation");
    CHECK(stats.json["hits"] == 99);
    CHECK(stats.json["misses"] == 1);
    CHECK(s.authority.requests().size() == 2);
  });
}

TEST_CASE("A thousand callers with one new token make one validation", "[cache][S2-24]") {
  Serving serving;
  serving.Run([](Serving& s) -> Task<void> {
    const std::string token = s.Token();
    int valid = 0;
    s.authority.Hold();
    const auto check = [&]() -> Task<void> {  // Outlives the group.
      const auto verdict = co_await s.gate.Check(token);
      if (verdict && (*verdict)->valid()) ++valid;
    };
    co_await RunGroup(s.io.get_executor(), 0, [&](TaskGroup& group) -> Task<void> {
      for (int i = 0; i < 1000; ++i) group.Start(check());
      asio::steady_timer timer(s.io);
      while (s.authority.requests().empty()) {
        timer.expires_after(std::chrono::milliseconds(1));
        co_await timer.async_wait(asio::use_awaitable);
      }
      s.authority.Resume();
    });
    CHECK(valid == 1000);
    CHECK(s.gate.validations() == 1);
    CHECK(s.authority.requests().size() == 2);
  });
}

TEST_CASE("A token that does not count is refused with the reason", "[cache][S2-07][S2-42]") {
  Serving serving;
  serving.Run([](Serving& s) -> Task<void> {
    const auto wrong = [&](const json& more) { return s.Token(more); };
    const std::string expired = wrong({{"exp", 1}}), foreign = wrong({{"aud", "other"}});
    for (int i = 0; i < 3; ++i) {
      const Answered answer = co_await s.With(expired);
      CHECK(answer.status == 401);
      CHECK(answer.json["detail"] == "the token has expired");
      CHECK(FindHeader(answer.headers, "WWW-Authenticate").find("invalid_token") !=
            std::string_view::npos);
    }
    CHECK(s.gate.validations() == 1);
    {
      const auto got = co_await s.With(foreign);
      CHECK(got.json["detail"] == "the token was made for another application");
    }
    {
      const auto got = co_await s.With("nonsense");
      CHECK(got.status == 401);
    }
    // A refusal is remembered for a minute.
    s.now += std::chrono::seconds(61);
    (void)co_await s.With(expired);
    CHECK(s.gate.validations() == 4);
  });
}

TEST_CASE("A valid token that may not manage the cache is told so", "[cache][S2-42]") {
  Serving serving;
  serving.Run([](Serving& s) -> Task<void> {
    const json stranger = {{"azp", "another"}};
    const json person = {{"scp", "user_impersonation"}};
    const json manager = {{"azp", "another"}, {"roles", {"Cache.Manage"}}};
    const std::string no_role = s.Token(stranger), delegated = s.Token(person);
    const std::string allowed = s.Token(manager);
    {
      const auto got = co_await s.With(no_role);
      CHECK(got.status == 403);
    }
    {
      const auto got = co_await s.With(delegated);
      CHECK(got.status == 403);
    }
    {
      const auto got = co_await s.With(allowed);
      CHECK(got.status == 200);
    }
  });
}

TEST_CASE("A verdict is no older than five minutes and never outlives its token",
          "[cache][S2-22][S0-10]") {
  Serving serving;
  serving.Run([](Serving& s) -> Task<void> {
    const std::string token = s.Token();
    {
      const auto got = co_await s.With(token);
      CHECK(got.status == 200);
    }
    s.now += std::chrono::seconds(301);
    {
      const auto got = co_await s.With(token);
      CHECK(got.status == 200);
    }
    CHECK(s.gate.validations() >= 2);
    s.now += std::chrono::hours(1);
    {
      const auto got = co_await s.With(token);
      CHECK(got.status == 401);
    }
  });
}

TEST_CASE("A revoked token is refused from the next call on", "[cache][S0-11][S2-08][S2-23]") {
  Serving serving;
  serving.Run([](Serving& s) -> Task<void> {
    const std::string token = s.Token({{"uti", "id-1"}}), other = s.Token();
    {
      const auto got = co_await s.With(token);
      CHECK(got.status == 200);
    }
    {
      const auto got = co_await s.Post("/cache/token/revoke", R"({"jti":"id-1"})");
      CHECK(got.status == 200);
    }
    const Answered refused = co_await s.With(token);
    CHECK(refused.status == 401);
    CHECK(refused.json["detail"] == "the token has been revoked");
    {
      const auto got = co_await s.With(other);
      CHECK(got.status == 200);
    }

    // Signing off: without a body the caller's own token is meant.
    {
      const auto got = co_await s.With(other, "POST", "/cache/token/revoke");
      CHECK(got.status == 200);
    }
    {
      const auto got = co_await s.With(other);
      CHECK(got.status == 401);
    }

    const std::vector<std::string> bodies = {
        "", "[]", "no json", R"({"jti":""})", R"({"jti":7})", R"({"jti":"x","expires_at":"soon"})"};
    for (const std::string& body : bodies) {
      {
        const auto got = co_await s.Post("/cache/token/revoke", body);
        CHECK(got.status == 400);
      }
    }
  });
}

TEST_CASE("A revocation counts in every process that shares the second level",
          "[cache][S0-11][S0-27][S2-23]") {
  const SharedStore store;
  Serving one(store.Options());
  one.Run([&](Serving& s) -> Task<void> {
    const std::string token = s.Token({{"uti", "shared"}});
    ServingOptions options = store.Options();
    CacheManager::Options cache;
    cache.l2 = options.l2;
    cache.clock = [&s] { return s.now; };
    cache.store.clock = cache.clock;
    CacheManager theirs(cache);
    {
      const auto got = co_await theirs.Open(s.io.get_executor());
      REQUIRE(got);
    }
    TokenGate::Options gate;
    gate.authority = s.authority.url();
    gate.tenant = kTestTenant;
    gate.client_id = kTestApp;
    gate.clock = cache.clock;
    {
      TokenGate other(theirs, s.http, gate);
      const auto before = co_await other.Check(token);
      REQUIRE(before);
      CHECK((*before)->valid());

      {
        const auto got = co_await s.With(token, "POST", "/cache/token/revoke");
        CHECK(got.status == 200);
      }

      const auto after = co_await other.Check(token);
      REQUIRE(after);
      CHECK((*after)->fault == TokenFault::kRevoked);
    }
    co_await theirs.Close();
  });
}

TEST_CASE("A hundred questions about health ask nothing of the second level",
          "[cache][S2-13][S2-32]") {
  const SharedStore store;
  Serving serving(store.Options());
  serving.Run([](Serving& s) -> Task<void> {
    {
      const auto got = co_await s.Get("/cache/health");
      CHECK(got.status == 200);
    }
    const std::uint64_t before = s.caches.Stats().l2.operations;
    for (int i = 0; i < 100; ++i) {
      const auto got = co_await s.Get("/cache/health");
      CHECK(got.status == 200);
    }
    CHECK(s.caches.Stats().l2.operations - before <= 1);
  });
}

TEST_CASE("A token is decoded once, however often it comes, and what has expired is swept",
          "[cache][S2-26][S2-05]") {
  Serving serving;
  serving.Run([](Serving& s) -> Task<void> {
    const std::string token = s.Token();
    const auto verdicts = [&s] {
      for (const KindStats& kind : s.caches.Stats().kinds) {
        if (kind.kind == "token_validation") return kind;
      }
      return KindStats();
    };
    for (int i = 0; i < 50; ++i) {
      const auto got = co_await s.With(token);
      CHECK(got.status == 200);
    }
    // Each decoding is a load of the verdict.
    CHECK(verdicts().loads == 1);
    CHECK(verdicts().hits() == 49);
    CHECK(verdicts().entries == 1);

    s.now += std::chrono::minutes(5);
    const std::size_t dropped = co_await s.caches.Cleanup();
    CHECK(dropped >= 1);
    CHECK(verdicts().entries == 0);
    {
      const auto got = co_await s.With(token);
      CHECK(got.status == 200);
    }
    CHECK(verdicts().loads == 2);
  });
}

TEST_CASE("Neither token nor verdict reaches the second level or a key",
          "[cache][S2-06][S2-62][S2-64]") {
  const SharedStore store;
  Serving serving(store.Options());
  std::string token;
  serving.Run([&](Serving& s) -> Task<void> {
    token = s.Token();
    {
      const auto got = co_await s.With(token);
      CHECK(got.status == 200);
    }
    Selector all = Glob("*");
    for (const std::string& key : co_await s.caches.Keys(all)) {
      CHECK(key.find(token.substr(0, 20)) == std::string::npos);
    }
  });
  const std::string bytes = store.Bytes();
  CHECK(bytes.find("token_validation:") == std::string::npos);
  for (std::size_t at = 0; at + 20 < token.size(); at += 10) {
    CHECK(bytes.find(token.substr(at, 20)) == std::string::npos);
  }
}

TEST_CASE("A key that is new since the last look is found, and an invented one asked for once") {
  Serving serving;
  serving.Run([](Serving& s) -> Task<void> {
    {
      const auto got = co_await s.With(s.Token());
      CHECK(got.status == 200);
    }
    CHECK(s.authority.requests().size() == 2);
    s.keys = KeySet(OtherRsaKey(), "key-2");
    s.now += std::chrono::minutes(2);
    const auto sign = [&] {
      return SignToken(TestClaims(s.authority.url(), s.now), OtherRsaKey(), "key-2");
    };
    {
      const auto got = co_await s.With(sign());
      CHECK(got.status == 200);
    }
    CHECK(s.authority.requests().size() == 4);
    for (int i = 0; i < 5; ++i) {
      const std::string invented =
          SignToken(TestClaims(s.authority.url(), s.now), RsaKey(), "no-key");
      {
        const auto got = co_await s.With(invented);
        CHECK(got.status == 401);
      }
    }
    CHECK(s.authority.requests().size() == 4);
  });
}

TEST_CASE("Where the signing keys cannot be had, a token is neither taken nor refused") {
  Serving serving;
  serving.Run([](Serving& s) -> Task<void> {
    s.authority_down = true;
    const std::string token = s.Token();
    const Answered answer = co_await s.With(token);
    CHECK(answer.status == 503);
    CHECK(FindHeader(answer.headers, "Retry-After") == "10");
    s.authority_down = false;
    {
      const auto got = co_await s.With(token);
      CHECK(got.status == 200);
    }
  });
}

TEST_CASE("Somebody else's token is checked on demand") {
  Serving serving;
  serving.Run([](Serving& s) -> Task<void> {
    const json good = {{"token", s.Token({{"uti", "id-9"}})}}, bad = {{"token", "a.b.c"}};
    const Answered valid = co_await s.Post("/cache/token/validate", good.dump());
    CHECK(valid.status == 200);
    CHECK(valid.json["valid"] == true);
    CHECK(valid.json["jti"] == "id-9");
    const Answered invalid = co_await s.Post("/cache/token/validate", bad.dump());
    CHECK(invalid.json["valid"] == false);
    CHECK(invalid.json["fault"] == "no_token");
    {
      const auto got = co_await s.Post("/cache/token/validate");
      CHECK(got.status == 400);
    }
  });
}

TEST_CASE("A server without a tenant takes no tokens") {
  ServingOptions options;
  options.with_tokens = false;
  Serving serving(options);
  serving.Run([](Serving& s) -> Task<void> {
    {
      const auto got = co_await s.With(s.Token());
      CHECK(got.status == 401);
    }
    {
      const auto got = co_await s.Post("/cache/token/revoke", R"({"jti":"x"})");
      CHECK(got.status == 409);
    }
  });
}

TEST_CASE("A revocation that cannot be kept is not claimed") {
  ServingOptions options;
  options.mode = CacheMode::kRead;
  Serving serving(options);
  serving.Run([](Serving& s) -> Task<void> {
    {
      const auto got = co_await s.Post("/cache/token/revoke", R"({"jti":"x"})");
      CHECK(got.status == 409);
    }
  });
}

}  // namespace
}  // namespace spa
