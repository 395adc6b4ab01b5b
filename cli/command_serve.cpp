#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <optional>

#include "cache/cache_manager.h"
#include "cli/cache_options.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/options.h"
#include "core/async/task_group.h"
#include "core/http/http_client.h"
#include "core/log/log.h"
#include "serve/alert_loop.h"
#include "serve/cache_api.h"
#include "serve/http_server.h"
#include "serve/token_gate.h"

namespace spa {
namespace {

// Everything the server needs, in the order in which it is made.
class Serving {
 public:
  Serving(const Config& config, ApiKey key)
      : config_(config),
        io_(1),
        concurrency_(io_, {config.concurrency.max_api_calls, 1, 1}),
        http_(io_, concurrency_,
              {config.tls_ca_file, config.graph.http_version, config.graph.user_agent}),
        caches_(CacheOptionsOf(config)) {
    const AuthConfig& auth = config.auth;
    if (!auth.tenant_id.empty() && !auth.client_id.empty()) {
      TokenGate::Options options;
      options.authority = auth.authority_host;
      options.tenant = auth.tenant_id;
      options.client_id = auth.client_id;
      tokens_.emplace(caches_, http_, std::move(options));
    }
    CacheApi::Options api;
    api.client_id = auth.client_id;
    api.rate = config.serve.rate;
    api_.emplace(caches_, std::move(key), tokens_ ? &*tokens_ : nullptr, alerts_, std::move(api));
    server_.emplace(io_, ServerOptionsOf(config.serve),
                    [this](HttpCall call) { return api_->Handle(std::move(call)); });
  }

  Status Listen() { return server_->Listen(); }
  std::string url() const { return server_->url(); }

  // Until a signal; a second one ends the process at once.
  void Run() {
    asio::signal_set signals(io_, SIGINT, SIGTERM);
    signals.async_wait([&](const boost::system::error_code& error, int) {
      if (error) return;
      signals.async_wait([](const boost::system::error_code& again, int) {
        if (!again) _exit(static_cast<int>(ExitCode::kInterrupted));
      });
      server_->Stop();
    });
    std::exception_ptr failure;
    asio::co_spawn(io_, Main(), [&](std::exception_ptr ended) {
      failure = ended;
      signals.cancel();
    });
    io_.run();
    if (failure) std::rethrow_exception(failure);
  }

 private:
  static HttpServer::Options ServerOptionsOf(const ServeConfig& config) {
    HttpServer::Options options;
    options.address = config.address;
    options.port = static_cast<std::uint16_t>(config.port);
    options.certificate_path = config.tls_cert_path;
    options.key_path = config.tls_key_path;
    return options;
  }

  [[nodiscard]] Task<void> Main() {
    const Status opened = co_await caches_.Open(io_.get_executor());
    if (!opened) {
      log::Warn("the second level cannot be used, going on without",
                {{"reason", opened.error().message}});
    }
    co_await RunGroup(io_.get_executor(), 0, [this](TaskGroup& group) -> Task<void> {
      group.Start(WatchForAlerts(caches_, alerts_));
      co_await server_->Run();
      group.Stop();
    });
    co_await caches_.Close();
  }

  const Config& config_;
  asio::io_context io_;
  ConcurrencyManager concurrency_;
  HttpClient http_;
  CacheManager caches_;
  std::optional<TokenGate> tokens_;
  AlertWatch alerts_;
  std::optional<CacheApi> api_;
  std::optional<HttpServer> server_;
};

// A key in plain sight of whoever reads the configuration is none.
Status CheckKeyPlace(const LoadedConfig& loaded) {
  const std::string& key = loaded.config.serve.api_key.Reveal();
  const auto origin = loaded.origins.find("serve.api_key");
  const bool in_file = origin != loaded.origins.end() && origin->second.starts_with("file ");
  if (!in_file || key.empty() || key.starts_with("env:") || key.starts_with("file:")) return {};
  return Fail(ErrorCode::kUsage, "serve.api_key stands in the configuration file itself",
              "give it as \"env:NAME\" or \"file:PATH\", or by SHAREPOINT_AUDIT_SERVE__API_KEY");
}

}  // namespace

Result<ExitCode> CommandServe(const Invocation& invocation) {
  auto loaded = LoadConfigOf(invocation.flags, invocation.environment);
  if (!loaded) return Fail(std::move(loaded.error()));
  if (auto fine = CheckKeyPlace(*loaded); !fine) return Fail(std::move(fine.error()));
  if (auto done = ResolveSecrets(*loaded, invocation.environment); !done) {
    return Fail(std::move(done.error()));
  }
  const Config& config = loaded->config;
  if (auto opened = OpenLog(invocation.flags, config); !opened) {
    return Fail(std::move(opened.error()));
  }
  if (!config.cache.enabled || config.cache.mode == "off") {
    return Fail(ErrorCode::kUsage, "there is nothing to serve: the cache is turned off",
                "set cache.enabled and a cache.mode other than off");
  }
  const bool from_file = config.serve.api_key.empty();
  auto secret = from_file ? ReadOrMakeKeyFile(config.serve.api_key_file)
                          : Result<Secret>(config.serve.api_key);
  if (!secret) return Fail(std::move(secret.error()));
  auto key = ApiKey::From(*secret);
  if (!key) return Fail(std::move(key.error()));

  Serving serving(config, *std::move(key));
  if (auto listening = serving.Listen(); !listening) return Fail(std::move(listening.error()));
  // The address is the result, for scripts to read.
  if (auto printed = Print(serving.url() + '\n'); !printed) return printed;
  if (!invocation.flags.quiet) {
    if (from_file) {
      fmt::print(stderr, "The API key is in {}.\n", config.serve.api_key_file);
    }
    fmt::print(stderr, "Stop with Ctrl-C.\n");
  }
  serving.Run();
  return ExitCode::kDone;
}

}  // namespace spa
