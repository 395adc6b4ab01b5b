#include "report/row_format.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

namespace spa {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Length of the well-formed UTF-8 sequence at the start of `text`, 0 where there is none.
std::size_t SequenceLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (text.size() < length) return 0;
  // The second byte also rules out overlong forms, surrogates and what is beyond U+10FFFF.
  unsigned char low = 0x80, high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  if (byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

// Appends `text`, handing each byte for which special[byte] holds to `handle`; bytes that are no
// UTF-8 are replaced.
template <class Handle>
void AppendUtf8(std::string& out, std::string_view text, const std::array<bool, 128>& special,
                Handle handle) {
  std::size_t start = 0, at = 0;
  while (at < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80 && !special[byte]) {
      ++at;
      continue;
    }
    if (byte >= 0x80) {
      if (const std::size_t length = SequenceLength(text.substr(at)); length > 0) {
        at += length;
        continue;
      }
    }
    out.append(text, start, at - start);
    if (byte < 0x80) {
      handle(byte);
    } else {
      out += kReplacement;
    }
    start = ++at;
  }
  out.append(text, start, at - start);
}

constexpr std::array<bool, 128> kJsonSpecial = [] {
  std::array<bool, 128> special{};
  for (std::size_t i = 0; i < 0x20; ++i) special[i] = true;
  special['"'] = special['\\'] = special[0x7F] = true;
  return special;
}();

constexpr std::array<bool, 128> kHtmlSpecial = [] {
  std::array<bool, 128> special{};
  for (std::size_t i = 0; i < 0x20; ++i) special[i] = true;
  for (const char c : {'"', '\'', '&', '<', '>', '\x7F'})
    special[static_cast<std::size_t>(c)] = true;
  return special;
}();

constexpr std::array<bool, 128> kCsvSpecial = [] {
  std::array<bool, 128> special{};
  special['"'] = true;
  return special;
}();

}  // namespace

std::string ValidUtf8(std::string_view text) {
  std::string valid;
  AppendUtf8(valid, text, {}, [](unsigned char) {});
  return valid;
}

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  AppendUtf8(out, text, kJsonSpecial, [&](unsigned char byte) {
    switch (byte) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += fmt::format("\\u{:04x}", byte);
    }
  });
  out += '"';
}

void AppendHtml(std::string& out, std::string_view text) {
  AppendUtf8(out, text, kHtmlSpecial, [&](unsigned char byte) {
    if (byte < 0x20 || byte == 0x7F) {
      out += byte == '\n' ? ' ' : '?';  // No character of HTML.
    } else {
      out += fmt::format("&#{};", byte);
    }
  });
}

void AppendCsvCell(std::string& out, std::string_view text) {
  const bool formula =
      !text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos;
  const bool quoted = text.find_first_of(",\"\r\n") != std::string_view::npos;
  if (quoted) out += '"';
  if (formula) out += '\'';
  AppendUtf8(out, text, kCsvSpecial, [&](unsigned char) { out += "\"\""; });
  if (quoted) out += '"';
}

RowFormat::RowFormat(const ExportOptions& options, std::vector<std::string_view> columns)
    : format_(options.format), excel_(options.excel), columns_(std::move(columns)) {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::string lead;
    if (format_ == ExportOptions::Format::kCsv) {
      if (i > 0) lead = ",";
    } else if (!is_xlsx()) {
      lead = fmt::format("{}\"{}\":", i == 0 ? "{" : ",", columns_[i]);
    }
    leads_.push_back(std::move(lead));
  }
}

std::string RowFormat::Head() const {
  if (format_ == ExportOptions::Format::kJsonl || is_xlsx()) return {};
  if (format_ == ExportOptions::Format::kJson) return "[\n";
  return fmt::format("{}{}\r\n", excel_ ? "\xEF\xBB\xBF" : "", fmt::join(columns_, ","));
}

std::string_view RowFormat::Separator() const {
  return format_ == ExportOptions::Format::kJson ? ",\n" : "";
}

std::string_view RowFormat::Tail() const {
  return format_ == ExportOptions::Format::kJson ? "\n]\n" : "";
}

void RowFormat::Lead(std::string& out, std::size_t column) const { out += leads_[column]; }

void RowFormat::Raw(std::string& out, std::size_t column, std::string_view text) const {
  Lead(out, column);
  out += text;
}

void RowFormat::Pack(std::string& out, CellKind kind, std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  out += static_cast<char>(kind);
  out.append(reinterpret_cast<const char*>(&size), sizeof size);
  out += text;
}

void RowFormat::EachCell(std::string_view row,
                         const std::function<void(CellKind, std::string_view)>& use) {
  while (!row.empty()) {
    std::uint32_t size = 0;
    row.substr(1).copy(reinterpret_cast<char*>(&size), sizeof size);
    use(static_cast<CellKind>(row.front()), row.substr(1 + sizeof size, size));
    row.remove_prefix(1 + sizeof size + size);
  }
}

void RowFormat::Text(std::string& out, std::size_t column, std::string_view text) const {
  if (is_xlsx()) return Pack(out, CellKind::kText, text);
  Lead(out, column);
  if (format_ == ExportOptions::Format::kCsv) {
    AppendCsvCell(out, text);
  } else {
    AppendJsonString(out, text);
  }
}

void RowFormat::TextOrNull(std::string& out, std::size_t column,
                           std::optional<std::string_view> text) const {
  if (text) {
    Text(out, column, *text);
  } else if (is_xlsx()) {
    Pack(out, CellKind::kNone, "");
  } else {
    Raw(out, column, format_ == ExportOptions::Format::kCsv ? "" : "null");
  }
}

void RowFormat::Bool(std::string& out, std::size_t column, std::optional<bool> value) const {
  if (value && is_xlsx()) {
    Pack(out, CellKind::kBool, *value ? "true" : "");
  } else if (value) {
    Raw(out, column, *value ? "true" : "false");
  } else {
    TextOrNull(out, column, std::nullopt);
  }
}

void RowFormat::Int(std::string& out, std::size_t column, std::optional<std::int64_t> value) const {
  if (value && is_xlsx()) {
    Pack(out, CellKind::kNumber, fmt::format_int(*value).c_str());
  } else if (value) {
    Raw(out, column, fmt::format_int(*value).c_str());
  } else {
    TextOrNull(out, column, std::nullopt);
  }
}

void RowFormat::List(std::string& out, std::size_t column, std::string_view json) const {
  if (format_ != ExportOptions::Format::kCsv && !is_xlsx()) {
    Raw(out, column, json);
    return;
  }
  std::string joined;
  if (json != "[]") {
    const auto list = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
    for (const auto& text : list) {
      if (!text.is_string()) continue;
      if (!joined.empty()) joined += ';';
      joined += text.get_ref<const std::string&>();
    }
  }
  Text(out, column, joined);
}

void RowFormat::Json(std::string& out, std::size_t column, std::string_view json) const {
  if (format_ == ExportOptions::Format::kCsv || is_xlsx()) {
    Text(out, column, json);
  } else {
    Raw(out, column, json);
  }
}

void RowFormat::EndRow(std::string& out) const {
  switch (format_) {
    case ExportOptions::Format::kJsonl:
      out += "}\n";
      break;
    case ExportOptions::Format::kJson:
      out += '}';
      break;
    case ExportOptions::Format::kCsv:
      out += "\r\n";
      break;
    case ExportOptions::Format::kXlsx:
      break;
  }
}

}  // namespace spa
