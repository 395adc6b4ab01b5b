#include "cli/stop_signal.h"

#include <unistd.h>

#include "cli/exit_code.h"

namespace spa {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM};
volatile sig_atomic_t signals = 0;

void Remember(int) {
  if (signals != 0) _exit(static_cast<int>(ExitCode::kInterrupted));
  signals = 1;
}

}  // namespace

StopSignal::StopSignal() {
  signals = 0;
  struct sigaction action {};
  action.sa_handler = &Remember;
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &action, &before_[i]);
}

StopSignal::~StopSignal() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
}

bool StopSignal::came() const { return signals != 0; }

}  // namespace spa
