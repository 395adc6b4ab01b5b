// RowFormat: one row of an export as JSON or CSV, cell by cell in the order of the columns; for
// XLSX as cells that EachCell takes apart again, so that exports need not know the difference.
//
// Text comes from a tenant: JSON escapes control characters, bytes that are no UTF-8 become U+FFFD,
// and a CSV cell that a spreadsheet would take for a formula gets a leading apostrophe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "report/export.h"

namespace spa {

// With U+FFFD for bytes that are none.
std::string ValidUtf8(std::string_view text);
void AppendJsonString(std::string& out, std::string_view text);
// As the text of an element or the value of a quoted attribute.
void AppendHtml(std::string& out, std::string_view text);
void AppendCsvCell(std::string& out, std::string_view text);

class RowFormat {
 public:
  RowFormat(const ExportOptions& options, std::vector<std::string_view> columns);

  // What stands before the first row, between two rows and after the last one.
  std::string Head() const;
  std::string_view Separator() const;
  std::string_view Tail() const;

  // Each begins with what parts it from the cell before, so that cells may be kept and reused.
  void Text(std::string& out, std::size_t column, std::string_view text) const;
  void TextOrNull(std::string& out, std::size_t column, std::optional<std::string_view> text) const;
  void Bool(std::string& out, std::size_t column, std::optional<bool> value) const;
  void Int(std::string& out, std::size_t column, std::optional<std::int64_t> value) const;
  // `json` is a JSON list of strings as the database holds it; CSV joins it with ";".
  void List(std::string& out, std::size_t column, std::string_view json) const;
  // A JSON value as it stands; in CSV a cell with its text.
  void Json(std::string& out, std::size_t column, std::string_view json) const;
  void EndRow(std::string& out) const;

  enum class CellKind : char { kText = 't', kNumber = 'n', kBool = 'b', kNone = '0' };
  // The cells of a row for XLSX: texts as they came, numbers and "true" as text.
  static void EachCell(std::string_view row,
                       const std::function<void(CellKind kind, std::string_view text)>& use);

 private:
  bool is_xlsx() const { return format_ == ExportOptions::Format::kXlsx; }
  static void Pack(std::string& out, CellKind kind, std::string_view text);

  void Lead(std::string& out, std::size_t column) const;
  void Raw(std::string& out, std::size_t column, std::string_view text) const;

  ExportOptions::Format format_;
  bool excel_;
  std::vector<std::string_view> columns_;
  std::vector<std::string> leads_;
};

}  // namespace spa
