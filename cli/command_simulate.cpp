#include <fmt/format.h>
#include <pthread.h>

#include <charconv>
#include <csignal>

#include "cli/commands.h"
#include "cli/files.h"
#include "simulator/simulate.h"

namespace spa {
namespace {

// Blocks the signals that end the program, for this thread and those it starts; Wait takes one.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  void Wait() {
    int taken = 0;
    sigwait(&signals_, &taken);
  }

 private:
  sigset_t signals_;
};

Result<std::uint16_t> PortOf(const std::string& text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, port);
  if (text.empty() || read.ec != std::errc() || read.ptr != end) {
    return Fail(ErrorCode::kUsage, fmt::format("--port \"{}\" is no port", text),
                "give a number from 0 to 65535");
  }
  return port;
}

}  // namespace

Result<ExitCode> CommandSimulate(const Invocation& invocation) {
  const Flags& flags = invocation.flags;
  const auto port = PortOf(flags.port);
  if (!port) return Fail(port.error());
  SimulateOptions options;
  options.spec_file = flags.spec_file;
  options.preset = flags.preset;
  options.set = flags.settings;
  options.port = *port;
  options.https = flags.https;
  options.threads = flags.threads;
  options.write_config = flags.write_config;
  options.credential = flags.credential;

  StopSignals stop;
  auto server = StartSimulation(options);
  if (!server) return Fail(server.error());
  // The address is the result, for scripts to read.
  if (auto printed = Print((*server)->base_url() + '\n'); !printed) return printed;
  if (!flags.quiet) {
    if (!options.write_config.empty()) {
      fmt::print(stderr, "Audit it with `sharepoint-audit audit --config {}`.\n",
                 options.write_config);
    }
    fmt::print(stderr, "Stop with Ctrl-C.\n");
  }
  stop.Wait();
  return ExitCode::kDone;
}

}  // namespace spa
