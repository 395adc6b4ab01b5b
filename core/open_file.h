// OpenFile: a file descriptor that is closed when it goes out of scope.
//
// Errors: what open(2) gave may be -1; errno is the caller's to read, at once.
#pragma once

#include <unistd.h>

namespace spa {

class OpenFile {
 public:
  explicit OpenFile(int fd) : fd_(fd) {}
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_;
};

}  // namespace spa
