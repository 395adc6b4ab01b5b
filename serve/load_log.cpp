#include "serve/load_log.h"

#include <fmt/format.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "core/log/log.h"
#include "core/system_probe.h"

namespace spa {

Task<void> LogLoad(std::chrono::milliseconds every) {
  SystemProbe probe;
  probe.Sample();  // What is told later is since then.
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (;;) {
    timer.expires_after(every);
    co_await timer.async_wait(asio::use_awaitable);
    const SystemSample now = probe.Sample();
    log::Info("load", {{"cpu_percent", fmt::format("{:.1f}", now.cpu_percent)},
                       {"process_cpu_percent", fmt::format("{:.1f}", now.process_cpu_percent)},
                       {"memory_percent", fmt::format("{:.1f}", now.memory_percent)},
                       {"process_bytes", fmt::format("{}", now.process_bytes)}});
  }
}

}  // namespace spa
