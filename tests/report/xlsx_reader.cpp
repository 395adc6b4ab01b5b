#include "tests/report/xlsx_reader.h"

#include <fmt/format.h>
#include <zlib.h>

#include <cstdint>
#include <cstdlib>

#include "tests/catch.h"

namespace spa::testing {
namespace {

std::size_t Number(const std::string& bytes, std::size_t at, int count) {
  std::size_t number = 0;
  for (int i = count - 1; i >= 0; --i) {
    number = number << 8 | static_cast<unsigned char>(bytes.at(at + static_cast<std::size_t>(i)));
  }
  return number;
}

std::string Inflated(const std::string& packed, std::size_t size) {
  std::string plain(size, '\0');
  z_stream stream = {};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_out = static_cast<uInt>(plain.size());
  REQUIRE(inflateInit2(&stream, -MAX_WBITS) == Z_OK);
  CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END);
  inflateEnd(&stream);
  return plain;
}

std::string Utf8(unsigned code) {
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  std::string text;
  text += static_cast<char>(0xC0 | code >> 6);
  text += static_cast<char>(0x80 | (code & 0x3F));
  return text;
}

// What XML and then Excel's own spelling stand for.
std::string Plain(std::string text) {
  constexpr std::pair<const char*, const char*> kEntities[] = {
      {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&apos;", "'"}, {"&amp;", "&"}};
  std::string plain;
  for (std::size_t at = 0; at < text.size();) {
    bool found = false;
    for (const auto& [entity, letter] : kEntities) {
      if (text.compare(at, std::string(entity).size(), entity) != 0) continue;
      plain += letter;
      at += std::string(entity).size();
      found = true;
      break;
    }
    if (!found) plain += text[at++];
  }
  text.clear();
  for (std::size_t at = 0; at < plain.size();) {
    const bool spelt = plain.compare(at, 2, "_x") == 0 && at + 6 < plain.size() &&
                       plain[at + 6] == '_' &&
                       plain.find_first_not_of("0123456789ABCDEFabcdef", at + 2) == at + 6;
    if (spelt) {
      text +=
          Utf8(static_cast<unsigned>(std::strtoul(plain.substr(at + 2, 4).c_str(), nullptr, 16)));
      at += 7;
    } else {
      text += plain[at++];
    }
  }
  return text;
}

// What stands between `open` … '>' and `close`; npos in `at` where there is none.
std::string Between(const std::string& xml, const std::string& open, const std::string& close,
                    std::size_t& at, std::string* tag = nullptr) {
  at = xml.find(open, at);
  if (at == std::string::npos) return "";
  const std::size_t end_of_tag = xml.find('>', at);
  if (tag != nullptr) *tag = xml.substr(at, end_of_tag - at);
  if (xml[end_of_tag - 1] == '/') {
    at = end_of_tag;
    return "";
  }
  const std::size_t end = xml.find(close, end_of_tag);
  REQUIRE(end != std::string::npos);
  at = end;
  return xml.substr(end_of_tag + 1, end - end_of_tag - 1);
}

std::string Attribute(const std::string& tag, const std::string& name) {
  const auto at = tag.find(" " + name + "=\"");
  if (at == std::string::npos) return "";
  const auto begin = at + name.size() + 3;
  return Plain(tag.substr(begin, tag.find('"', begin) - begin));
}

}  // namespace

Xlsx::Xlsx(const std::string& bytes) {
  const std::size_t end = bytes.rfind("PK\x05\x06");
  REQUIRE(end != std::string::npos);
  std::size_t at = Number(bytes, end + 16, 4);
  for (std::size_t left = Number(bytes, end + 10, 2); left > 0; --left) {
    REQUIRE(bytes.compare(at, 4, "PK\x01\x02") == 0);
    const std::size_t name_size = Number(bytes, at + 28, 2), packed = Number(bytes, at + 20, 4);
    const std::size_t local = Number(bytes, at + 42, 4);
    const std::size_t data =
        local + 30 + Number(bytes, local + 26, 2) + Number(bytes, local + 28, 2);
    const std::string content = bytes.substr(data, packed);
    parts_[bytes.substr(at + 46, name_size)] =
        Number(bytes, at + 10, 2) == 0 ? content : Inflated(content, Number(bytes, at + 24, 4));
    at += 46 + name_size + Number(bytes, at + 30, 2) + Number(bytes, at + 32, 2);
  }
  const std::string& book = parts_.at("xl/workbook.xml");
  std::size_t sheet = 0;
  while (Between(book, "<sheet ", "", sheet), sheet != std::string::npos) {
    const std::size_t begin = book.rfind("<sheet ", sheet);
    names_.push_back(Attribute(book.substr(begin, book.find('>', begin) - begin), "name"));
  }
}

Cells Xlsx::Rows(const std::string& sheet) const {
  std::size_t number = 0;
  while (number < names_.size() && names_[number] != sheet) ++number;
  REQUIRE(number < names_.size());
  const std::string& xml = parts_.at(fmt::format("xl/worksheets/sheet{}.xml", number + 1));
  Cells rows;
  std::string tag;
  std::size_t at = 0;
  for (std::string row = Between(xml, "<row ", "</row>", at); at != std::string::npos;
       row = Between(xml, "<row ", "</row>", at)) {
    auto& cells = rows.emplace_back();
    std::size_t in = 0;
    for (std::string cell = Between(row, "<c ", "</c>", in, &tag); in != std::string::npos;
         cell = Between(row, "<c ", "</c>", in, &tag)) {
      std::size_t column = 0;
      for (const char c : Attribute(tag, "r")) {
        if (c >= 'A') column = column * 26 + static_cast<std::size_t>(c - 'A' + 1);
      }
      if (cells.size() < column) cells.resize(column);
      std::size_t value = 0;
      const std::string type = Attribute(tag, "t");
      if (type == "inlineStr") {
        cells[column - 1] = Plain(Between(cell, "<t", "</t>", value));
      } else {
        const std::string text = Between(cell, "<v", "</v>", value);
        cells[column - 1] = type == "b" ? (text == "1" ? "true" : "false") : text;
      }
    }
  }
  return rows;
}

Cells ReadCsv(const std::string& text) {
  Cells rows;
  std::string cell;
  bool quoted = false, begun = false;
  const auto end_cell = [&] {
    if (cell.size() > 1 && cell[0] == '\'' &&
        std::string("=+-@\t\r").find(cell[1]) != std::string::npos) {
      cell.erase(0, 1);
    }
    rows.back().push_back(cell);
    cell.clear();
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!begun) rows.emplace_back();
    begun = true;
    const char c = text[at];
    if (quoted && c == '"' && at + 1 < text.size() && text[at + 1] == '"') {
      cell += text[++at];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && c == ',') {
      end_cell();
    } else if (!quoted && c == '\r' && at + 1 < text.size() && text[at + 1] == '\n') {
      end_cell();
      ++at;
      begun = false;
    } else {
      cell += c;
    }
  }
  return rows;
}

}  // namespace spa::testing
