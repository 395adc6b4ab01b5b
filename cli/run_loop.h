// What commands that ask the tenant have in common: how they reach it, and how their work ends.
//
// Threads: the calling one; it is the io_context's for as long as RunUntilSignal lasts.
#pragma once

#include <boost/asio/io_context.hpp>
#include <exception>

#include "core/async/task.h"
#include "core/auth/token_source.h"
#include "core/config/config.h"
#include "core/http/http_client.h"

namespace spa {

HttpClient::Options HttpOptionsOf(const Config& config);

// Whether SharePoint REST is to be asked: what `permissions.sharepoint_rest` says, and with "auto"
// whether the credential is one that it takes (graph.md: not a client secret).
bool SharePointListens(const Config& config, const TokenSource& tokens);

// How the work ended, where it did not end well.
struct Ending {
  std::exception_ptr failure;
  bool interrupted = false;  // By a signal.
};

// Runs `work` on `io` until it has ended. SIGINT and SIGTERM cancel it; a second one ends the
// process at once, and the store loses its open transaction alone.
Ending RunUntilSignal(asio::io_context& io, Task<void> work);

}  // namespace spa
