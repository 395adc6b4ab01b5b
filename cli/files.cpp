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
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return CannotWrite(path);
  return OutputFile(fd);
}

OutputFile::OutputFile(OutputFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

OutputFile::~OutputFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status WriteWholeFile(const std::string& path, std::string_view text, bool overwrite) {
  if (!overwrite && ::access(path.c_str(), F_OK) == 0) {
    return Fail(ErrorCode::kUsage, fmt::format("{} is there already", path),
                "give another name with --config, or --force to overwrite it");
  }
  const auto parent = std::filesystem::path(path).parent_path();
  if (auto made = MakeDirectories(parent.string()); !made) return made;
  const std::string draft = path + ".new";
  {
    auto file = OutputFile::Create(draft);
    if (!file) return Fail(file.error());
    Output output(file->fd());
    output.Append(text);
    if (auto written = output.Finish(); !written) {
      ::unlink(draft.c_str());
      return written;
    }
  }
  if (::rename(draft.c_str(), path.c_str()) != 0) {
    auto failed = CannotWrite(path);
    ::unlink(draft.c_str());
    return failed;
  }
  return {};
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
