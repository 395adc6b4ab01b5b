#include "report/workbook_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xlsxwriter.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/clock.h"
#include "report/output.h"
#include "report/row_format.h"

namespace spa {
namespace {

constexpr char kNoRoom[] =
    "Free space in the directory of temporary files (TMPDIR) and where the workbook goes, or "
    "export "
    "as CSV.";

// Wide enough for what columns of that name hold.
double WidthOf(std::string_view column) {
  const auto has = [&](std::string_view part) {
    return column.find(part) != std::string_view::npos;
  };
  if (has("url") || has("message") || has("remedy") || has("paths") || has("note")) return 60;
  if (has("evidence") || has("reason") || has("members") || has("granted_on")) return 40;
  if (has("name") || has("login") || has("email") || has("comment")) return 30;
  if (has("id") || has("_at") || has("decision") || has("owner")) return 22;
  return std::max(12.0, static_cast<double>(column.size()) + 4);
}

bool IsHex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// "_x0041_" stands for a character in such files; a text that looks so must not become one.
bool LooksEscaped(std::string_view text, std::size_t at) {
  return text.size() >= at + 7 && text[at + 1] == 'x' && text[at + 6] == '_' &&
         IsHex(text[at + 2]) && IsHex(text[at + 3]) && IsHex(text[at + 4]) && IsHex(text[at + 5]);
}

// As the file holds it: at most `most` UTF-16 units of it, without what XML cannot hold. `cut`:
// there was more.
std::string CellText(std::string_view given, std::size_t most, bool& cut) {
  const std::string text = ValidUtf8(given);
  std::string cell;
  cell.reserve(text.size());
  std::size_t units = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    units += length == 4 ? 2 : 1;
    if (units > most) {
      cut = true;
      break;
    }
    const std::string_view letter = std::string_view(text).substr(at, length);
    if (lead < 0x20 && lead != '\t' && lead != '\n') {
      cell += fmt::format("_x{:04X}_", lead);
    } else if (lead == '_' && LooksEscaped(text, at)) {
      cell += "_x005F_";
    } else if (letter == "\xEF\xBF\xBE" || letter == "\xEF\xBF\xBF") {
      cell += "\xEF\xBF\xBD";
    } else {
      cell += letter;
    }
    at += length;
  }
  return cell;
}

std::uint32_t LittleEndian(const unsigned char* bytes, int count) {
  std::uint32_t number = 0;
  for (int i = count - 1; i >= 0; --i) number = number << 8 | bytes[i];
  return number;
}

}  // namespace

struct WorkbookFile::Book {
  Book() = default;
  lxw_workbook* book = nullptr;
  lxw_format* heading = nullptr;
  std::vector<lxw_worksheet*> all;  // in the order of the file
};

struct WorkbookFile::Filled {
  Filled() = default;
  Sheet told;
  std::vector<std::string> columns;
  lxw_worksheet* now = nullptr;  // the part that is written
  std::uint32_t row = 0;         // of that part, the heading counted
  std::uint16_t column = 0;
};

WorkbookFile::WorkbookFile(const std::string& made_at, SheetLimits limits)
    : book_(std::make_unique<Book>()), limits_(limits) {
  const char* place = std::getenv("TMPDIR");
  std::string directory = place != nullptr && *place != '\0' ? place : "/tmp";
  draft_ = directory + "/sharepoint-audit-XXXXXX";
  const int file = ::mkostemp(draft_.data(), O_CLOEXEC);  // 0600, and stays so when written again
  if (file < 0) {
    error_ =
        Error(ErrorCode::kStorage,
              fmt::format("cannot write into {}: {}", directory, std::strerror(errno)), kNoRoom);
    draft_.clear();
    return;
  }
  ::close(file);
  lxw_workbook_options options = {};
  options.constant_memory = LXW_TRUE;
  options.tmpdir = directory.data();
  book_->book = workbook_new_opt(draft_.c_str(), &options);
  if (book_->book == nullptr) {
    Take(LXW_ERROR_MEMORY_MALLOC_FAILED, "making a workbook");
    return;
  }
  lxw_doc_properties properties = {};
  const auto made = ParseUtc(made_at);
  properties.created =
      made ? std::chrono::system_clock::to_time_t(*made) : static_cast<time_t>(1'600'000'000);
  Take(workbook_set_properties(book_->book, &properties), "naming a workbook");
  book_->heading = workbook_add_format(book_->book);
  format_set_bold(book_->heading);
  format_set_bottom(book_->heading, LXW_BORDER_THIN);
}

WorkbookFile::~WorkbookFile() {
  if (book_->book != nullptr) lxw_workbook_free(book_->book);
  if (!draft_.empty()) ::unlink(draft_.c_str());
}

void WorkbookFile::Take(int code, std::string_view doing) {
  if (code == LXW_NO_ERROR || error_) return;
  error_ = Error(ErrorCode::kStorage,
                 fmt::format("{}: {}", doing, lxw_strerror(static_cast<lxw_error>(code))), kNoRoom);
}

std::size_t WorkbookFile::AddSheet(std::string name, std::vector<std::string> columns) {
  Filled& filled = *sheets_.emplace_back(std::make_unique<Filled>());
  filled.told.name = std::move(name);
  filled.columns = std::move(columns);
  Begin(filled);
  return sheets_.size() - 1;
}

// A part of the sheet, with its heading.
void WorkbookFile::Begin(Filled& filled) {
  if (error_) return;
  const std::string name = filled.told.parts == 1
                               ? filled.told.name
                               : fmt::format("{} {}", filled.told.name, filled.told.parts);
  filled.now = workbook_add_worksheet(book_->book, name.c_str());
  if (filled.now == nullptr) {
    Take(LXW_ERROR_MEMORY_MALLOC_FAILED, "adding a sheet");
    return;
  }
  book_->all.push_back(filled.now);
  worksheet_freeze_panes(filled.now, 1, 0);
  for (std::size_t i = 0; i < filled.columns.size(); ++i) {
    const auto column = static_cast<lxw_col_t>(i);
    worksheet_set_column(filled.now, column, column, WidthOf(filled.columns[i]), nullptr);
    Take(worksheet_write_string(filled.now, 0, column, filled.columns[i].c_str(), book_->heading),
         "writing a heading");
  }
  filled.row = 1;
  filled.column = 0;
}

void WorkbookFile::Close(Filled& filled) {
  if (filled.now == nullptr || filled.columns.empty()) return;
  const auto last = static_cast<lxw_col_t>(filled.columns.size() - 1);
  Take(worksheet_autofilter(filled.now, 0, 0, std::max(filled.row, 2U) - 1, last),
       "adding a filter");
}

// The row to write to: of the next part where this one is full.
WorkbookFile::Filled& WorkbookFile::RowOf(std::size_t sheet) {
  Filled& filled = *sheets_[sheet];
  if (!error_ && filled.column == 0 && filled.row > limits_.rows) {
    Close(filled);
    ++filled.told.parts;
    Begin(filled);
  }
  return filled;
}

void WorkbookFile::Text(std::size_t sheet, std::string_view text) {
  Filled& filled = RowOf(sheet);
  if (error_) return;
  const std::uint16_t column = filled.column++;
  if (text.empty()) return;
  bool cut = false;
  const std::string cell = CellText(text, limits_.text, cut);
  if (cut) ++filled.told.cut;
  Take(worksheet_write_string(filled.now, filled.row, column, cell.c_str(), nullptr),
       "writing a text");
}

void WorkbookFile::Number(std::size_t sheet, double number) {
  Filled& filled = RowOf(sheet);
  if (error_) return;
  Take(worksheet_write_number(filled.now, filled.row, filled.column++, number, nullptr),
       "writing a number");
}

void WorkbookFile::Bool(std::size_t sheet, bool value) {
  Filled& filled = RowOf(sheet);
  if (error_) return;
  Take(worksheet_write_boolean(filled.now, filled.row, filled.column++, value ? 1 : 0, nullptr),
       "writing a yes or no");
}

void WorkbookFile::Blank(std::size_t sheet) { ++RowOf(sheet).column; }

void WorkbookFile::EndRow(std::size_t sheet) {
  Filled& filled = *sheets_[sheet];
  if (error_) return;
  ++filled.told.rows;
  ++filled.row;
  filled.column = 0;
}

const WorkbookFile::Sheet& WorkbookFile::At(std::size_t sheet) const {
  return sheets_[sheet]->told;
}

std::vector<std::string> WorkbookFile::Notes() const {
  std::vector<std::string> notes;
  for (const auto& filled : sheets_) {
    const Sheet& sheet = filled->told;
    if (sheet.parts > 1) {
      notes.push_back(
          fmt::format("{} has {} rows, more than a sheet holds: it is in {} sheets, "
                      "\"{}\" to \"{} {}\"",
                      sheet.name, sheet.rows, sheet.parts, sheet.name, sheet.name, sheet.parts));
    }
    if (sheet.cut > 0) {
      notes.push_back(
          fmt::format("{} texts of {} are longer than a cell holds and were cut after "
                      "{} characters; CSV and JSON have them whole",
                      sheet.cut, sheet.name, limits_.text));
    }
  }
  return notes;
}

Status WorkbookFile::Write(int fd) {
  std::vector<std::int64_t> least;
  for (const auto& filled : sheets_) Close(*filled);
  if (!error_) {
    // The library does not ask whether its drafts could be written.
    for (lxw_worksheet* sheet : book_->all) {
      std::FILE* rows = sheet->optimize_tmpfile;
      if (rows != nullptr && (std::fflush(rows) != 0 || std::ferror(rows) != 0)) {
        Take(LXW_ERROR_CREATING_TMPFILE, "writing the rows of a sheet");
      }
      least.push_back(rows == nullptr ? 0 : std::ftell(rows));
    }
  }
  if (!error_) {
    lxw_workbook* book = std::exchange(book_->book, nullptr);  // Closing frees it.
    Take(workbook_close(book), "writing a workbook");
  }
  if (error_) return Fail(*error_);
  const int file = ::open(draft_.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 || !IsWhole(file, least)) {
    if (file >= 0) ::close(file);
    return Fail(ErrorCode::kStorage, "the workbook could not be written whole", kNoRoom);
  }
  Output output(fd);
  std::vector<char> buffer(1 << 18);
  ::lseek(file, 0, SEEK_SET);
  ssize_t got = 0;
  while (!output.closed() && (got = ::read(file, buffer.data(), buffer.size())) > 0) {
    output.Append(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
  }
  ::close(file);
  if (got < 0) return Fail(ErrorCode::kStorage, "reading the workbook's draft failed", kNoRoom);
  return output.Finish();
}

// Whether each sheet in the file is at least as long as its rows were: by the list of contents at
// the file's end (APPNOTE.TXT 4.3.12, 4.3.16).
bool WorkbookFile::IsWhole(int file, const std::vector<std::int64_t>& least) {
  struct stat facts = {};
  if (::fstat(file, &facts) != 0 || facts.st_size < 22) return false;
  unsigned char end[22];
  if (::pread(file, end, sizeof end, facts.st_size - 22) != 22 ||
      LittleEndian(end, 4) != 0x06054b50) {
    return false;
  }
  std::vector<unsigned char> list(LittleEndian(end + 12, 4));
  if (::pread(file, list.data(), list.size(), LittleEndian(end + 16, 4)) !=
      static_cast<ssize_t>(list.size())) {
    return false;
  }
  std::size_t sheets = 0;
  for (std::size_t at = 0; at + 46 <= list.size();) {
    const unsigned char* entry = list.data() + at;
    const std::size_t name_size = LittleEndian(entry + 28, 2);
    const std::size_t size =
        46 + name_size + LittleEndian(entry + 30, 2) + LittleEndian(entry + 32, 2);
    if (LittleEndian(entry, 4) != 0x02014b50 || at + size > list.size()) return false;
    const std::string name(reinterpret_cast<const char*>(entry + 46), name_size);
    constexpr std::string_view kSheet = "xl/worksheets/sheet";
    if (name.starts_with(kSheet)) {
      const auto number = static_cast<std::size_t>(std::atoi(name.c_str() + kSheet.size()));
      if (number == 0 || number > least.size()) return false;
      if (LittleEndian(entry + 24, 4) < least[number - 1]) return false;
      ++sheets;
    }
    at += size;
  }
  return sheets == least.size();
}

}  // namespace spa
