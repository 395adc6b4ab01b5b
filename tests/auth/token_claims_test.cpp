#include "core/auth/token_claims.h"

#include "core/encoding.h"
#include "tests/catch.h"

namespace spa {
namespace {

std::string Token(const std::string& claims) {
  return Base64Url(R"({"alg":"RS256"})") + "." + Base64Url(claims) + ".c2ln";
}

TEST_CASE("the claims of an access token are read for diagnosis") {
  const auto claims = ReadTokenClaims(
      Token(R"({"aud":"https://graph.microsoft.com","appid":"app","tid":"tenant","appidacr":"2",
                "exp":1795136399,"roles":["Sites.Read.All","GroupMember.Read.All"]})"));

  REQUIRE(claims);
  CHECK(claims->roles == std::vector<std::string>{"Sites.Read.All", "GroupMember.Read.All"});
  CHECK(claims->audience == "https://graph.microsoft.com");
  CHECK(claims->app_id == "app");
  CHECK(claims->tenant_id == "tenant");
  CHECK(claims->app_id_acr == "2");
  CHECK(claims->expires_at ==
        std::chrono::system_clock::time_point(std::chrono::seconds(1795136399)));
}

TEST_CASE("a token without consented permissions has no roles") {
  const auto claims = ReadTokenClaims(Token(R"({"aud":"x"})"));

  REQUIRE(claims);
  CHECK(claims->roles.empty());
  CHECK_FALSE(claims->expires_at);
}

TEST_CASE("claims of another type than expected read as absent") {
  const auto claims = ReadTokenClaims(
      Token(R"({"aud":["x"],"appid":7,"tid":null,"exp":99999999999999,"roles":["a",1,null]})"));

  REQUIRE(claims);
  CHECK(claims->roles == std::vector<std::string>{"a"});
  CHECK(claims->audience.empty());
  CHECK(claims->app_id.empty());
  CHECK_FALSE(claims->expires_at);
}

TEST_CASE("what is no JWT has no claims, and is not repeated in the message") {
  for (const std::string& token :
       {std::string(), std::string("opaque"), std::string("a.b"), std::string("a..c"),
        std::string("a.!!!.c"), std::string("a.b.c.d"), Token("no json"), Token("[]"), Token("7"),
        Token("{\"aud\":")}) {
    const auto claims = ReadTokenClaims(token);

    REQUIRE_FALSE(claims);
    CHECK(claims.error().code == ErrorCode::kMalformed);
    if (!token.empty()) CHECK(claims.error().message.find(token) == std::string::npos);
  }
}

}  // namespace
}  // namespace spa
