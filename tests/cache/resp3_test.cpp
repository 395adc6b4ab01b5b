#include "cache/redis/resp3.h"

#include <random>

#include "tests/catch.h"

namespace spa {
namespace {

using Type = Resp::Type;

// All values of the bytes, given in pieces of `step` bytes.
std::vector<Resp> Parse(std::string_view bytes, std::size_t step, std::string* fault = nullptr) {
  RespParser parser;
  std::vector<Resp> values;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    parser.Feed(bytes.substr(at, step));
    while (auto value = parser.Next()) values.push_back(std::move(*value));
  }
  if (fault) *fault = parser.fault();
  return values;
}

// One line that tells a value.
std::string Show(const Resp& value) {
  static constexpr const char* kNames[] = {"null", "string", "error", "integer", "double", "bool",
                                           "big",  "array",  "set",   "map",     "push"};
  std::string text = kNames[static_cast<std::size_t>(value.type)];
  if (!value.text.empty()) text += " " + value.text;
  if (value.type == Type::kInteger || value.type == Type::kBool) {
    text += " " + std::to_string(value.integer);
  }
  if (value.type == Type::kDouble) text += fmt::format(" {}", value.number);
  if (value.items.empty()) return text;
  text += " [";
  for (const Resp& item : value.items) text += Show(item) + ";";
  return text + "]";
}

TEST_CASE("Every kind of RESP3 value is read, whatever the pieces it comes in", "[cache][redis]") {
  const std::pair<std::string, std::string> rows[] = {
      {"+OK\r\n", "string OK"},
      {"$5\r\nhe\r\no\r\n", "string he\r\no"},
      {"$0\r\n\r\n", "string"},
      {"=7\r\ntxt:abc\r\n", "string abc"},
      {"-WRONGPASS no\r\n", "error WRONGPASS no"},
      {"!8\r\nERR long\r\n", "error ERR long"},
      {":-42\r\n", "integer -42"},
      {",1.5\r\n", "double 1.5"},
      {",inf\r\n", "double inf"},
      {"#t\r\n", "bool 1"},
      {"#f\r\n", "bool 0"},
      {"_\r\n", "null"},
      {"$-1\r\n", "null"},
      {"*-1\r\n", "null"},
      {"(3492890328409238509324850943850943825024385\r\n",
       "big 3492890328409238509324850943850943825024385"},
      {"*0\r\n", "array"},
      {"%0\r\n", "map"},
      {"~0\r\n", "set"},
      {"*2\r\n:1\r\n*1\r\n$1\r\nx\r\n", "array [integer 1;array [string x;];]"},
      {"%1\r\n+a\r\n_\r\n", "map [string a;null;]"},
      {"~2\r\n+a\r\n+b\r\n", "set [string a;string b;]"},
      {">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n", "push [string invalidate;array [string k;];]"},
      {">2\r\n+invalidate\r\n_\r\n", "push [string invalidate;null;]"},
      {"|1\r\n+ttl\r\n:3\r\n+OK\r\n", "string OK"},
      {"*2\r\n|1\r\n+ttl\r\n:3\r\n+a\r\n+b\r\n", "array [string a;string b;]"},
  };
  std::string all, shown;
  for (const auto& [bytes, text] : rows) {
    all += bytes;
    shown += text + "|";
  }
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{7}, all.size()}) {
    std::string got, fault;
    for (const Resp& value : Parse(all, step, &fault)) got += Show(value) + "|";
    CHECK(got == shown);
    CHECK(fault.empty());
  }
}

TEST_CASE("What is no RESP3 is a fault and never more", "[cache][redis]") {
  const std::string rows[] = {
      "HTTP/1.1 400\r\n",
      "\r\n",
      ":12x\r\n",
      ":\r\n",
      ":99999999999999999999\r\n",
      ",abc\r\n",
      "#x\r\n",
      "_x\r\n",
      "$-2\r\n",
      "$?\r\n",
      "*?\r\n",
      "$99999999999\r\n",
      "*99999999999\r\n",
      "%600000\r\n",
      "*-5\r\n",
      "|0\r\n",
      ">0\r\n",
      "*1\r\n>1\r\n+x\r\n",
      "$1\r\nxyz",
      "=3\r\nabc\r\n",
      "+" + std::string(70'000, 'a'),
  };
  for (const std::string& bytes : rows) {
    INFO(bytes.substr(0, 40));
    for (const std::size_t step : {std::size_t{1}, bytes.size()}) {
      std::string fault;
      CHECK(Parse(bytes, step, &fault).empty());
      CHECK_FALSE(fault.empty());
    }
  }
  std::string deep, fault;
  for (int i = 0; i < 100'000; ++i) deep += "*1\r\n";
  CHECK(Parse(deep, 4096, &fault).empty());
  CHECK(fault == "a value is too deep");
}

TEST_CASE("Random bytes never harm the RESP3 parser", "[cache][redis]") {
  std::mt19937 random(1);
  constexpr std::string_view kLikely = "+-:,#_$!=*%~>|(0123456789\r\n\r\n\r\nabt";
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    const std::size_t length = random() % 60;
    for (std::size_t i = 0; i < length; ++i) {
      bytes += random() % 8 == 0 ? static_cast<char>(random()) : kLikely[random() % kLikely.size()];
    }
    std::string whole, pieces;
    for (const Resp& value : Parse(bytes, 64)) whole += Show(value) + "|";
    for (const Resp& value : Parse(bytes, 1)) pieces += Show(value) + "|";
    REQUIRE(whole == pieces);
  }
}

TEST_CASE("A command is an array of its words", "[cache][redis]") {
  std::string out;
  AppendCommand(out, {"SET", "k", std::string_view("\0\r\n", 3)});
  CHECK(out == std::string("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\n\0\r\n\r\n", 29));
}

TEST_CASE("A map is asked by key and an error has a word", "[cache][redis]") {
  const auto values = Parse("%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n-NOSCRIPT none\r\n", 3);
  REQUIRE(values.size() == 2);
  REQUIRE(values[0].At("b"));
  CHECK(values[0].At("b")->integer == 2);
  CHECK_FALSE(values[0].At("c"));
  CHECK(values[1].ErrorWord() == "NOSCRIPT");
}

}  // namespace
}  // namespace spa
