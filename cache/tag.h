// Tag and Selector: ways to name many entries at once.
//
// A tag is a word of an index: {"jti", "4711"}, {"site", "hr"}. An entry carries its tags in its
// envelope; the index of a tag (which keys carry it) is a hint that is verified on read.
// Erasing by tag writes one stamp, "whatever carries this tag and is older is gone", and costs the
// same for one entry and a million.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <variant>

namespace spa {

struct Tag {
  Tag() = default;
  Tag(std::string index, std::string value) : index(std::move(index)), value(std::move(value)) {}
  std::string index, value;
  friend auto operator<=>(const Tag&, const Tag&) = default;
};

// '*' any run of bytes, '?' one byte, "[a-c]" one of a set, '\' takes the next byte as it is; over
// the whole key text, as `redis-cli --scan --pattern` does.
struct Glob {
  explicit Glob(std::string pattern) : pattern(std::move(pattern)) {}
  std::string pattern;
  bool Matches(std::string_view text) const;
};

using Selector = std::variant<Glob, Tag>;

}  // namespace spa
