#include "cli/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "report/output.h"

namespace spa {
namespace {

tl::unexpected<Error> CannotWrite(const std::string& name) {
  const bool full = errno == ENOSPC || errno == EDQUOT || errno == EIO;
  return Fail(full ? ErrorCode::kStorage : ErrorCode::kUsage,
              fmt::format("cannot write {}: {}", name, std::strerror(errno)),
              "name a place with room that this user may write to");
}

}  // namespace

Result<ExitCode> Print(std::string_view text) {
  Output output(STDOUT_FILENO);
  output.Append(text);
  if (auto written = output.Finish(); !written) return Fail(written.error());
  return ExitCode::kDone;
}

Result<OutputFile> OutputFile::Create(const std::string& path) {
  struct stat there = {};
  const bool place = ::stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode);
  if (place) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return CannotWrite(path);
    return OutputFile(fd, path, "");
  }
  std::string draft = path + ".XXXXXX";
  const int fd = ::mkostemp(draft.data(), O_CLOEXEC);  // 0600
  if (fd < 0) return CannotWrite(path);
  return OutputFile(fd, path, std::move(draft));
}

Status OutputFile::Keep() {
  if (draft_.empty()) return {};
  if (::rename(draft_.c_str(), path_.c_str()) != 0) return CannotWrite(path_);
  draft_.clear();
  return {};
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      draft_(std::exchange(other.draft_, "")) {}

OutputFile::~OutputFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!draft_.empty()) ::unlink(draft_.c_str());
}

Status WriteWholeFile(const std::string& path, std::string_view text, bool overwrite) {
  if (!overwrite && ::access(path.c_str(), F_OK) == 0) {
    return Fail(ErrorCode::kUsage, fmt::format("{} is there already", path),
                "give another name with --config, or --force to overwrite it");
  }
  const auto parent = std::filesystem::path(path).parent_path();
  if (auto made = MakeDirectories(parent.string()); !made) return made;
  auto file = OutputFile::Create(path);
  if (!file) return Fail(file.error());
  Output output(file->fd());
  output.Append(text);
  if (auto written = output.Finish(); !written) return written;
  return file->Keep();
}

Status MakeDirectories(const std::string& path) {
  std::filesystem::path made;
  for (const auto& part : std::filesystem::path(path)) {
    made /= part;
    if (::mkdir(made.c_str(), 0700) != 0 && errno != EEXIST) return CannotWrite(made.string());
  }
  return {};
}

}  // namespace spa
