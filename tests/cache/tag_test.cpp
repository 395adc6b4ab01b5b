#include "cache/tag.h"

#include "tests/catch.h"

namespace spa {
namespace {

TEST_CASE("A glob matches as redis-cli does", "[cache][tag][S1-07]") {
  struct Case {
    const char* pattern;
    const char* text;
    bool matches;
  };
  // clang-format off
  const Case cases[] = {
      {"*", "", true},               {"*", "anything", true},       {"", "", true},
      {"", "a", false},              {"a", "", false},              {"abc", "abc", true},
      {"abc", "abcd", false},        {"abcd", "abc", false},        {"a*", "abc", true},
      {"*c", "abc", true},           {"a*c", "ac", true},           {"a*b*c", "aXXbYYc", true},
      {"a*b*c", "aXXcYYb", false},   {"**a", "a", true},            {"a**", "a", true},
      {"a?c", "abc", true},          {"a?c", "ac", false},          {"?", "", false},
      {"[abc]x", "bx", true},        {"[abc]x", "dx", false},       {"[a-c]", "b", true},
      {"[c-a]", "b", true},          {"[^a-c]", "b", false},        {"[^a-c]", "d", true},
      {"[a", "a", true},             {"[]", "a", false},            {"[^]", "a", true},
      {"[\\]]", "]", true},          {"\\*", "*", true},            {"\\*", "a", false},
      {"\\?", "?", true},            {"\\[a]", "[a]", true},        {"a\\", "a\\", true},
      {"*[0-9]", "a7", true},        {"*[0-9]", "a7b", false},      {"A", "a", false},
      {"*:group_members:*:g1*", "sharepoint_audit:group_members:1:g17", true},
      {"*:group_members:*:g1*", "sharepoint_audit:user:1:g17", false},
  };
  // clang-format on
  for (const Case& c : cases) {
    CAPTURE(c.pattern, c.text);
    CHECK(Glob(c.pattern).Matches(c.text) == c.matches);
  }
}

TEST_CASE("A malicious glob takes no long time", "[cache][tag][security]") {
  std::string pattern;
  for (int i = 0; i < 30; ++i) pattern += "a*";

  CHECK_FALSE(Glob(pattern + "b").Matches(std::string(2000, 'a')));
}

}  // namespace
}  // namespace spa
