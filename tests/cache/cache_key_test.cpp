#include "cache/cache_key.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <cstring>
#include <set>

#include "tests/catch.h"

using namespace spa;

TEST_CASE("A key reads sharepoint_audit:<kind>:<schema>:<id>", "[cache][key][S1-24][S4-13]") {
  CHECK(CacheKey(CacheKind::kGroupMembers, "4711").text() ==
        "sharepoint_audit:group_members:2:4711");
  CHECK(CacheKey(CacheKind::kSite, "contoso.sharepoint.com,a-b,c-d").text() ==
        "sharepoint_audit:site:1:contoso.sharepoint.com,a-b,c-d");
}

TEST_CASE("An id cannot pose as another kind, schema or hash") {
  const auto id_part = [](std::string_view id) {
    const std::string text = CacheKey(CacheKind::kItem, id).text();
    return text.substr(std::string_view("sharepoint_audit:item:1:").size());
  };

  CHECK(id_part("a:b") == "a%3Ab");
  CHECK(id_part("{x}") == "%7Bx%7D");
  CHECK(id_part("100%") == "100%25");
  CHECK(id_part("a%3Ab") == "a%253Ab");
  CHECK(id_part("~tilde") == "%7Etilde");
  CHECK(id_part(std::string_view("\n\0\x7f", 3)) == "%0A%00%7F");
  CHECK(id_part("Müller") == "Müller");
  CHECK(id_part("") == "");
}

TEST_CASE("Ids over 1000 bytes become a hash of fixed length, shorter ones stay readable",
          "[cache][key][S0-29][S1-25]") {
  const std::string longest(1000, 'x');
  CHECK(CacheKey(CacheKind::kItem, longest).text() == "sharepoint_audit:item:1:" + longest);

  const CacheKey hashed(CacheKind::kItem, longest + "x");
  CHECK(hashed.text() ==
        "sharepoint_audit:item:1:"
        "~cbe4a2e86e808c9b51174c17d56b401791a6282036247a95c3fb2098f098ff79");
  CHECK_FALSE(hashed == CacheKey(CacheKind::kItem, longest + "y"));
}

TEST_CASE("A key is read back from its text, and what is no key is not", "[cache][key]") {
  const CacheKey keys[] = {
      CacheKey(CacheKind::kItem, "a:b%/~"), CacheKey(CacheKind::kItem, std::string(1001, 'x')),
      CacheKey::Named("of-another-program", "7"), CacheKey::Named("group_members", "7")};
  for (const CacheKey& key : keys) {
    CAPTURE(key.text());
    const auto again = CacheKey::Parse(key.text());
    REQUIRE(again);
    CHECK(*again == key);
    CHECK(again->kind() == key.kind());
  }
  CHECK(keys[2].kind() == CacheKind::kUnnamed);
  CHECK(keys[3] == CacheKey(CacheKind::kGroupMembers, "7"));

  for (const char* text :
       {"", "elsewhere:item:1:a", "sharepoint_audit:item", "sharepoint_audit:item:1",
        "sharepoint_audit::1:a", "sharepoint_audit:item::a", "sharepoint_audit:item:x:a",
        "sharepoint_audit:i{m:1:a", "sharepoint_audit:item:1:a:b", "sharepoint_audit:item:1:%",
        "sharepoint_audit:item:1:%4", "sharepoint_audit:item:1:%zz", "sharepoint_audit:item:1:~ab",
        "sharepoint_audit:item:1:a b\n"}) {
    CAPTURE(text);
    CHECK_FALSE(CacheKey::Parse(text));
  }
}

TEST_CASE("Keys are equal when kind and id are") {
  CHECK(CacheKey(CacheKind::kUser, "a") == CacheKey(CacheKind::kUser, "a"));
  CHECK_FALSE(CacheKey(CacheKind::kUser, "a") == CacheKey(CacheKind::kUser, "b"));
  CHECK_FALSE(CacheKey(CacheKind::kUser, "a") == CacheKey(CacheKind::kSite, "a"));
}

namespace {
// The same function as OpenSSL has it.
Fingerprint OpenSslSipHash(const std::array<std::uint64_t, 2>& key, std::string_view text,
                           unsigned rounds) {
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, "SIPHASH", nullptr);
  EVP_MAC_CTX* context = EVP_MAC_CTX_new(mac);
  std::size_t size = 16;
  unsigned last_rounds = rounds + 2;
  OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                         OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_C_ROUNDS, &rounds),
                         OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_D_ROUNDS, &last_rounds),
                         OSSL_PARAM_construct_end()};
  Fingerprint print;
  unsigned char out[16] = {};
  REQUIRE(EVP_MAC_init(context, reinterpret_cast<const unsigned char*>(key.data()), 16, params));
  REQUIRE(
      EVP_MAC_update(context, reinterpret_cast<const unsigned char*>(text.data()), text.size()));
  REQUIRE(EVP_MAC_final(context, out, &size, sizeof out));
  std::memcpy(&print.low, out, 8);
  std::memcpy(&print.high, out + 8, 8);
  EVP_MAC_CTX_free(context);
  EVP_MAC_free(mac);
  return print;
}
}  // namespace

TEST_CASE("The fingerprint functions are SipHash-1-3 and SipHash-2-4 of 128 bits",
          "[cache][key][S2-12]") {
  const std::array<std::uint64_t, 2> key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
  std::string text;
  for (int length = 0; length < 70; ++length) {
    CAPTURE(length);
    CHECK(SipHash128(key, text) == OpenSslSipHash(key, text, 2));
    CHECK(ShortSipHash128(key, text) == OpenSslSipHash(key, text, 1));
    text += static_cast<char>(length * 37);
  }
}

TEST_CASE("Fingerprints of many keys differ") {
  std::set<std::uint64_t> low, high;
  for (int i = 0; i < 10'000; ++i) {
    const CacheKey key(CacheKind::kItem, std::to_string(i));
    low.insert(key.fingerprint().low);
    high.insert(key.fingerprint().high);
  }
  CHECK(low.size() == 10'000);
  CHECK(high.size() == 10'000);
}
