// Output: buffered writing to a file descriptor. A reader that went away ends it quietly.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace spa {

class Output {
 public:
  explicit Output(int fd) : fd_(fd) { buffer_.reserve(kFull + 4096); }

  void Append(std::string_view text) {
    buffer_.append(text);
    if (buffer_.size() >= kFull) Flush();
  }
  std::string& buffer() { return buffer_; }  // To append to; call MayFlush now and then.
  void MayFlush() {
    if (buffer_.size() >= kFull) Flush();
  }
  void Flush();

  bool closed() const { return closed_; }  // Nobody reads, or writing failed: stop.
  Status Finish();                         // Flushes; the error if writing failed.

 private:
  static constexpr std::size_t kFull = 256 * 1024;
  int fd_;
  std::string buffer_;
  bool closed_ = false;
  int error_ = 0;
};

}  // namespace spa
