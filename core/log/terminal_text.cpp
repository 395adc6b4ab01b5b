#include "core/log/terminal_text.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>

namespace spa {
namespace {

struct CodePoint {
  std::uint32_t value;
  std::size_t length;
};

// The well-formed code point at the start of `text`.
std::optional<CodePoint> Decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return CodePoint{lead, 1};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return std::nullopt;
  std::uint32_t value = lead & (0x7F >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return std::nullopt;
    value = value << 6 | (byte(i) & 0x3F);
  }
  constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < kSmallest[length] || value > 0x10FFFF || surrogate) return std::nullopt;
  return CodePoint{value, length};
}

bool IsUnsafe(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) ||         // controls
         c == 0x061C || (c >= 0x200B && c <= 0x200F) ||  // marks, zero width
         (c >= 0x2028 && c <= 0x202E) ||                 // separators, bidi embeddings
         (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xE0000 && c <= 0xE007F);
}

}  // namespace

std::string EscapeForTerminal(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  while (!text.empty()) {
    const auto point = Decode(text);
    if (!point) {
      safe += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
      text.remove_prefix(1);
      continue;
    }
    if (!IsUnsafe(point->value)) {
      safe.append(text.substr(0, point->length));
    } else if (point->value < 0x80) {
      safe += fmt::format("\\x{:02x}", point->value);
    } else {
      safe += fmt::format("\\u{{{:04x}}}", point->value);
    }
    text.remove_prefix(point->length);
  }
  return safe;
}

}  // namespace spa
