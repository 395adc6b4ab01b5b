#include "core/log/log.h"

#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/log/terminal_text.h"
#include "tests/catch.h"

namespace spa {
namespace {

const std::string kJwt = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJncmFwaCJ9.c2lnbmF0dXJl";

}  // namespace

TEST_CASE("whatever looks like a token is replaced") {
  const auto [text, redacted] = GENERATE(table<std::string, std::string>({
      {"nothing to hide", "nothing to hide"},
      {"Authorization: Bearer abc.def-123 and more", "Authorization: Bearer *** and more"},
      {"got " + kJwt + "!", "got ***!"},
      {"client_secret=a~b.c&scope=x", "client_secret=***&scope=x"},
      {R"({"access_token":"abc"})", R"({"access_token":"***"})"},
      {"eyJust a word", "eyJust a word"},
      {"bearer ", "bearer "},
  }));

  CHECK(log::Redact(text) == redacted);
}

TEST_CASE("a JSON log line carries time, level, run and fields, without tokens") {
  const std::string line =
      log::RenderJson(log::Level::kWarn, "2026-01-02T03:04:05.678Z", "run-1", "slow \"x\"",
                      {{"url", "https://a\xff"}, {"token", kJwt}});

  const auto json = nlohmann::json::parse(line);
  CHECK(json["time"] == "2026-01-02T03:04:05.678Z");
  CHECK(json["level"] == "warn");
  CHECK(json["run_id"] == "run-1");
  CHECK(json["message"] == "slow \"x\"");
  CHECK(json["token"] == "***");
}

TEST_CASE("a line for a terminal escapes what a tenant could hide in a name") {
  CHECK(log::RenderPlain(log::Level::kError, "cannot read \x1b[2J", {{"site", "a\nb"}}) ==
        "error: cannot read \\x1b[2J site=a\\x0ab");
  CHECK(log::RenderPlain(log::Level::kInfo, "hello", {}) == "hello");
}

TEST_CASE("control, bidi and broken bytes are escaped, everything else stays") {
  const auto [text, escaped] = GENERATE(table<std::string, std::string>({
      {"Gehälter 2026 – 日本 🙂", "Gehälter 2026 – 日本 🙂"},
      {"a\tb\x7f", "a\\x09b\\x7f"},
      {"\u202Egpj.exe", "\\u{202e}gpj.exe"},
      {"\u2066x\u2069", "\\u{2066}x\\u{2069}"},
      {"\u200Bx", "\\u{200b}x"},
      {"\u0085", "\\u{0085}"},
      {"\xff\xc0\xaf", "\\xff\\xc0\\xaf"},
      {"\xe2\x82", "\\xe2\\x82"},
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
  }));

  CHECK(EscapeForTerminal(text) == escaped);
}

TEST_CASE("the log file is private, appended to, and holds the levels asked for") {
  const std::string path = "log_test.jsonl";
  std::remove(path.c_str());
  log::Options options;
  options.file = path;
  options.stderr_level = log::Level::kError;
  options.file_level = log::Level::kDebug;
  REQUIRE(log::Open(options).has_value());

  log::Trace("not this");
  log::Debug("this", {{"n", "1"}});
  REQUIRE(log::Open(options).has_value());
  log::Warn("and this");

  CHECK(log::Enabled(log::Level::kDebug));
  CHECK_FALSE(log::Enabled(log::Level::kTrace));
  std::ifstream file(path);
  std::string first, second, third;
  std::getline(file, first);
  std::getline(file, second);
  CHECK(nlohmann::json::parse(first)["message"] == "this");
  CHECK(nlohmann::json::parse(second)["level"] == "warn");
  CHECK_FALSE(std::getline(file, third));
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  REQUIRE(log::Open({}).has_value());
  std::remove(path.c_str());
}

TEST_CASE("a log file that cannot be opened is bad usage") {
  log::Options options;
  options.file = "/nowhere/log.jsonl";

  const auto opened = log::Open(options);

  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().code == ErrorCode::kUsage);
}

}  // namespace spa
