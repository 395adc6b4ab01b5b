// StopSignal: for commands that work without an event loop: SIGINT and SIGTERM are remembered, and
// the work asks now and then. A second one ends the process at once.
//
// Threads: one at a time in the process, made and asked on the main thread.
#pragma once

#include <signal.h>

#include <array>

namespace spa {

class StopSignal {
 public:
  StopSignal();
  ~StopSignal();  // Puts back what was in force before.
  StopSignal(const StopSignal&) = delete;

  bool came() const;

 private:
  std::array<struct sigaction, 2> before_{};
};

}  // namespace spa
