// WorkbookFile: an Excel workbook on its way: sheets of rows, written row by row in flat memory
// (libxlsxwriter's constant memory mode, whose drafts go to $TMPDIR).
//
// Every sheet has a bold, frozen heading and a filter. A sheet that is full goes on as "NAME 2"; a
// text that is longer than a cell may be is cut; both are told by Notes. Texts are written as
// texts: no formula, no link, whatever they begin with. The same rows give the same bytes.
//
// Threads: one. Errors: the first one is kept and given by Write, which hands out the whole file or
// nothing: kStorage where there is no room.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace spa {

struct SheetLimits {  // What Excel allows.
  SheetLimits() = default;
  std::uint32_t rows = 1'048'575;  // below the heading
  std::size_t text = 32'767;       // UTF-16 units of a cell
};

class WorkbookFile {
 public:
  struct Sheet {  // As it stands, parts and all.
    Sheet() = default;
    std::string name;
    std::int64_t rows = 0;
    int parts = 1;
    std::int64_t cut = 0;  // texts
  };

  // `made_at`: what the file says of itself, "2026-11-20T08:14:05Z".
  explicit WorkbookFile(const std::string& made_at, SheetLimits limits = SheetLimits());
  ~WorkbookFile();
  WorkbookFile(const WorkbookFile&) = delete;

  // `name`: at most 25 letters. Gives its number.
  std::size_t AddSheet(std::string name, std::vector<std::string> columns);
  // The next cell of the sheet's row.
  void Text(std::size_t sheet, std::string_view text);
  void Number(std::size_t sheet, double number);
  void Bool(std::size_t sheet, bool value);
  void Blank(std::size_t sheet);
  void EndRow(std::size_t sheet);

  std::size_t size() const { return sheets_.size(); }
  const Sheet& At(std::size_t sheet) const;
  // "permissions goes on for 3 sheets: …", for whoever reads it and for standard error.
  std::vector<std::string> Notes() const;
  bool ok() const { return !error_; }
  // Once, at the end.
  Status Write(int fd);

 private:
  struct Filled;
  Filled& RowOf(std::size_t sheet);
  void Begin(Filled& filled);
  void Close(Filled& filled);
  void Take(int code, std::string_view doing);
  bool IsWhole(int file, const std::vector<std::int64_t>& least);

  struct Book;
  std::unique_ptr<Book> book_;
  SheetLimits limits_;
  std::string draft_;
  std::vector<std::unique_ptr<Filled>> sheets_;
  std::optional<Error> error_;
};

}  // namespace spa
