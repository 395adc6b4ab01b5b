// SystemProbe: how busy this machine and this process are, from /proc. One Sample reads three small
// files, which takes some microseconds: cheap enough for a timer on the io_context's thread.
//
// Shares of processors are those since the sample before; the first has none.
//
// Threads: one at a time.
// Errors: none. What cannot be read (another system, a hidden /proc) stays 0.
#pragma once

#include <cstdint>
#include <string>

namespace spa {

struct SystemSample {
  SystemSample() = default;
  double cpu_percent = 0;           // Of all processors, by everybody.
  double process_cpu_percent = 0;   // Of all processors, by this process.
  double memory_percent = 0;        // Of the machine's memory, that is not available to more.
  std::uint64_t memory_bytes = 0;   // The machine's.
  std::uint64_t process_bytes = 0;  // Of it, resident in this process.
};

class SystemProbe {
 public:
  // `root`: where "stat", "meminfo" and "self/stat" are.
  explicit SystemProbe(std::string root = "/proc");

  SystemSample Sample();

 private:
  struct Ticks {
    Ticks() = default;
    std::uint64_t all = 0, busy = 0, process = 0;
  };

  std::string root_;
  Ticks before_;
};

}  // namespace spa
