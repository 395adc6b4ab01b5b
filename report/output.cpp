#include "report/output.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace spa {

void Output::Flush() {
  std::string_view rest = buffer_;
  while (!closed_ && !rest.empty()) {
    const auto written = ::write(fd_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd wait = {fd_, POLLOUT, 0};
      ::poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      closed_ = true;
      if (errno != EPIPE) error_ = errno;
    }
  }
  buffer_.clear();
}

Status Output::Finish() {
  Flush();
  if (error_ == 0) return {};
  return Fail(ErrorCode::kStorage, fmt::format("writing the export: {}", std::strerror(error_)),
              "Free space where the output goes, or write it elsewhere.");
}

}  // namespace spa
