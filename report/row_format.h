// RowFormat: one row of an export as JSON or CSV, cell by cell in the order of the columns.
//
// Text comes from a tenant: JSON escapes control characters, bytes that are no UTF-8 become U+FFFD,
// and a CSV cell that a spreadsheet would take for a formula gets a leading apostrophe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "report/export.h"

namespace spa {

void AppendJsonString(std::string& out, std::string_view text);
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

 private:
  void Lead(std::string& out, std::size_t column) const;
  void Raw(std::string& out, std::size_t column, std::string_view text) const;

  ExportOptions::Format format_;
  bool excel_;
  std::vector<std::string_view> columns_;
  std::vector<std::string> leads_;
};

}  // namespace spa
