#include "cache/redis/endpoint.h"
#include "cache/redis/slots.h"
#include "tests/catch.h"

namespace spa {
namespace {

TEST_CASE("A Redis URL names hosts, layout, database and TLS", "[cache][redis][S1-36]") {
  const std::pair<std::string, std::string> rows[] = {
      {"redis://h", "redis://h:6379"},
      {"redis://h:1/3", "redis://h:1/3"},
      {"redis://[::1]:7/", "redis://[::1]:7"},
      {"rediss://h:2", "rediss://h:2"},
      {"redis://h?tls=1", "rediss://h:6379"},
      {"redis+ring://a,b:7*3,c", "redis+ring://a:6379,b:7*3,c:6379"},
      {"redis+ring://a,b/2?tls=1", "redis+ring://a:6379,b:6379/2?tls=1"},
      {"redis+cluster://u:p@a:1,b:2", "redis+cluster://a:1,b:2"},
  };
  for (const auto& [url, place] : rows) {
    const auto endpoint = ParseRedisUrl(url, {});
    INFO(url);
    REQUIRE(endpoint);
    CHECK(endpoint->place() == place);
  }
}

TEST_CASE("User and password come from the options, else the URL, and are never shown",
          "[cache][redis][S1-40][S3-66]") {
  const auto named = ParseRedisUrl("redis://au%40d:s%2fecret@h", {});
  REQUIRE(named);
  CHECK(named->user == "au@d");
  CHECK(named->password.Reveal() == "s/ecret");
  CHECK(named->place() == "redis://h:6379");

  StoreSecurity security;
  security.user = "other";
  security.password = Secret("better");
  security.tls = true;
  const auto overridden = ParseRedisUrl("redis://aud:secret@h", security);
  REQUIRE(overridden);
  CHECK(overridden->user == "other");
  CHECK(overridden->password.Reveal() == "better");
  CHECK(overridden->tls);

  const auto anonymous = ParseRedisUrl("redis://:secret@h", {});
  REQUIRE(anonymous);
  CHECK(anonymous->user.empty());
  CHECK(anonymous->password.Reveal() == "secret");
}

TEST_CASE("A Redis URL that is none is refused in one line, without its password",
          "[cache][redis][S3-66]") {
  const std::pair<std::string, std::string> rows[] = {
      {"http://u:hunter2@h", "begin"},
      {"redis://u:hunter2@h:notaport", "port"},
      {"redis://u:hunter2@h:0", "port"},
      {"redis://u:hunter2@h:65536", "port"},
      {"redis://u:hunter2@h:", "port"},
      {"redis://u:hunter2@", "no host"},
      {"redis://u:hunter2@a,b", "several hosts"},
      {"redis://u:hunter2@h/x", "database"},
      {"redis://u:hunter2@h?db=1", "option"},
      {"redis://u:hunter2@[::1", "bracket"},
      {"redis://u:hunter2@a*2", "weight"},
      {"redis+ring://u:hunter2@a*0", "weight"},
      {"redis+ring://u:hunter2@a,a", "twice"},
      {"redis+ring://u:hunter2@a,,b", "no host"},
      {"redis+cluster://u:hunter2@a/1", "database"},
      {"redis://useronly@h", "no password"},
  };
  for (const auto& [url, reason] : rows) {
    const auto endpoint = ParseRedisUrl(url, {});
    INFO(url);
    REQUIRE_FALSE(endpoint);
    CHECK(endpoint.error().code == ErrorCode::kUsage);
    CHECK_THAT(endpoint.error().message, Catch::Contains(reason));
    CHECK_THAT(endpoint.error().message, !Catch::Contains("hunter2"));
    CHECK(endpoint.error().message.find('\n') == std::string::npos);
  }
  StoreSecurity half;
  half.cert_file = "/x";
  CHECK_FALSE(ParseRedisUrl("rediss://h", half));
}

TEST_CASE("Loopback is known by name and address", "[cache][redis]") {
  for (const char* host : {"localhost", "127.0.0.1", "127.1.2.3", "::1"}) {
    CHECK(RedisHost(host, 1).loopback());
  }
  for (const char* host : {"redis", "10.0.0.1", "127.0.0.1.example.org", "::2", "1270.0.0.1x"}) {
    CHECK_FALSE(RedisHost(host, 1).loopback());
  }
}

TEST_CASE("A key's slot is that of its braces", "[cache][redis][S3-77]") {
  CHECK(SlotOf("123456789") == 0x31C3);  // The check value of CRC16/XMODEM.
  CHECK(SlotOf("{user1000}.following") == SlotOf("user1000"));
  CHECK(SlotOf("foo{}{bar}") != SlotOf("bar"));
  CHECK(SlotOf("foo{{bar}}zap") == SlotOf("{bar"));
  const std::string key = "sharepoint_audit:user:1:u";
  CHECK(SlotOf("{" + key + "}:lease") == SlotOf(key));
}

TEST_CASE("Redirects are read and strange ones are not", "[cache][redis][S3-77]") {
  const RedisHost asked("h", 1);
  const auto moved = Redirect::Read("MOVED 3999 10.0.0.1:6381", asked);
  REQUIRE(moved);
  CHECK_FALSE(moved->ask);
  CHECK(moved->slot == 3999);
  CHECK(moved->to.Name() == "10.0.0.1:6381");
  const auto ask = Redirect::Read("ASK 1 :6381", asked);
  REQUIRE(ask);
  CHECK(ask->ask);
  CHECK(ask->to.Name() == "h:6381");
  for (const char* text :
       {"MOVED", "MOVED x a:1", "MOVED 99999 a:1", "ASK 1 a", "ASK 1 a:0", "ERR"}) {
    CHECK_FALSE(Redirect::Read(text, asked));
  }
}

}  // namespace
}  // namespace spa
