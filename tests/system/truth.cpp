#include "tests/system/truth.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <tuple>
#include <vector>

#include "tests/catch.h"

namespace spa::testing {
namespace {

constexpr std::size_t kShown = 5;    // of each kind
constexpr std::size_t kWidth = 400;  // of a line

const std::vector<std::string_view> kKey = {"object_type", "object_id", "grant_id"};
const std::vector<std::string_view> kContent = {
    "site_url",     "object_url",     "inherits",        "scope_object_id",   "principal_type",
    "principal_id", "principal_name", "principal_login", "principal_email",   "role",
    "link_scope",   "link_type",      "link_expires_at", "link_has_password", "link_people"};
const std::vector<std::string_view> kItemKey = {"object_type", "object_id", "principal_type",
                                                "principal_id", "link_scope"};
const std::vector<std::string_view> kItemContent = {"role"};

std::uint64_t Hash(std::string_view text, std::uint64_t seed) {
  std::uint64_t hash = seed;
  for (const unsigned char letter : text) {
    hash = (hash ^ letter) * 0x100000001b3;
    hash ^= hash >> 29;
  }
  return hash;
}

struct Row {
  std::uint64_t key[2] = {};
  std::uint64_t content = 0;
  std::uint64_t levels = 0;  // Of the source too; the lowest bit says rest.
  bool rest() const { return (levels & 1) != 0; }
  bool operator<(const Row& other) const {
    return std::tie(key[0], key[1], content, levels) <
           std::tie(other.key[0], other.key[1], other.content, other.levels);
  }
};

class Reader {
 public:
  explicit Reader(Compare what)
      : items_only_(what == Compare::kAccessToItems),
        key_(items_only_ ? kItemKey : kKey),
        content_(items_only_ ? kItemContent : kContent) {}

  // False where the line is not compared.
  bool Read(std::string_view line, Row& row) {
    simdjson::dom::element element;
    padded_.assign(line.begin(), line.end());
    padded_.reserve(line.size() + simdjson::SIMDJSON_PADDING);
    const auto failed = parser_.parse(padded_.data(), line.size(), false).get(element);
    INFO("line: " << line);
    REQUIRE_FALSE(failed);
    if (items_only_) {
      const std::string_view type = element["object_type"].get_string();
      if (type != "file" && type != "folder" && type != "library") return false;
    }
    text_.clear();
    for (const auto field : key_) Append(element, field);
    row.key[0] = Hash(text_, 0xcbf29ce484222325);
    row.key[1] = Hash(text_, 0x9e3779b97f4a7c15);
    text_.clear();
    for (const auto field : content_) Append(element, field);
    row.content = Hash(text_, 0xcbf29ce484222325);
    text_.clear();
    if (!items_only_) Append(element, "levels");
    const bool rest = !items_only_ && element["source"].get_string().value() == "rest";
    row.levels = (Hash(text_, 0xcbf29ce484222325) & ~std::uint64_t{1}) | (rest ? 1 : 0);
    return true;
  }

 private:
  // Lists are compared as sets: the contract gives them no order.
  void Append(simdjson::dom::element element, std::string_view field) {
    auto value = element[field];
    simdjson::dom::array array;
    if (value.get(array) == simdjson::SUCCESS) {
      std::vector<std::string> parts;
      for (const auto part : array) parts.push_back(simdjson::minify(part));
      std::sort(parts.begin(), parts.end());
      text_ += fmt::format("[{}]", fmt::join(parts, ","));
    } else {
      text_ += value.error() ? "absent" : simdjson::minify(value.value());
    }
    text_ += '\n';
  }

  bool items_only_;
  const std::vector<std::string_view>&key_, &content_;
  simdjson::dom::parser parser_;
  std::string padded_, text_;
};

std::vector<Row> ReadAll(const Lines& lines, Compare what) {
  Reader reader(what);
  std::vector<Row> rows;
  lines([&](std::string_view line) {
    Row row;
    if (reader.Read(line, row)) rows.push_back(row);
  });
  std::sort(rows.begin(), rows.end());
  return rows;
}

bool SameKey(const Row& a, const Row& b) { return a.key[0] == b.key[0] && a.key[1] == b.key[1]; }
bool KeyBefore(const Row& a, const Row& b) {
  return std::tie(a.key[0], a.key[1]) < std::tie(b.key[0], b.key[1]);
}
bool SameContent(const Row& a, const Row& b) {
  return a.content == b.content && (!a.rest() || !b.rest() || a.levels == b.levels);
}

enum class Kind { kMissing, kExtra, kDifferent };

using Keys = std::map<std::pair<std::uint64_t, std::uint64_t>, Kind>;

// A few of each kind, so that many of one hide none of another.
void Note(Keys& keys, const Row& row, Kind kind, std::size_t seen) {
  if (seen <= kShown) keys.emplace(std::pair(row.key[0], row.key[1]), kind);
}

// "field: truth | export" for the fields that differ.
std::string Fields(const std::string& truth, const std::string& exported) {
  simdjson::dom::parser first, second;
  const simdjson::dom::object a = first.parse(truth);
  const simdjson::dom::object b = second.parse(exported);
  std::string text;
  for (const auto field : a) {
    const std::string expected = simdjson::minify(field.value);
    auto found = b[field.key];
    const std::string got = found.error() ? "absent" : simdjson::minify(found.value());
    if (expected != got) text += fmt::format("\n    {}: {} | {}", field.key, expected, got);
  }
  return text;
}

std::string Tell(const Keys& keys, const Lines& truth, const Lines& exported, Compare what) {
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::pair<std::string, std::string>> found;
  Reader reader(what);
  const auto fetch = [&](const Lines& lines, bool first) {
    lines([&](std::string_view line) {
      Row row;
      if (!reader.Read(line, row) || !keys.contains({row.key[0], row.key[1]})) return;
      auto& pair = found[{row.key[0], row.key[1]}];
      (first ? pair.first : pair.second) = line;
    });
  };
  fetch(truth, true);
  fetch(exported, false);
  std::string text;
  for (const auto& [key, kind] : keys) {
    const auto& [expected, got] = found[key];
    switch (kind) {
      case Kind::kMissing:
        text += "\n  missing: " + expected.substr(0, kWidth);
        break;
      case Kind::kExtra:
        text += "\n  extra:   " + got.substr(0, kWidth);
        break;
      case Kind::kDifferent:
        text += "\n  differs (truth | export): " + got.substr(0, kWidth) + Fields(expected, got);
        break;
    }
  }
  return text;
}

}  // namespace

Lines LinesOfFile(std::string path) {
  return [path = std::move(path)](const Line& line) {
    std::ifstream file(path, std::ios::binary);
    REQUIRE(file);
    for (std::string text; std::getline(file, text);) line(text);
  };
}

Lines LinesOfText(std::string text) {
  return [text = std::move(text)](const Line& line) {
    std::istringstream stream(text);
    for (std::string one; std::getline(stream, one);) line(one);
  };
}

Comparison CompareLines(const Lines& truth, const Lines& exported, Compare what) {
  const std::vector<Row> expected = ReadAll(truth, what), found = ReadAll(exported, what);
  Comparison result;
  result.expected = expected.size();
  result.found = found.size();
  Keys keys;
  auto a = expected.begin();
  auto b = found.begin();
  while (a != expected.end() || b != found.end()) {
    if (b == found.end() || (a != expected.end() && KeyBefore(*a, *b))) {
      Note(keys, *a++, Kind::kMissing, ++result.missing);
    } else if (a == expected.end() || !SameKey(*a, *b)) {
      Note(keys, *b++, Kind::kExtra, ++result.extra);
    } else {
      if (!SameContent(*a, *b)) Note(keys, *a, Kind::kDifferent, ++result.different);
      ++a;
      ++b;
    }
  }
  if (keys.empty()) return result;
  result.report =
      fmt::format("{} lines are true, {} exported: {} missing, {} extra, {} different",
                  result.expected, result.found, result.missing, result.extra, result.different) +
      Tell(keys, truth, exported, what);
  return result;
}

void CheckEqual(const Comparison& comparison) {
  CHECK(comparison.expected > 0);
  CHECK(comparison.missing == 0);
  CHECK(comparison.extra == 0);
  CHECK(comparison.different == 0);
  // Not through Catch, which would wrap it.
  if (!comparison.report.empty()) std::cerr << comparison.report << '\n';
}

}  // namespace spa::testing
