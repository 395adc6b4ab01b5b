#include "core/encoding.h"

#include <set>

#include "tests/catch.h"

namespace spa {
namespace {

TEST_CASE("base64url follows RFC 4648 without padding, both ways") {
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},           {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"\xfb\xff\xfe", "-__-"}};
  for (const auto& [bytes, text] : cases) {
    CHECK(Base64Url(bytes) == text);
    CHECK(Base64UrlDecode(text) == bytes);
  }
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  CHECK(Base64UrlDecode(Base64Url(all)) == all);
}

TEST_CASE("base64url takes padding and refuses what is not its alphabet") {
  CHECK(Base64UrlDecode("Zg==") == "f");
  for (const std::string text : {"Z", "Zm9vY", "Zm+v", "Zm/v", "Zm v", "Zg==Zg", "Zmé"}) {
    CHECK_FALSE(Base64UrlDecode(text));
  }
}

TEST_CASE("URL escapes leave the unreserved characters alone and nothing else") {
  CHECK(UrlEncode("AZaz09-._~") == "AZaz09-._~");
  CHECK(UrlEncode("https://a.b/.default") == "https%3A%2F%2Fa.b%2F.default");
  CHECK(UrlEncode("a+b &=%ü") == "a%2Bb%20%26%3D%25%C3%BC");
  CHECK(UrlEncode(std::string(1, '\0')) == "%00");
}

TEST_CASE("a GUID is of version 4 and never the same") {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string guid = NewGuid();
    REQUIRE(guid.size() == 36);
    CHECK(guid[14] == '4');
    CHECK(std::string("89ab").find(guid[19]) != std::string::npos);
    seen.insert(guid);
  }
  CHECK(seen.size() == 1000);
}

}  // namespace
}  // namespace spa
