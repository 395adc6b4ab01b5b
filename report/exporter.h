// Exporter: one export under way: a snapshot of the database, the run, the rows on their way out.
// Private to report/.
//
// Threads: one. Errors: those of opening; Finish hands out what went wrong since.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/store/run_reader.h"
#include "report/export.h"
#include "report/object_walk.h"
#include "report/output.h"
#include "report/row_format.h"
#include "report/workbook.h"

namespace spa {

class Exporter {
 public:
  static Result<std::unique_ptr<Exporter>> Open(const ExportOptions& options,
                                                std::vector<std::string_view> columns, int fd) {
    auto opened = OpenRun(options.db_path, options.run_id, kExportPragmas);
    if (!opened) return Fail(opened.error());
    const RunInfo& run = opened->info;
    auto exporter = std::make_unique<Exporter>(std::move(opened->db), run.number,
                                               RowFormat(options, columns), fd);
    if (options.format == ExportOptions::Format::kXlsx) {
      exporter->book_ = std::make_unique<WorkbookFile>(run.started_at, options.limits);
      exporter->book_->AddSheet(options.sheet,
                                std::vector<std::string>(columns.begin(), columns.end()));
      exporter->run_info_ = run;
    }
    return exporter;
  }

  Exporter(std::unique_ptr<sqlite::Database> db, RunNo run, RowFormat format, int fd)
      : db_(std::move(db)),
        run_(run),
        format_(std::move(format)),
        fd_(fd),
        output_(fd),
        walk_(*db_, run) {
    output_.Append(format_.Head());
  }

  sqlite::Database& db() { return *db_; }
  RunNo run() const { return run_; }
  const RowFormat& format() const { return format_; }
  ObjectWalk& walk() { return walk_; }
  bool stopped() const { return book_ ? !book_->ok() : output_.closed(); }

  // The buffer for the next row; EndRow ends it.
  std::string& BeginRow() {
    if (!first_) output_.buffer() += format_.Separator();
    first_ = false;
    return output_.buffer();
  }
  void EndRow() {
    if (book_) return EndSheetRow();
    format_.EndRow(output_.buffer());
    output_.MayFlush();
  }

  Status Finish() {
    if (auto read = db_->Check("exporting from the audit database"); !read) return read;
    if (book_) return FinishBook();
    output_.Append(format_.Tail());
    return output_.Finish();
  }

 private:
  void EndSheetRow() {
    using Kind = RowFormat::CellKind;
    RowFormat::EachCell(output_.buffer(), [&](Kind kind, std::string_view text) {
      switch (kind) {
        case Kind::kText:
          return book_->Text(0, text);
        case Kind::kNumber:
          return book_->Number(0, std::strtod(std::string(text).c_str(), nullptr));
        case Kind::kBool:
          return book_->Bool(0, text == "true");
        case Kind::kNone:
          return book_->Blank(0);
      }
    });
    output_.buffer().clear();
    book_->EndRow(0);
  }
  Status FinishBook() {
    const std::size_t sheet = book_->AddSheet("summary", {"name", "message"});
    WriteRunFacts(*book_, sheet, run_info_);
    WriteSheetFacts(*book_, sheet);
    return book_->Write(fd_);
  }

  std::unique_ptr<sqlite::Database> db_;
  RunNo run_;
  RunInfo run_info_;                    // XLSX
  std::unique_ptr<WorkbookFile> book_;  // XLSX
  RowFormat format_;
  int fd_;
  Output output_;
  ObjectWalk walk_;
  bool first_ = true;
};

}  // namespace spa
