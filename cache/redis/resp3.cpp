#include "cache/redis/resp3.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace spa {
namespace {

template <class T>
std::optional<T> Number(std::string_view text) {
  T value{};
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return {};
  return value;
}

std::optional<double> Double(std::string_view text) {
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  return Number<double>(text);
}

}  // namespace

std::string_view Resp::ErrorWord() const {
  return std::string_view(text).substr(0, text.find(' '));
}

const Resp* Resp::At(std::string_view key) const {
  if (type != Type::kMap) return nullptr;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i].text == key) return &items[i + 1];
  }
  return nullptr;
}

void RespParser::Feed(std::string_view bytes) {
  if (!fault_.empty()) return;
  if (at_ == buffer_.size()) {
    buffer_.clear();
    at_ = searched_ = 0;
  } else if (at_ > 65536 && at_ > buffer_.size() / 2) {
    buffer_.erase(0, at_);
    searched_ -= std::min(searched_, at_);
    at_ = 0;
  }
  buffer_.append(bytes);
}

std::optional<Resp> RespParser::Next() {
  while (fault_.empty()) {
    Resp value;
    const std::size_t open = open_.size();
    if (!Value(value)) {
      if (open_.size() == open) return {};
      continue;  // An aggregate began; its first element is next.
    }
    // The value is whole; so may be what it stands in.
    for (;;) {
      if (open_.empty()) {
        elements_ = text_bytes_ = 0;
        return value;
      }
      Frame& frame = open_.back();
      frame.value.items.push_back(std::move(value));
      if (--frame.missing > 0) break;
      const bool attribute = frame.attribute;
      value = std::move(frame.value);
      open_.pop_back();
      if (attribute) break;  // It says something about the value that follows, to others.
    }
  }
  return {};
}

// Without its end; nothing where the end has not come.
std::optional<std::string_view> RespParser::Line() {
  const std::size_t from = std::max(at_, searched_);
  const std::size_t end = buffer_.find("\r\n", from);
  const std::size_t length = (end == std::string::npos ? buffer_.size() : end) - at_;
  if (length > limits_.line) {
    Fault("a line is too long");
    return {};
  }
  if (end == std::string::npos) {
    searched_ = std::max(from, buffer_.empty() ? 0 : buffer_.size() - 1);
    return {};
  }
  const std::string_view line = std::string_view(buffer_).substr(at_, length);
  at_ = searched_ = end + 2;
  return line;
}

bool RespParser::Value(Resp& value) {
  if (text_length_) {
    if (buffer_.size() - at_ < *text_length_ + 2) return false;
    if (buffer_.compare(at_ + *text_length_, 2, "\r\n") != 0) {
      return Fault("a string does not end where it should");
    }
    std::string_view text = std::string_view(buffer_).substr(at_, *text_length_);
    if (text_kind_ == '=') {
      if (text.size() < 4 || text[3] != ':') return Fault("a verbatim string has no format");
      text.remove_prefix(4);
    }
    value.type = text_kind_ == '!' ? Resp::Type::kError : Resp::Type::kString;
    value.text = text;
    at_ += *text_length_ + 2;
    text_length_.reset();
    return true;
  }
  const auto line = Line();
  if (!line) return false;
  if (line->empty()) return Fault("an empty line");
  const std::string_view rest = line->substr(1);
  switch (line->front()) {
    case '+':
    case '-':
    case '(':
      value.type = line->front() == '+'   ? Resp::Type::kString
                   : line->front() == '-' ? Resp::Type::kError
                                          : Resp::Type::kBigNumber;
      value.text = rest;
      return true;
    case ':': {
      const auto number = Number<std::int64_t>(rest);
      if (!number) return Fault("an integer is none");
      value.type = Resp::Type::kInteger;
      value.integer = *number;
      return true;
    }
    case ',': {
      const auto number = Double(rest);
      if (!number) return Fault("a number is none");
      value.type = Resp::Type::kDouble;
      value.number = *number;
      return true;
    }
    case '#':
      if (rest != "t" && rest != "f") return Fault("a truth value is neither true nor false");
      value.type = Resp::Type::kBool;
      value.integer = rest == "t";
      return true;
    case '_':
      if (!rest.empty()) return Fault("a null has a value");
      return true;
    case '$':
    case '!':
    case '=': {
      if (rest == "-1" && line->front() == '$') return true;
      const auto length = Number<std::size_t>(rest);
      if (!length || *length > limits_.text || (text_bytes_ += *length) > limits_.text) {
        return Fault("the length of a string is refused");
      }
      text_length_ = *length;
      text_kind_ = line->front();
      return Value(value);
    }
    case '*':
      if (rest == "-1") return true;
      if (rest == "0") {
        value.type = Resp::Type::kArray;
        return true;
      }
      return Begin(Resp::Type::kArray, rest, 1, false);
    case '~':
      if (rest == "0") {
        value.type = Resp::Type::kSet;
        return true;
      }
      return Begin(Resp::Type::kSet, rest, 1, false);
    case '%':
      if (rest == "0") {
        value.type = Resp::Type::kMap;
        return true;
      }
      return Begin(Resp::Type::kMap, rest, 2, false);
    case '>':
      if (!open_.empty()) return Fault("a push stands inside a value");
      return Begin(Resp::Type::kPush, rest, 1, false);
    case '|':
      return Begin(Resp::Type::kMap, rest, 2, true);
    default:
      return Fault("an unknown kind of value");
  }
}

bool RespParser::Begin(Resp::Type type, std::string_view count, std::size_t times, bool attribute) {
  const auto length = Number<std::size_t>(count);
  if (!length || *length == 0 || *length > limits_.elements) {
    return Fault("the length of an aggregate is refused");
  }
  elements_ += *length * times;
  if (elements_ > limits_.elements) return Fault("a value has too many elements");
  if (open_.size() >= limits_.depth) return Fault("a value is too deep");
  Frame frame;
  frame.value.type = type;
  frame.value.items.reserve(std::min<std::size_t>(*length * times, 64));
  frame.missing = *length * times;
  frame.attribute = attribute;
  open_.push_back(std::move(frame));
  return false;
}

bool RespParser::Fault(std::string what) {
  fault_ = std::move(what);
  buffer_.clear();
  at_ = searched_ = 0;
  open_.clear();
  text_length_.reset();
  return false;
}

void AppendCommand(std::string& out, std::span<const std::string_view> words) {
  const auto number = [&out](char kind, std::size_t value) {
    char digits[24];
    digits[0] = kind;
    char* end = std::to_chars(digits + 1, digits + 21, value).ptr;
    *end++ = '\r';
    *end++ = '\n';
    out.append(digits, end);
  };
  number('*', words.size());
  for (const std::string_view word : words) {
    number('$', word.size());
    out.append(word).append("\r\n");
  }
}

void AppendCommand(std::string& out, std::initializer_list<std::string_view> words) {
  AppendCommand(out, std::span<const std::string_view>(words.begin(), words.size()));
}

}  // namespace spa
