// JsonOut writes JSON straight into a string: commas and escapes are its care, nesting the
// caller's. Fast enough for pages of 200 items at thousands a second; holds nothing but the
// reference.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace spa::sim {

void AppendJsonString(std::string& out, std::string_view text);  // With the quotes.

class JsonOut {
 public:
  explicit JsonOut(std::string& out) : out_(out) {}

  std::string& raw() { return out_; }

  JsonOut& Key(std::string_view key) {
    Comma();
    out_ += '"';
    out_ += key;
    out_ += "\":";
    return *this;
  }
  JsonOut& Open(char bracket) {  // '{' or '[': as an array's element, or after Key
    Comma();
    out_ += bracket;
    return *this;
  }
  JsonOut& Open(std::string_view key, char bracket) { return Key(key).Open(bracket); }
  JsonOut& Close(char bracket) {
    out_ += bracket;
    return *this;
  }
  JsonOut& String(std::string_view value) {
    Comma();
    AppendJsonString(out_, value);
    return *this;
  }
  JsonOut& Field(std::string_view key, std::string_view value) { return Key(key).String(value); }
  JsonOut& Field(std::string_view key, const char* value) {
    return Key(key).String(std::string_view(value));
  }
  JsonOut& Field(std::string_view key, const std::string& value) {
    return Key(key).String(std::string_view(value));
  }
  JsonOut& Field(std::string_view key, std::same_as<bool> auto value) {
    return Raw(key, value ? "true" : "false");
  }
  template <std::integral T>
  requires(!std::same_as<T, bool>) JsonOut& Field(std::string_view key, T value) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    return Raw(key, {digits, static_cast<std::size_t>(end - digits)});
  }
  JsonOut& Null(std::string_view key) { return Raw(key, "null"); }
  JsonOut& Raw(std::string_view key, std::string_view json) {
    Key(key);
    out_ += json;
    return *this;
  }

 private:
  void Comma() {
    if (out_.empty()) return;
    const char last = out_.back();
    if (last != '{' && last != '[' && last != ':' && last != '\n') out_ += ',';
  }

  std::string& out_;
};

}  // namespace spa::sim
