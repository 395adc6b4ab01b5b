#include "cli/run_loop.h"

#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <utility>

#include "cli/exit_code.h"

namespace spa {

HttpClient::Options HttpOptionsOf(const Config& config) {
  return {config.tls_ca_file, config.graph.http_version, config.graph.user_agent};
}

bool SharePointListens(const Config& config, const TokenSource& tokens) {
  const std::string& wanted = config.permissions.sharepoint_rest;
  return wanted == "on" || (wanted == "auto" && tokens.kind() != CredentialKind::kSecret);
}

Ending RunUntilSignal(asio::io_context& io, Task<void> work) {
  Ending ending;
  asio::cancellation_signal stop;
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (error) return;
    ending.interrupted = true;
    signals.async_wait([](const boost::system::error_code& again, int) {
      if (!again) _exit(static_cast<int>(ExitCode::kInterrupted));
    });
    stop.emit(asio::cancellation_type::terminal);
  });
  asio::co_spawn(io, std::move(work),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr ended) {
                   ending.failure = ended;
                   signals.cancel();
                 }));
  io.run();
  return ending;
}

}  // namespace spa
