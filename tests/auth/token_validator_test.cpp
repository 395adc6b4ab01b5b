#include "core/auth/token_validator.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "core/encoding.h"
#include "core/http/http_client.h"
#include "tests/auth/test_token.h"
#include "tests/catch.h"

namespace spa {
namespace {

using namespace testing;
using nlohmann::json;

constexpr auto kNow = std::chrono::system_clock::time_point(std::chrono::seconds(1795132800));
const std::string kAuthority = "https://login.microsoftonline.com";

SigningKeys Published() {
  SigningKeys keys;
  keys.issuer = kAuthority + "/" + kTestTenant + "/v2.0";
  keys.tenant_id = kTestTenant;
  keys.keys = *ReadKeySet(KeySet().dump());
  return keys;
}

TokenFault FaultOf(const std::string& token) {
  return ValidateToken(token, Published(), kTestApp, kNow).fault;
}

TokenFault FaultWith(const json& more) {
  return FaultOf(SignToken(TestClaims(kAuthority, kNow, more)));
}

std::int64_t In(std::chrono::seconds time) {
  return std::chrono::duration_cast<std::chrono::seconds>((kNow + time).time_since_epoch()).count();
}

TEST_CASE("A token that Entra signed for us is valid and tells who holds it", "[cache][S2-21]") {
  for (const std::string algorithm : {"RS256", "PS256"}) {
    const json claims = TestClaims(kAuthority, kNow, {{"roles", {"Cache.Manage"}}});

    const TokenVerdict verdict =
        ValidateToken(SignToken(claims, RsaKey(), "key-1", algorithm), Published(), kTestApp, kNow);

    REQUIRE(verdict.valid());
    CHECK(verdict.claims.app_id == kTestApp);
    CHECK(verdict.claims.id == claims["uti"]);
    CHECK(verdict.claims.roles == std::vector<std::string>{"Cache.Manage"});
  }
}

TEST_CASE("Both spellings of issuer and audience are accepted") {
  CHECK(FaultWith({{"iss", "https://sts.windows.net/" + kTestTenant + "/"}}) == TokenFault::kNone);
  CHECK(FaultWith({{"aud", "api://" + kTestApp}}) == TokenFault::kNone);
}

TEST_CASE("Each way in which a token can be wrong is told apart", "[cache][S2-21]") {
  CHECK(FaultOf("") == TokenFault::kNoToken);
  CHECK(FaultOf("a.b.c") == TokenFault::kNoToken);
  CHECK(FaultOf(std::string(40'000, 'x')) == TokenFault::kNoToken);
  const json good = TestClaims(kAuthority, kNow);
  CHECK(FaultOf(SignToken(good, RsaKey(), "key-1", "none")) == TokenFault::kAlgorithm);
  CHECK(FaultOf(SignToken(good, RsaKey(), "key-1", "HS256")) == TokenFault::kAlgorithm);
  CHECK(FaultOf(SignToken(good, RsaKey(), "key-2")) == TokenFault::kUnknownKey);
  CHECK(FaultOf(SignToken(good, OtherRsaKey())) == TokenFault::kSignature);
  CHECK(FaultWith({{"iss", "https://evil.example/" + kTestTenant + "/v2.0"}}) ==
        TokenFault::kIssuer);
  CHECK(FaultWith({{"tid", "another"}}) == TokenFault::kTenant);
  CHECK(FaultWith({{"aud", "https://graph.microsoft.com"}}) == TokenFault::kAudience);
  CHECK(FaultWith({{"exp", In(std::chrono::seconds(0))}}) == TokenFault::kExpired);
  CHECK(FaultWith({{"exp", nullptr}}) == TokenFault::kExpired);
  CHECK(FaultWith({{"nbf", In(std::chrono::seconds(61))}}) == TokenFault::kNotYetValid);
  CHECK(FaultWith({{"nbf", In(std::chrono::seconds(60))}}) == TokenFault::kNone);
  CHECK(FaultWith({{"uti", nullptr}}) == TokenFault::kNoId);
}

TEST_CASE("A token whose text was changed after signing is refused") {
  const std::string token = SignToken(TestClaims(kAuthority, kNow));
  const std::string other = SignToken(TestClaims(kAuthority, kNow, {{"roles", {"Cache.Manage"}}}));

  // The claims of one under the signature of the other.
  const std::string mixed = other.substr(0, other.rfind('.')) + token.substr(token.rfind('.'));

  CHECK(FaultOf(mixed) == TokenFault::kSignature);
}

TEST_CASE("An application that has no id accepts no token") {
  const std::string token = SignToken(TestClaims(kAuthority, kNow, {{"aud", ""}}));

  CHECK(ValidateToken(token, Published(), "", kNow).fault == TokenFault::kAudience);
}

TEST_CASE("Only RSA keys of sufficient length that may sign are taken from a key set") {
  json set = KeySet();
  set["keys"].push_back({{"kty", "EC"}, {"kid", "curve"}});
  set["keys"].push_back({{"kty", "RSA"}, {"kid", "short"}, {"n", "AQAB"}, {"e", "AQAB"}});
  json encrypting = KeySet()["keys"][0];
  encrypting["use"] = "enc";
  encrypting["kid"] = "enc";
  set["keys"].push_back(encrypting);

  const auto keys = ReadKeySet(set.dump());

  REQUIRE(keys);
  CHECK(keys->size() == 1);
  CHECK(keys->contains("key-1"));
  CHECK_FALSE(ReadKeySet("{}"));
  CHECK_FALSE(ReadKeySet("no json"));
}

// What is remembered about a token ends with it (cache.md C.4 "token_validation").
TEST_CASE("A verdict lives until the token ends and five minutes at most",
          "[cache][S0-10][S2-22][S2-62]") {
  const auto ttl = [](std::optional<std::chrono::seconds> left) {
    TokenClaims claims;
    if (left) claims.expires_at = kNow + *left;
    return TokenTtl(claims, kNow);
  };

  CHECK(ttl(std::chrono::seconds(120)) == std::chrono::seconds(60));
  CHECK(ttl(std::chrono::hours(1)) == std::chrono::seconds(300));
  CHECK(ttl(std::chrono::seconds(30)) == std::chrono::seconds(0));
  CHECK(ttl(std::chrono::seconds(-5)) == std::chrono::seconds(0));
  CHECK(ttl(std::nullopt) == std::chrono::seconds(0));
}

Result<SigningKeys> Fetch(const TokenServer::Script& script) {
  asio::io_context io;
  ConcurrencyManager concurrency(io, {4, 1, 1});
  HttpClient http(io, concurrency, HttpClient::Options());
  TokenServer server(io, script);
  Result<SigningKeys> keys;
  asio::co_spawn(
      io,
      [&]() -> Task<void> {
        keys = co_await FetchSigningKeys(http, server.url(), "fabrikam.com");
        io.stop();
      },
      asio::detached);
  io.run();
  return keys;
}

TEST_CASE("The keys of a tenant are found through the document of its authority") {
  std::vector<std::string> asked;
  const auto keys = Fetch([&](const ServedRequest& request, std::size_t) {
    asked.push_back(request.target);
    return AnswerAsAuthority("http://" + request.Header("Host"), request);
  });

  REQUIRE(keys);
  CHECK(keys->tenant_id == kTestTenant);
  CHECK(keys->keys.contains("key-1"));
  CHECK(asked ==
        std::vector<std::string>{"/fabrikam.com/v2.0/.well-known/openid-configuration", "/keys"});
}

TEST_CASE("Keys that are said to be on another host are refused") {
  const auto keys = Fetch([](const ServedRequest&, std::size_t) {
    return ServedAnswer(200,
                        R"({"issuer":"https://a/t/v2.0","jwks_uri":"https://evil.example/k"})");
  });

  REQUIRE_FALSE(keys);
  CHECK(keys.error().code == ErrorCode::kRefused);
}

TEST_CASE("An authority that does not answer as one is an error") {
  CHECK(Fetch([](const ServedRequest&, std::size_t) { return ServedAnswer(500, ""); })
            .error()
            .http_status == 500);
  CHECK(Fetch([](const ServedRequest&, std::size_t) { return ServedAnswer(200, "[]"); })
            .error()
            .code == ErrorCode::kMalformed);
}

}  // namespace
}  // namespace spa
