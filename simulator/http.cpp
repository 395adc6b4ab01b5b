#include "simulator/http.h"

#include <ctime>

#include "simulator/directory.h"

namespace spa::sim {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string Format(const char* format, std::time_t time) {
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[64];
  return std::string(text, std::strftime(text, sizeof text, format, &parts));
}

}  // namespace

std::string PercentDecode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexValue(text[i + 1]) >= 0 &&
        HexValue(text[i + 2]) >= 0) {
      out += static_cast<char>(HexValue(text[i + 1]) * 16 + HexValue(text[i + 2]));
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::string PercentEncode(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (unsigned char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += static_cast<char>(c);
    } else {
      out += '%';
      out += kHex[c >> 4];
      out += kHex[c & 15];
    }
  }
  return out;
}

std::map<std::string, std::string> ParseQuery(std::string_view text, bool plus_is_space) {
  std::map<std::string, std::string> query;
  while (!text.empty()) {
    const auto end = text.find('&');
    const auto pair = text.substr(0, end);
    const auto equals = pair.find('=');
    auto value = equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    if (!pair.empty()) {
      query[Lower(PercentDecode(pair.substr(0, equals)))] = PercentDecode(value, plus_is_space);
    }
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return query;
}

Request::Request(std::string method_, std::string target_)
    : method(std::move(method_)), target(std::move(target_)) {
  const auto mark = target.find('?');
  path = target.substr(0, mark);
  query = ParseQuery(RawQuery());
}

std::string_view Request::Header(const std::string& lower_name) const {
  const auto found = headers.find(lower_name);
  return found == headers.end() ? std::string_view() : found->second;
}

std::string_view Request::Query(const std::string& lower_name) const {
  const auto found = query.find(lower_name);
  return found == query.end() ? std::string_view() : found->second;
}

std::string Request::Origin() const { return scheme + "://" + std::string(Header("host")); }

std::string_view Request::RawQuery() const {
  const auto mark = target.find('?');
  return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

std::string HttpDate(long seconds_since_epoch) {
  return Format("%a, %d %b %Y %H:%M:%S GMT", static_cast<std::time_t>(seconds_since_epoch));
}

std::string TimeStamp() { return Format("%Y-%m-%dT%H:%M:%S", std::time(nullptr)); }

}  // namespace spa::sim
