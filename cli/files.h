// Where results go: standard output or a file. Never words about the run.
//
// A reader that went away (a closed pipe, as in `… | head`) is not an error.
#pragma once

#include <string>
#include <string_view>

#include "cli/exit_code.h"
#include "core/result.h"

namespace spa {

// To standard output; the ending of a command that has nothing more to do.
Result<ExitCode> Print(std::string_view text);

// A file, 0600, written whole or not at all: what is written goes into a draft beside it, which
// Keep puts in its place. A place that is no file (a pipe, a terminal) is written to at once.
class OutputFile {
 public:
  // kUsage where the path is no good.
  static Result<OutputFile> Create(const std::string& path);
  Status Keep();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  int fd() const { return fd_; }

 private:
  OutputFile(int fd, std::string path, std::string draft)
      : fd_(fd), path_(std::move(path)), draft_(std::move(draft)) {}
  int fd_;
  std::string path_, draft_;  // draft_ is empty where there is none, or it was kept
};

// Puts a whole file in place, 0600, directories made as needed (0700). Readers see the old file or
// the new one. kUsage where it is there already and may not be overwritten.
Status WriteWholeFile(const std::string& path, std::string_view text, bool overwrite);

// Makes the directory and its parents, for this user alone.
Status MakeDirectories(const std::string& path);

}  // namespace spa
