#include "core/store/url_segment.h"

#include <array>

namespace spa {
namespace {

constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (char c = '0'; c <= '9'; ++c) plain[static_cast<unsigned char>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) plain[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) plain[static_cast<unsigned char>(c)] = true;
  for (const char c : std::string_view("-._~!$'()*+,;=:@")) {
    plain[static_cast<unsigned char>(c)] = true;
  }
  return plain;
}();

void SegmentFunction(sqlite3_context* context, int, sqlite3_value** arguments) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(arguments[0]));
  if (text == nullptr) return;
  const std::string_view name(text, static_cast<std::size_t>(sqlite3_value_bytes(arguments[0])));
  if (StandsForItself(name)) return;
  const std::string segment = UrlSegment(name);
  sqlite3_result_text64(context, segment.data(), segment.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

}  // namespace

bool StandsForItself(std::string_view name) {
  for (const char c : name) {
    if (!kPlain[static_cast<unsigned char>(c)]) return false;
  }
  return true;
}

std::string UrlSegment(std::string_view name) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string segment;
  segment.reserve(name.size() + 16);
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (kPlain[byte]) {
      segment += c;
    } else {
      segment += '%';
      segment += kHex[byte >> 4];
      segment += kHex[byte & 15];
    }
  }
  return segment;
}

void AddUrlSegmentFunction(sqlite::Database& db) {
  const int code =
      sqlite3_create_function_v2(db.handle(), "url_segment", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                 nullptr, SegmentFunction, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) db.Fail(code);
}

}  // namespace spa
