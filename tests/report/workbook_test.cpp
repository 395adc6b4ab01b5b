// Workbooks: what a spreadsheet is given, and what it must not take it for.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "report/export.h"
#include "report/workbook_file.h"
#include "tests/report/xlsx_reader.h"
#include "tests/store/store_testing.h"

namespace spa::testing {
namespace {

constexpr char kMade[] = "2026-11-20T08:14:05Z";

std::string ContentOf(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// TMPDIR while it lives.
class TemporaryFiles {
 public:
  explicit TemporaryFiles(const std::string& path) { ::setenv("TMPDIR", path.c_str(), 1); }
  ~TemporaryFiles() { ::unsetenv("TMPDIR"); }
};

std::string Written(WorkbookFile& book) {
  TempDir dir;
  const int fd = ::open(dir.File("out").c_str(), O_CREAT | O_WRONLY, 0600);
  const Status written = book.Write(fd);
  ::close(fd);
  Must(written);
  return ContentOf(dir.File("out"));
}

}  // namespace

TEST_CASE("Whatever a text begins with it stays a text in a workbook") {
  const std::vector<std::string> hostile = {"=1+1",
                                            "=cmd|' /C calc'!A0",
                                            "+1",
                                            "-1",
                                            "@SUM(A1)",
                                            "http://evil.example/",
                                            "<img src=x onerror=alert(1)>",
                                            "a & b \"c\" 'd'",
                                            " spaces ",
                                            "_x0041_",
                                            "two\nlines",
                                            std::string("bell\x07 and return\r"),
                                            "\xE2\x80\xAErtl",
                                            "\xF0\x9F\x98\x80"};
  WorkbookFile book(kMade);
  const auto sheet = book.AddSheet("rows", {"name"});
  for (const std::string& text : hostile) {
    book.Text(sheet, text);
    book.EndRow(sheet);
  }
  book.Text(sheet, "broken \xFF end");
  book.EndRow(sheet);

  const Xlsx read(Written(book));

  const Cells rows = read.Rows("rows");
  REQUIRE(rows.size() == hostile.size() + 2);
  for (std::size_t i = 0; i < hostile.size(); ++i) CHECK(rows[i + 1].at(0) == hostile[i]);
  CHECK(rows.back().at(0) == "broken \xEF\xBF\xBD end");
  for (const auto& [path, xml] : read.parts()) {
    INFO(path);
    CHECK(xml.find("<f>") == std::string::npos);
    CHECK(xml.find("hyperlink") == std::string::npos);
  }
  CHECK(book.Notes().empty());
}

TEST_CASE("A sheet that is full goes on in the next one and the notes say so") {
  SheetLimits limits;
  limits.rows = 3;
  WorkbookFile book(kMade, limits);
  const auto few = book.AddSheet("few", {"name"});
  const auto many = book.AddSheet("many", {"name", "size"});
  for (int i = 0; i < 3; ++i) {
    book.Text(few, "x");
    book.EndRow(few);
  }
  for (int i = 0; i < 7; ++i) {
    book.Text(many, fmt::format("row {}", i));
    book.Number(many, i);
    book.EndRow(many);
  }
  const auto notes = book.Notes();

  const Xlsx read(Written(book));

  CHECK(read.sheets() == std::vector<std::string>{"few", "many", "many 2", "many 3"});
  CHECK(read.Rows("few").size() == 4);
  int next = 0;
  for (const char* part : {"many", "many 2", "many 3"}) {
    const Cells rows = read.Rows(part);
    CHECK(rows.at(0) == std::vector<std::string>{"name", "size"});
    for (std::size_t i = 1; i < rows.size(); ++i, ++next) {
      CHECK(rows[i] == std::vector<std::string>{fmt::format("row {}", next), std::to_string(next)});
    }
  }
  CHECK(next == 7);
  REQUIRE(notes.size() == 1);
  CHECK(notes[0].find("many has 7 rows") != std::string::npos);
  for (int sheet = 1; sheet <= 4; ++sheet) {
    const auto& xml = read.parts().at(fmt::format("xl/worksheets/sheet{}.xml", sheet));
    CHECK(xml.find("state=\"frozen\"") != std::string::npos);
    CHECK(xml.find("<autoFilter ref=\"A1:") != std::string::npos);
    CHECK(xml.find("<cols>") != std::string::npos);
  }
}

TEST_CASE("A text too long for a cell is cut between letters and the notes say so") {
  SheetLimits limits;
  limits.text = 5;
  WorkbookFile book(kMade, limits);
  const auto sheet = book.AddSheet("rows", {"name"});
  for (const char* text :
       {"12345", "123456", "1234\xF0\x9F\x98\x80", "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9!"}) {
    book.Text(sheet, text);
    book.EndRow(sheet);
  }
  CHECK(book.At(sheet).cut == 3);
  REQUIRE(book.Notes().size() == 1);
  CHECK(book.Notes()[0].find("3 texts of rows") != std::string::npos);

  const Cells rows = Xlsx(Written(book)).Rows("rows");

  CHECK(
      rows ==
      Cells{
          {"name"}, {"12345"}, {"12345"}, {"1234"}, {"\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"}});
}

TEST_CASE("The longest text Excel allows is kept whole") {
  WorkbookFile book(kMade);
  const auto sheet = book.AddSheet("rows", {"name"});
  const std::string longest(32'767, 'x');
  for (const std::string& text : {longest, longest + "y"}) {
    book.Text(sheet, text);
    book.EndRow(sheet);
  }

  const Cells rows = Xlsx(Written(book)).Rows("rows");

  CHECK((rows.at(1).at(0) == longest));
  CHECK((rows.at(2).at(0) == longest));
  CHECK(book.At(sheet).cut == 1);
}

TEST_CASE("The same rows give the same workbook") {
  std::string first;
  for (int round = 0; round < 2; ++round) {
    WorkbookFile book(kMade);
    const auto sheet = book.AddSheet("rows", {"name", "own", "size"});
    for (int i = 0; i < 1000; ++i) {
      book.Text(sheet, fmt::format("name {}", i));
      book.Bool(sheet, i % 2 == 0);
      i % 3 == 0 ? book.Blank(sheet) : book.Number(sheet, i);
      book.EndRow(sheet);
    }
    const std::string bytes = Written(book);
    if (round == 0) first = bytes;
    CHECK((bytes == first));
    const Xlsx read(bytes);
    CHECK(read.parts().at("docProps/core.xml").find(kMade) != std::string::npos);
    CHECK(read.Rows("rows").at(2) == std::vector<std::string>{"name 1", "false", "1"});
  }
}

TEST_CASE("A workbook that cannot be written is an error and leaves nothing behind") {
  TempDir dir;
  std::filesystem::create_directory(dir.File("tmp"));
  {
    const TemporaryFiles here(dir.File("tmp"));
    WorkbookFile book(kMade);
    const auto sheet = book.AddSheet("rows", {"name"});
    book.Text(sheet, "x");
    book.EndRow(sheet);
    struct stat facts = {};
    for (const auto& entry : std::filesystem::directory_iterator(dir.File("tmp"))) {
      REQUIRE(::stat(entry.path().c_str(), &facts) == 0);
      CHECK((facts.st_mode & 0777) == 0600);
    }
    const int full = ::open("/dev/full", O_WRONLY);
    const Status written = book.Write(full);
    ::close(full);
    REQUIRE_FALSE(written.has_value());
    CHECK(written.error().code == ErrorCode::kStorage);
  }
  CHECK(std::filesystem::is_empty(dir.File("tmp")));

  const TemporaryFiles nowhere(dir.File("nowhere"));
  WorkbookFile book(kMade);
  const auto sheet = book.AddSheet("rows", {"name"});
  book.Text(sheet, "x");
  book.EndRow(sheet);
  const Status written = book.Write(STDOUT_FILENO);
  REQUIRE_FALSE(written.has_value());
  CHECK(written.error().message.find("nowhere") != std::string::npos);
}

}  // namespace spa::testing
