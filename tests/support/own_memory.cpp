#include "tests/support/own_memory.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <vector>

#include "tests/catch.h"

namespace spa::testing {
namespace {

constexpr std::size_t kLength = 64;
constexpr std::size_t kWindow = 1 << 20;
constexpr unsigned char kMask = 0x5a;

char Masked(char c) { return static_cast<char>(static_cast<unsigned char>(c) ^ kMask); }

struct Range {
  std::uintptr_t begin = 0, end = 0;
};

std::vector<Range> WritableRanges() {
  std::vector<Range> ranges;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream fields(line);
    Range range;
    char dash = 0;
    std::string rights;
    fields >> std::hex >> range.begin >> dash >> range.end >> rights;
    if (rights.starts_with("rw") && line.find("[v") == std::string::npos) ranges.push_back(range);
  }
  return ranges;
}

}  // namespace

Marker::Marker() : masked_(kLength, '\0') {
  REQUIRE(RAND_bytes(reinterpret_cast<unsigned char*>(masked_.data()), kLength) == 1);
}

std::string Marker::Text() const {
  std::string text;
  text.reserve(kLength);  // Growing would leave pieces of it behind.
  for (const char c : masked_) text.push_back(Masked(c));
  return text;
}

std::size_t Marker::Copies() const {
  // What is read is a copy, too: masked at once, in a place of its own that is left out.
  char* window = static_cast<char*>(
      ::mmap(nullptr, kWindow, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  REQUIRE(window != MAP_FAILED);
  const auto own = reinterpret_cast<std::uintptr_t>(window);
  const int memory = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  REQUIRE(memory >= 0);
  std::size_t copies = 0;
  const auto look = [&](std::uintptr_t from, std::uintptr_t to) {
    while (from + kLength <= to) {
      const std::size_t wanted = std::min<std::size_t>(kWindow, to - from);
      const ssize_t got = ::pread(memory, window, wanted, static_cast<off_t>(from));
      if (got < static_cast<ssize_t>(kLength)) break;
      std::transform(window, window + got, window, Masked);
      for (char* at = window;; ++copies, ++at) {
        at = std::search(at, window + got, masked_.begin(), masked_.end());
        if (at == window + got) break;
      }
      if (static_cast<std::size_t>(got) < wanted || from + wanted == to) break;
      from += wanted - kLength + 1;  // One that lies across the windows' border.
    }
  };
  for (const Range& range : WritableRanges()) {  // The window may have joined its neighbours.
    look(range.begin, std::min(range.end, std::max(range.begin, own)));
    look(std::max(range.begin, std::min(range.end, own + kWindow)), range.end);
  }
  ::close(memory);
  ::munmap(window, kWindow);
  return copies;
}

}  // namespace spa::testing
