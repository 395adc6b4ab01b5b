#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <functional>
#include <optional>

#include "cache/cache_manager.h"
#include "cli/cache_options.h"
#include "cli/cache_trace.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/host_health.h"
#include "cli/options.h"
#include "cli/run_loop.h"
#include "core/async/task_group.h"
#include "core/http/http_client.h"
#include "core/log/log.h"
#include "serve/alert_loop.h"
#include "serve/alert_webhook.h"
#include "serve/cache_api.h"
#include "serve/http_server.h"
#include "serve/load_log.h"
#include "serve/token_gate.h"

namespace spa {
namespace {

// What a running server takes over when it is told to read its configuration again.
struct Setting {
  Config config;
  Secret key;
  bool key_from_file;
};

// Everything the server needs, in the order in which it is made.
class Serving {
 public:
  using Read = std::function<Result<Setting>()>;

  // `read`: the configuration as it stands by then.
  Serving(const Config& config, ApiKey key, Read read)
      : config_(config),
        read_(std::move(read)),
        io_(1),
        concurrency_(io_, {config.concurrency.max_api_calls, 1, 1}),
        http_(io_, concurrency_, HttpOptionsOf(config)),
        caches_(CacheOptionsOf(config)),
        webhook_(io_, http_),
        alerts_(AlertLimits(),
                [this](AlertRule rule, const Alert& alert) { webhook_.Tell(rule, alert); }) {
    http_.set_listener([this](const HttpEnding& ending) { hosts_.Heard(ending); });
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
    api.hosts = [this] { return Hosts(); };
    api_.emplace(caches_, std::move(key), tokens_ ? &*tokens_ : nullptr, alerts_, std::move(api));
    server_.emplace(io_, ServerOptionsOf(config.serve),
                    [this](HttpCall call) { return api_->Handle(std::move(call)); });
  }

  Status Listen() {
    if (auto set = webhook_.SetUrl(config_.serve.alert_webhook); !set) return set;
    return server_->Listen();
  }
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
    asio::signal_set hangups(io_, SIGHUP);
    ReloadAt(hangups);
    std::exception_ptr failure;
    asio::co_spawn(io_, Main(), [&](std::exception_ptr ended) {
      failure = ended;
      signals.cancel();
      hangups.cancel();
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

  void ReloadAt(asio::signal_set& hangups) {
    hangups.async_wait([this, &hangups](const boost::system::error_code& error, int) {
      if (error) return;
      if (const Status reloaded = Reload(); !reloaded) {
        log::Warn("the configuration was not taken over; all stays as it was",
                  {{"reason", reloaded.error().message}});
      }
      ReloadAt(hangups);
    });
  }

  // Keys, limits, the webhook and the log; address, certificate and cache stay as long as the
  // process does.
  Status Reload() {
    auto setting = read_();
    if (!setting) return Fail(std::move(setting.error()));
    auto key = ApiKey::From(setting->key);
    if (!key) return Fail(std::move(key.error()));
    const ServeConfig& serve = setting->config.serve;
    if (auto set = webhook_.SetUrl(serve.alert_webhook); !set) return set;
    api_->Renew(*std::move(key), serve.rate);
    log::Info("the configuration was read again");
    return {};
  }

  std::vector<std::pair<std::string, Health>> Hosts() const {
    std::vector<std::pair<std::string, Health>> hosts;
    for (HostHealth::Host& host : hosts_.Hosts())
      hosts.emplace_back(std::move(host.name), std::move(host.health));
    return hosts;
  }

  [[nodiscard]] Task<void> Main() {
    const Subscription traced = TraceLoads(caches_);
    const Status opened = co_await caches_.Open(io_.get_executor());
    if (!opened) {
      log::Warn("the second level cannot be used, going on without",
                {{"reason", opened.error().message}});
    }
    co_await RunGroup(io_.get_executor(), 0, [this](TaskGroup& group) -> Task<void> {
      group.Start(WatchForAlerts(caches_, alerts_));
      group.Start(webhook_.Run());
      group.Start(LogLoad(std::chrono::seconds(config_.cache.health_interval)));
      co_await server_->Run();
      group.Stop();
    });
    co_await caches_.Close();
  }

  const Config& config_;
  Read read_;
  asio::io_context io_;
  ConcurrencyManager concurrency_;
  HostHealth hosts_;
  HttpClient http_;
  CacheManager caches_;
  AlertWebhook webhook_;
  AlertWatch alerts_;
  std::optional<TokenGate> tokens_;
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

Result<Setting> ReadSetting(const Invocation& invocation) {
  auto loaded = LoadConfigOf(invocation.flags, invocation.environment);
  if (!loaded) return Fail(std::move(loaded.error()));
  if (auto fine = CheckKeyPlace(*loaded); !fine) return Fail(std::move(fine.error()));
  if (auto done = ResolveSecrets(*loaded, invocation.environment); !done) {
    return Fail(std::move(done.error()));
  }
  if (auto opened = OpenLog(invocation.flags, loaded->config); !opened) {
    return Fail(std::move(opened.error()));
  }
  const ServeConfig& serve = loaded->config.serve;
  const bool from_file = serve.api_key.empty();
  auto key = from_file ? ReadOrMakeKeyFile(serve.api_key_file) : Result<Secret>(serve.api_key);
  if (!key) return Fail(std::move(key.error()));
  return Setting{std::move(loaded->config), *std::move(key), from_file};
}

}  // namespace

Result<ExitCode> CommandServe(const Invocation& invocation) {
  auto setting = ReadSetting(invocation);
  if (!setting) return Fail(std::move(setting.error()));
  const Config& config = setting->config;
  if (!config.cache.enabled || config.cache.mode == "off") {
    return Fail(ErrorCode::kUsage, "there is nothing to serve: the cache is turned off",
                "set cache.enabled and a cache.mode other than off");
  }
  auto key = ApiKey::From(setting->key);
  if (!key) return Fail(std::move(key.error()));

  Serving serving(config, *std::move(key), [&invocation] { return ReadSetting(invocation); });
  if (auto listening = serving.Listen(); !listening) return Fail(std::move(listening.error()));
  // The address is the result, for scripts to read.
  if (auto printed = Print(serving.url() + '\n'); !printed) return printed;
  if (!invocation.flags.quiet) {
    if (setting->key_from_file) {
      fmt::print(stderr, "The API key is in {}.\n", config.serve.api_key_file);
    }
    fmt::print(stderr, "Stop with Ctrl-C.\n");
  }
  serving.Run();
  return ExitCode::kDone;
}

}  // namespace spa
