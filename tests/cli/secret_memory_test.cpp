// Secrets and tokens are gone from memory when nobody holds them any more.
#include <boost/asio/io_context.hpp>

#include "cli/cached_tokens.h"
#include "core/secret.h"
#include "tests/cache/cache_testing.h"
#include "tests/catch.h"
#include "tests/support/own_memory.h"

namespace spa {
namespace {

class MarkedTokens final : public TokenSource {
 public:
  explicit MarkedTokens(const testing::Marker& marker) : marker_(marker) {}

  Task<Result<AccessToken>> Get(std::string) override {
    ++asked_;
    AccessToken token;
    token.value = Secret(marker_.Text());
    token.expires_at = std::chrono::system_clock::now() + std::chrono::hours(1);
    token.renew_at = token.expires_at - std::chrono::minutes(5);
    co_return token;
  }
  void Reject(const std::string&, const Secret&) override {}
  CredentialKind kind() const override { return CredentialKind::kSecret; }
  long requests() const override { return asked_; }

 private:
  const testing::Marker& marker_;
  long asked_ = 0;
};

TEST_CASE("A secret leaves nothing behind, however it went", "[core][cache][S3-09]") {
  const testing::Marker marker;
  {
    Secret secret(marker.Text());
    CHECK(marker.Copies() == 1);
    Secret moved = std::move(secret);
    CHECK(marker.Copies() == 1);
    Secret copied = moved;
    CHECK(marker.Copies() == 2);
    copied = Secret("another");
    CHECK(marker.Copies() == 1);
    std::vector<Secret> many(3, moved);
    many.push_back(moved);  // They move to a greater place.
    CHECK(marker.Copies() == 5);
  }
  CHECK(marker.Copies() == 0);
}

TEST_CASE("What is wiped is wiped behind its end, too", "[core][S3-09]") {
  const testing::Marker marker;
  std::string text;
  text.reserve(100);
  text = "ab";
  {
    Secret secret(marker.Text());
    text += secret.Reveal();
  }
  text.resize(1);
  CHECK(marker.Copies() == 1);
  Wipe(text);
  CHECK(text.empty());
  CHECK(marker.Copies() == 0);
}

TEST_CASE("Secrets are equal where every byte is", "[core][S3-09]") {
  const Secret secret("0123456789abcdef");
  CHECK(secret == Secret("0123456789abcdef"));
  for (const char* other : {"", "0123456789abcde", "1123456789abcdef", "0123456789abcdeg"})
    CHECK_FALSE(secret == std::string_view(other));
}

TEST_CASE("An access token is gone from memory once the cache has dropped it",
          "[cache][token][S3-09]") {
  const testing::Marker marker;
  asio::io_context io;
  {
    CacheManager caches{CacheManager::Options{}};
    CachedTokens tokens(std::make_unique<MarkedTokens>(marker), caches, "tenant/client");
    testing::Await(io, [&]() -> Task<void> {
      {
        const auto first = co_await tokens.Get("r");
        REQUIRE(first);
        tokens.Reject("r", first->value);
      }
      co_await tokens.Get("r");
      co_await tokens.Get("r");
      CHECK(marker.Copies() == 1);  // The cache's own.
      CacheKey key(CacheKind::kAccessToken, "tenant/client/r");
      co_await caches.Open<AccessToken>(CacheKind::kAccessToken).Erase(std::move(key));
      CHECK(marker.Copies() == 0);
      co_await tokens.Get("r");
      co_await caches.Close();
    });
  }
  CHECK(marker.Copies() == 0);
}

}  // namespace
}  // namespace spa
