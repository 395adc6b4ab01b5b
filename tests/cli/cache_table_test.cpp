// The table of the verbs of `cache`, and the words that are typed after them.
#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "cli/cache/answer.h"
#include "cli/cache/key_words.h"
#include "cli/cache/verbs.h"
#include "cli/command_line.h"
#include "tests/catch.h"

namespace spa {
namespace {

Flags Parsed(const std::vector<std::string>& arguments) {
  const auto parsed = ParseCommandLine(arguments);
  INFO((parsed ? "" : parsed.error().message));
  REQUIRE(parsed.has_value());
  return parsed->flags;
}

CacheCall CallOf(const Invocation& invocation) { return CacheCall(invocation, Config()); }

std::vector<std::string> Patterns(std::string_view text) {
  std::vector<std::string> patterns;
  for (const Glob& glob : PatternTyped(text)) patterns.push_back(glob.pattern);
  return patterns;
}

}  // namespace

TEST_CASE("Every verb of cache is a command with help, and every example parses", "[cli][cache]") {
  std::set<std::string> commands;
  for (const CommandInfo& command : DescribeCommands()) commands.insert(command.name);

  for (const CacheVerb& verb : CacheVerbs()) {
    INFO(verb.name);
    CHECK_FALSE(verb.help.empty());
    for (const std::string& id : SplitWords(verb.options)) CHECK_NOTHROW(CacheOptionOf(id));
    if (verb.run != nullptr && verb.example.empty()) continue;  // Not advertised.
    CHECK(commands.contains("cache " + std::string(verb.name)));
    if (verb.run == nullptr) continue;
    std::vector<std::string> words = {"cache"};
    for (const std::string& word : SplitWords(verb.example)) words.push_back(word);
    CHECK(Parsed(words).command == "cache " + std::string(verb.name));
  }
}

TEST_CASE("Every option of the table is one of some verb", "[cli][cache]") {
  std::set<std::string> used;
  for (const CacheVerb& verb : CacheVerbs()) {
    for (const std::string& id : SplitWords(verb.options)) used.insert(id);
  }

  for (const CacheOption& option : CacheOptions()) {
    INFO(option.id);
    CHECK(used.contains(std::string(option.id)));
  }
}

TEST_CASE("The short spellings set the same keys", "[cli][cache]") {
  const Flags flags = Parsed({"cache", "policy", "--l2", "none", "--l1-entries", "100"});

  CHECK(flags.keys.at("cache.l2") == "none");
  CHECK(flags.keys.at("cache.local_cache_size") == "100");
  CHECK_FALSE(ParseCommandLine({"audit", "--l2", "none"}).has_value());
}

TEST_CASE("Options are read as what they are", "[cli][cache]") {
  Invocation invocation;
  invocation.flags.options = {{"json", {}}, {"bytes", {"12"}}, {"timeout", {"100ms"}}};
  const CacheCall call = CallOf(invocation);

  CHECK(call.json());
  CHECK_FALSE(call.Has("explain"));
  CHECK(*call.Number("bytes", 1) == 12);
  CHECK(*call.Number("count", 7) == 7);
  CHECK(*call.Duration("timeout", {}) == std::chrono::milliseconds(100));
  CHECK(*call.Duration("ttl", std::chrono::seconds(3)) == std::chrono::seconds(3));
  CHECK(call.Text("bytes") == "12");
  CHECK(call.All("tag").empty());
}

TEST_CASE("Numbers and durations that are none are bad usage", "[cli][cache]") {
  Invocation invocation;
  invocation.flags.options = {{"bytes", {"many"}}, {"count", {"0"}}, {"ttl", {"soon"}}};
  const CacheCall call = CallOf(invocation);

  CHECK(call.Number("bytes", 1).error().code == ErrorCode::kUsage);
  CHECK(call.Number("count", 1).error().code == ErrorCode::kUsage);
  CHECK(call.Duration("ttl", {}).error().code == ErrorCode::kUsage);
}

TEST_CASE("A key may be typed in full or short", "[cli][cache][key]") {
  const std::string whole = "sharepoint_audit:group_members:2:4711";

  CHECK(KeyTyped(whole).text() == whole);
  CHECK(KeyTyped("group_members:2:4711").text() == whole);
  CHECK(KeyTyped("group_members:4711").text() == whole);
  CHECK(KeyTyped("group_members:4711").kind() == CacheKind::kGroupMembers);
  CHECK(KeyTyped("k").text() == "sharepoint_audit:unnamed:1:k");
  CHECK(KeyTyped("other:k").text() == "sharepoint_audit:unnamed:1:other%3Ak");
}

TEST_CASE("A pattern may leave out what a key may", "[cli][cache]") {
  using Texts = std::vector<std::string>;
  CHECK(Patterns("") == Texts{"sharepoint_audit:*"});
  CHECK(Patterns("sharepoint_audit:*") == Texts{"sharepoint_audit:*"});
  CHECK(Patterns("group_members:1*") == Texts{"sharepoint_audit:group_members:*:1*"});
  CHECK(Patterns("group_members:2:4*") == Texts{"sharepoint_audit:group_members:2:4*"});
  CHECK(Patterns("token*") ==
        Texts{"sharepoint_audit:token*", "sharepoint_audit:unnamed:*:token*"});
}

TEST_CASE("Points in time are typed in three ways", "[cli][cache]") {
  const CacheTime now(std::chrono::seconds(1'000'000));

  CHECK(*MomentTyped("+90s", now) == now + std::chrono::seconds(90));
  CHECK(*MomentTyped("1970-01-01T00:00:05Z", now) == CacheTime(std::chrono::seconds(5)));
  CHECK(*MomentTyped("5", now) == CacheTime(std::chrono::seconds(5)));
  for (const char* text : {"", "+soon", "tomorrow", "1970-01-01"}) {
    CHECK(MomentTyped(text, now).error().code == ErrorCode::kUsage);
  }
}

TEST_CASE("The document has the table of verbs as it is", "[cli][cache][S1-55]") {
  std::ifstream file(std::string(SPA_SOURCE_DIR) + "/docs/cache.md");
  std::ostringstream text;
  text << file.rdbuf();

  INFO("paste `sharepoint-audit cache reference` into docs/cache.md");
  CHECK(text.str().find(DescribeCacheVerbs()) != std::string::npos);
}

TEST_CASE("A tag is an index and a value", "[cli][cache]") {
  CHECK(*TagTyped("site=a=b") == Tag("site", "a=b"));
  for (const char* text : {"", "site", "=a", "site="}) CHECK_FALSE(TagTyped(text).has_value());
}

TEST_CASE("An answer is a table for people, escaped", "[cli][cache]") {
  const Json answer = {{"name", "a\x1b[1mb"},
                       {"total", {{"hits", 1}, {"rate", 0.5}}},
                       {"nodes", Json::array({{{"name", "n1"}, {"ops", 2}}})}};

  const std::string text = RenderJson(answer);

  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find("total.hits  1") != std::string::npos);
  CHECK(text.find("nodes:\nNAME  OPS\nn1    2\n") != std::string::npos);
}

}  // namespace spa
