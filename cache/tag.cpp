#include "cache/tag.h"

#include <optional>

namespace spa {
namespace {

// Does the set that begins after '[' hold `c`? Moves `at` behind its ']'. As Redis does, a set that
// is never closed reaches to the end of the pattern.
bool InSet(std::string_view pattern, std::size_t& at, char c) {
  const bool negated = at < pattern.size() && pattern[at] == '^';
  if (negated) ++at;
  const auto byte = [](char x) { return static_cast<unsigned char>(x); };
  bool found = false;
  for (; at < pattern.size() && pattern[at] != ']'; ++at) {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) {
      found |= pattern[++at] == c;
    } else if (at + 2 < pattern.size() && pattern[at + 1] == '-') {
      auto low = byte(pattern[at]), high = byte(pattern[at + 2]);
      if (low > high) std::swap(low, high);
      found |= low <= byte(c) && byte(c) <= high;
      at += 2;
    } else {
      found |= pattern[at] == c;
    }
  }
  if (at < pattern.size()) ++at;
  return found != negated;
}

}  // namespace

// Only the last '*' is ever gone back to, so the time is bounded by pattern times text: a pattern
// from outside cannot make it exponential.
bool Glob::Matches(std::string_view text) const {
  const std::string_view wanted = pattern;
  struct Star {
    std::size_t pattern, text;  // Where to go on, when the star has to take one byte more.
  };
  std::optional<Star> star;
  std::size_t at = 0, in = 0;
  while (in < text.size() || at < wanted.size()) {
    if (at < wanted.size() && wanted[at] == '*') {
      star = Star{++at, in};
      continue;
    }
    bool matched = false;
    if (at < wanted.size() && in < text.size()) {
      const char c = wanted[at++];
      if (c == '?') {
        matched = true;
      } else if (c == '[') {
        matched = InSet(wanted, at, text[in]);
      } else {
        matched = (c == '\\' && at < wanted.size() ? wanted[at++] : c) == text[in];
      }
    }
    if (matched) {
      ++in;
    } else if (star && star->text < text.size()) {
      at = star->pattern;
      in = ++star->text;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace spa
