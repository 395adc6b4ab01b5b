#include "cache/redis/connection.h"

#include <fmt/format.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cctype>
#include <deque>
#include <map>

#include "cache/redis/tls.h"
#include "core/async/task_group.h"
#include "core/log/log.h"

namespace spa {
namespace {

using asio::ip::tcp;
using Steady = std::chrono::steady_clock;
using boost::system::error_code;

constexpr auto kFirstPause = std::chrono::milliseconds(50);
constexpr auto kLongestPause = std::chrono::milliseconds(1000);
constexpr int kSilence = 4;  // timeouts without a byte, then the connection is given up

// Who waits, its type erased. (any_completion_handler of Boost 1.81 wraps itself without end.)
struct Waiter {
  virtual ~Waiter() = default;
  virtual void Resume(const asio::any_io_executor& executor) = 0;
};
template <class Handler>
struct WaiterOf final : Waiter {
  explicit WaiterOf(Handler handler) : handler(std::move(handler)) {}
  void Resume(const asio::any_io_executor& executor) override {
    asio::post(executor, std::move(handler));
  }
  Handler handler;
};

// Some calls that left together, until they are answered.
struct Request {
  Request(std::vector<std::string> names, Steady::time_point started)
      : names(std::move(names)), expected(this->names.size()), started(started) {
    answers.reserve(expected);
  }
  std::vector<std::string> names;
  std::size_t expected;
  Steady::time_point started;
  std::vector<Resp> answers;
  bool done = false;             // The caller has, or will get, what it waits for.
  std::optional<Error> failure;  // Set: no answers.
  std::unique_ptr<Waiter> waiter;

  void Wake(const asio::any_io_executor& executor) {
    if (const auto woken = std::move(waiter)) woken->Resume(executor);
  }
};

// One TCP connection, plain or inside TLS.
struct Link {
  explicit Link(const asio::any_io_executor& executor) : plain(tcp::socket(executor)) {}
  Link(const asio::any_io_executor& executor, std::shared_ptr<asio::ssl::context> context)
      : context(std::move(context)) {
    tls.emplace(tcp::socket(executor), *this->context);
  }
  tcp::socket& socket() { return tls ? tls->next_layer() : *plain; }
  void Shut() {
    error_code ignored;
    socket().shutdown(tcp::socket::shutdown_both, ignored);
    socket().close(ignored);
  }
  std::shared_ptr<asio::ssl::context> context;
  std::optional<tcp::socket> plain;
  std::optional<RedisTlsStream> tls;
};

Error FromHello(const RedisHost& host, const RedisEndpoint& endpoint, const Resp& answer) {
  const std::string_view word = answer.ErrorWord();
  const std::string who =
      endpoint.user.empty() ? "the default user" : fmt::format("user {}", endpoint.user);
  if (word == "WRONGPASS" || word == "NOPERM") {
    return Error(ErrorCode::kAuth, fmt::format("Redis {} refused {}", host.Name(), who),
                 "check acl_username, acl_password and redis_auth in cache.redis.security");
  }
  if (word == "NOAUTH") {
    return Error(ErrorCode::kAuth, fmt::format("Redis {} wants a password", host.Name()),
                 "set redis_auth, or acl_username and acl_password, in cache.redis.security");
  }
  if (answer.text.find("unknown command") != std::string::npos || word == "NOPROTO") {
    return Error(ErrorCode::kUnsupported,
                 fmt::format("Redis {} does not speak RESP3: it is older than 6.0", host.Name()),
                 "use Redis 6.0 or later; 7.0.5 or later is best");
  }
  return Error(ErrorCode::kUnreachable,
               fmt::format("Redis {} is not ready: {}", host.Name(), answer.text));
}

}  // namespace

// "*2\r\n$3\r\nGET\r\n…"
void RedisBatch::Name(std::size_t at) {
  const std::size_t from = bytes.find('\n', bytes.find('$', at)) + 1;
  std::string& name = names.emplace_back(bytes, from, bytes.find('\r', from) - from);
  for (char& letter : name) letter = static_cast<char>(std::tolower(letter));
}

struct RedisConnection::Core : std::enable_shared_from_this<RedisConnection::Core> {
  Core(asio::any_io_executor e, RedisOptions o, Listener l)
      : executor(std::move(e)),
        options(std::move(o)),
        listener(std::move(l)),
        gate("redis " + options.host.Name(), options.clock),
        to_write(executor, Steady::time_point::max()),
        deadline(executor, Steady::time_point::max()),
        pause(executor, Steady::time_point::max()),
        changed(executor, Steady::time_point::max()) {}

  // --- the background work ---------------------------------------------------------------------

  Task<void> Run() {
    auto wait = kFirstPause;
    while (!closing) {
      std::optional<Error> failure;
      if (gate.Allow()) {
        const auto began = Steady::now();
        const Status made = co_await Connect();
        if (closing) {
          gate.Abandoned();
          break;
        }
        if (made) {
          gate.Succeeded(Since(began));
          Connected();
          wait = kFirstPause;
          co_await Serve();
          Disconnected();
          continue;
        }
        gate.Failed(made.error().message);
        ++errors;
        last_failure = made.error();
        Tried();
      }
      error_code woken;
      pause.expires_after(wait);
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, woken));
      wait = std::min(wait * 2, kLongestPause);
    }
    if (link) link->Shut();
  }

  void Connected() {
    connected = true;
    last_failure.reset();
    if (ever_connected) {
      ++reconnects;
      log::Info(fmt::format("cache: Redis {} is back", options.host.Name()));
      StoreChange change;
      change.everything = true;
      Tell(std::move(change));
    }
    ever_connected = true;
    Tried();
  }

  void Disconnected() {
    connected = false;
    session.tracking = false;
    if (link) link->Shut();
    link.reset();
    const std::string why = broken.empty() ? "it was closed" : std::exchange(broken, {});
    last_failure =
        Error(ErrorCode::kUnreachable,
              fmt::format("the connection to Redis {} broke: {}", options.host.Name(), why));
    if (!closing) {
      ++errors;
      log::Warn(fmt::format("cache: Redis {} is lost, going on without it: {}", options.host.Name(),
                            why));
      StoreChange change;  // What others change from now on goes unseen.
      change.everything = true;
      Tell(std::move(change));
    }
    // One failure for the gate, whatever the number of calls that were under way.
    if (!closing) gate.Failed(last_failure->message);
    for (const auto& request : pending) {
      if (request->done) continue;
      request->done = true;
      request->failure = *last_failure;
      gate.Abandoned();
      request->Wake(executor);
    }
    pending.clear();
    expired = 0;
    out.clear();
    changed.cancel();
  }

  void Tried() {
    tried = true;
    changed.cancel();
  }

  // After the handlers of the answers that came before it.
  void Tell(StoreChange change) {
    asio::post(executor, [self = shared_from_this(), change = std::move(change)] {
      if (self->listener && !self->closing) self->listener(change);
    });
  }

  // --- connecting ------------------------------------------------------------------------------

  Task<Status> Connect() {
    const auto limit =
        std::max<std::chrono::milliseconds>(std::chrono::seconds(1), options.timeout * 8);
    std::shared_ptr<asio::ssl::context> context;
    if (options.endpoint.tls) {
      auto made = MakeRedisTls(options.endpoint);
      if (!made) co_return tl::unexpected(made.error());
      context = std::move(*made);
    }
    link = context ? std::make_shared<Link>(executor, context) : std::make_shared<Link>(executor);
    tcp::resolver resolver(executor);
    bool late = false;
    asio::steady_timer watchdog(executor, limit);
    watchdog.async_wait([&late, &resolver, mine = link](const error_code& error) {
      if (error) return;
      late = true;
      resolver.cancel();
      mine->Shut();
    });
    resolving = &resolver;
    Status status = co_await Establish(resolver);
    resolving = nullptr;
    watchdog.cancel();
    // The watchdog refers to this frame: let its handler pass first.
    co_await asio::post(executor, asio::use_awaitable);
    if (!status && late) {
      status = Fail(ErrorCode::kUnreachable, fmt::format("Redis {} did not answer within {} ms",
                                                         options.host.Name(), limit.count()));
    }
    if (!status) {
      link->Shut();
      link.reset();
    }
    co_return status;
  }

  tl::unexpected<Error> NoWay(std::string_view what, const error_code& error) const {
    const bool tls = error.category() == asio::error::get_ssl_category();
    return Fail(tls ? ErrorCode::kUntrusted : ErrorCode::kUnreachable,
                fmt::format("Redis {}: {}: {}", options.host.Name(), what, error.message()),
                tls ? "check tls_ca_path, the name in the server's certificate and the client's "
                      "certificate"
                    : "");
  }

  Task<Status> Establish(tcp::resolver& resolver) {
    error_code error;
    tcp::resolver::results_type found;
    const auto address = asio::ip::make_address(options.host.host, error);
    if (!error) {
      found = tcp::resolver::results_type::create(tcp::endpoint(address, options.host.port),
                                                  options.host.host, "");
    } else {
      found = co_await resolver.async_resolve(options.host.host, std::to_string(options.host.port),
                                              asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return NoWay("its name cannot be resolved", error);
    }
    co_await asio::async_connect(link->socket(), found,
                                 asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return NoWay("cannot connect", error);
    link->socket().set_option(tcp::no_delay(true), error);
    link->socket().set_option(asio::socket_base::keep_alive(true), error);
    RedisSession fresh;
    if (link->tls) {
      if (Status expected = ExpectHost(*link->tls, options.host.host); !expected)
        co_return expected;
      co_await link->tls->async_handshake(asio::ssl::stream_base::client,
                                          asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return NoWay("no TLS", error);
      DescribeTls(*link->tls, fresh);
      co_return co_await Greet(*link->tls, fresh);
    }
    co_return co_await Greet(*link->plain, fresh);
  }

  template <class Stream>
  Task<Status> Greet(Stream& stream, RedisSession& fresh) {
    RedisBatch hello;
    const RedisEndpoint& to = options.endpoint;
    if (to.user.empty() && to.password.empty()) {
      hello.Add({"HELLO", "3", "SETNAME", kRedisClientName});
    } else {
      hello.Add({"HELLO", "3", "AUTH", to.user.empty() ? "default" : to.user, to.password.Reveal(),
                 "SETNAME", kRedisClientName});
    }
    const std::string db = std::to_string(to.db);
    if (to.db != 0) hello.Add({"SELECT", db});
    const std::size_t scripts_from = hello.count();
    for (const std::string& script : options.scripts) hello.Add({"SCRIPT", "LOAD", script});
    const std::size_t tracking_at = hello.count();
    if (!options.watch.empty()) {
      std::vector<std::string_view> words = {"CLIENT", "TRACKING", "ON", "BCAST"};
      for (const std::string& prefix : options.watch) {
        words.push_back("PREFIX");
        words.push_back(prefix);
      }
      words.push_back("NOLOOP");
      hello.Add(words);
    }
    error_code error;
    co_await asio::async_write(stream, asio::buffer(hello.bytes),
                               asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return NoWay("cannot greet it", error);
    bytes_out += hello.bytes.size();
    parser = RespParser();
    std::vector<Resp> answers;
    while (answers.size() < hello.count()) {
      const std::size_t got = co_await stream.async_read_some(
          asio::buffer(input), asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return NoWay("it hung up on the greeting", error);
      bytes_in += got;
      parser.Feed(std::string_view(input.data(), got));
      while (auto value = parser.Next()) {
        if (answers.empty() && value->IsError()) {
          co_return tl::unexpected(FromHello(options.host, to, *value));
        }
        if (value->type != Resp::Type::kPush) answers.push_back(std::move(*value));
      }
      if (!parser.fault().empty()) {
        co_return Fail(ErrorCode::kMalformed, fmt::format("{} does not speak as Redis does: {}",
                                                          options.host.Name(), parser.fault()));
      }
    }
    if (const Resp* version = answers[0].At("version")) fresh.server_version = version->text;
    for (std::size_t i = 1; i < tracking_at; ++i) {
      if (answers[i].IsError()) {
        co_return Fail(
            answers[i].ErrorWord() == "NOPERM" ? ErrorCode::kAuth : ErrorCode::kUnreachable,
            fmt::format("Redis {} refused to set up: {}", options.host.Name(), answers[i].text),
            "give its user the rights that `cache security status` prints");
      }
      if (i >= scripts_from) fresh.script_ids.push_back(answers[i].text);
    }
    if (!options.watch.empty()) {
      fresh.tracking = !answers[tracking_at].IsError();
      if (!fresh.tracking && !told_untracked) {
        told_untracked = true;
        log::Warn(fmt::format("cache: Redis {} does not tell what others change: {}",
                              options.host.Name(), answers[tracking_at].text));
      }
    }
    session = std::move(fresh);
    co_return Status();
  }

  // --- serving ---------------------------------------------------------------------------------

  Task<void> Serve() {
    last_heard = Steady::now();
    co_await RunGroup(executor, 0, [this](TaskGroup& group) -> Task<void> {
      if (link->tls) {
        group.Start(Write(*link->tls));
        group.Start(Read(*link->tls));
      } else {
        group.Start(Write(*link->plain));
        group.Start(Read(*link->plain));
      }
      group.Start(WatchDeadlines());
      co_return;
    });
  }

  // Ends all three of Serve.
  void Break(std::string why) {
    if (serving_ended()) return;
    broken = std::move(why);
    ended = link;
    link->Shut();
    to_write.cancel();
    deadline.cancel();
  }
  bool serving_ended() const { return !link || ended == link; }

  template <class Stream>
  Task<void> Write(Stream& stream) {
    std::string leaving;
    while (!serving_ended()) {
      error_code error;
      if (out.empty()) {
        writer_sleeps = true;
        co_await to_write.async_wait(asio::redirect_error(asio::use_awaitable, error));
        writer_sleeps = false;
        continue;
      }
      leaving.clear();
      leaving.swap(out);
      co_await asio::async_write(stream, asio::buffer(leaving),
                                 asio::redirect_error(asio::use_awaitable, error));
      if (error) Break(error.message());
      bytes_out += leaving.size();
    }
  }

  template <class Stream>
  Task<void> Read(Stream& stream) {
    while (!serving_ended()) {
      error_code error;
      const std::size_t got = co_await stream.async_read_some(
          asio::buffer(input), asio::redirect_error(asio::use_awaitable, error));
      if (error) {
        Break(error == asio::error::eof ? "the server hung up" : error.message());
        break;
      }
      last_heard = Steady::now();
      bytes_in += got;
      parser.Feed(std::string_view(input.data(), got));
      while (auto value = parser.Next()) Heard(std::move(*value));
      if (!parser.fault().empty()) Break("it does not speak as Redis does: " + parser.fault());
    }
  }

  void Heard(Resp value) {
    if (value.type == Resp::Type::kPush) return Pushed(value);
    if (pending.empty()) return Break("an answer that nobody asked for");
    Request& request = *pending.front();
    commands[request.names[request.answers.size()]].Record(Steady::now() - request.started);
    request.answers.push_back(std::move(value));
    if (request.answers.size() < request.expected) return;
    if (expired > 0) --expired;
    if (!request.done) {
      request.done = true;
      gate.Succeeded(Since(request.started));
      request.Wake(executor);
    }
    pending.pop_front();
    if (pending.empty() && closing) changed.cancel();
  }

  void Pushed(const Resp& push) {
    if (push.items.size() < 2 || push.items[0].text != "invalidate") return;
    StoreChange change;
    change.everything = push.items[1].IsNull();
    for (const Resp& key : push.items[1].items) change.keys.push_back(key.text);
    Tell(std::move(change));
  }

  // All calls have the same time, so that the oldest is always the next to be late.
  Task<void> WatchDeadlines() {
    while (!serving_ended()) {
      error_code woken;
      const bool idle = pending.size() == expired;
      deadline_sleeps = idle && pending.empty();
      if (deadline_sleeps) {
        deadline.expires_at(Steady::time_point::max());
      } else if (idle) {
        deadline.expires_after(options.timeout);
      } else {
        deadline.expires_at(pending[expired]->started + options.timeout);
      }
      co_await deadline.async_wait(asio::redirect_error(asio::use_awaitable, woken));
      deadline_sleeps = false;
      const auto now = Steady::now();
      while (expired < pending.size() && pending[expired]->started + options.timeout <= now) {
        Request& request = *pending[expired++];
        request.done = true;
        request.failure = Error(ErrorCode::kUnreachable,
                                fmt::format("Redis {} did not answer within {} ms",
                                            options.host.Name(), options.timeout.count()));
        ++errors;
        gate.Failed(request.failure->message);
        request.Wake(executor);
      }
      if (expired > 0 && now - last_heard > options.timeout * kSilence) Break("it fell silent");
    }
  }

  static std::chrono::microseconds Since(Steady::time_point began) {
    return std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - began);
  }

  // Nothing: go ahead, and an answer will teach the gate.
  std::optional<Error> Refusal() {
    if (closing) return Error(ErrorCode::kUnreachable, "the cache's connection to Redis is closed");
    if (!connected) {
      if (last_failure) return last_failure;
      return Error(ErrorCode::kUnreachable,
                   fmt::format("Redis {} is not connected yet", options.host.Name()));
    }
    if (!gate.Allow()) {
      return Error(ErrorCode::kUnreachable,
                   fmt::format("Redis {} is left alone for a while: it failed too often",
                               options.host.Name()));
    }
    return {};
  }

  asio::any_io_executor executor;
  RedisOptions options;
  Listener listener;
  HealthGate gate;
  RedisSession session;

  std::shared_ptr<Link> link, ended;
  tcp::resolver* resolving = nullptr;
  RespParser parser;
  std::vector<char> input = std::vector<char>(std::size_t{64} << 10);
  std::string out;                               // To be written.
  std::deque<std::shared_ptr<Request>> pending;  // Written or about to be; answers come in order.
  std::size_t expired = 0;                       // Of these, at the front, no longer waited for.
  Steady::time_point last_heard;
  asio::steady_timer to_write, deadline, pause, changed;
  bool writer_sleeps = false, deadline_sleeps = false;
  bool running = false, tried = false, connected = false, ever_connected = false, closing = false;
  bool told_untracked = false;
  std::string broken;
  std::optional<Error> last_failure;
  std::uint64_t operations = 0, errors = 0, reconnects = 0, bytes_in = 0, bytes_out = 0;
  std::map<std::string, LatencyHistogram> commands;  // How long they took, by name.
};

RedisConnection::RedisConnection(asio::any_io_executor executor, RedisOptions options,
                                 Listener listener)
    : core_(std::make_shared<Core>(std::move(executor), std::move(options), std::move(listener))) {}

namespace {
// Ends the background work, without waiting for its end.
template <class Core>
void Stop(Core& core) {
  core.closing = true;
  core.pause.cancel();
  if (core.resolving) core.resolving->cancel();
  if (!core.link) return;
  if (core.connected) {
    core.Break("closed");
  } else {
    core.link->Shut();
  }
}
}  // namespace

RedisConnection::~RedisConnection() {
  if (core_->running) Stop(*core_);
}

Task<Status> RedisConnection::Open() {
  const auto core = core_;
  if (!core->running) {
    core->running = true;
    core->closing = false;
    core->tried = false;
    asio::co_spawn(core->executor, core->Run(), [core](std::exception_ptr failure) {
      core->running = false;
      core->changed.cancel();
      if (failure) std::rethrow_exception(failure);  // A bug.
    });
  }
  while (!core->tried && core->running) {
    error_code woken;
    co_await core->changed.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
      throw boost::system::system_error(asio::error::operation_aborted);
    }
  }
  if (core->connected) co_return Status();
  if (core->last_failure) co_return tl::unexpected(*core->last_failure);
  co_return Fail(ErrorCode::kUnreachable, "the connection to Redis was closed");
}

Task<void> RedisConnection::Close() {
  const auto core = core_;
  if (!core->running) co_return;
  // A cancelled closer still waits for the end, so that nothing outlives it.
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  error_code woken;
  core->closing = true;
  while (core->running && core->connected && core->pending.size() > core->expired) {
    co_await core->changed.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  Stop(*core);
  while (core->running) {
    co_await core->changed.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
}

Task<Result<std::vector<Resp>>> RedisConnection::Call(RedisBatch batch) {
  const auto core = core_;
  if (auto refusal = core->Refusal()) {
    core->errors += batch.count();
    co_return tl::unexpected(std::move(*refusal));
  }
  core->operations += batch.count();
  core->out += batch.bytes;
  const auto request = std::make_shared<Request>(std::move(batch.names), Steady::now());
  core->pending.push_back(request);
  if (core->writer_sleeps) core->to_write.cancel();
  if (core->deadline_sleeps) core->deadline.cancel();
  // By reference: g++ 12 destroys what a lambda here owns twice.
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [&request, &core](auto handler) {
        auto slot = asio::get_associated_cancellation_slot(handler);
        if (slot.is_connected()) {
          slot.assign([weak = std::weak_ptr<Request>(request),
                       executor = core->executor](asio::cancellation_type) {
            if (const auto left = weak.lock()) left->Wake(executor);
          });
        }
        request->waiter = std::make_unique<WaiterOf<decltype(handler)>>(std::move(handler));
      },
      asio::use_awaitable);
  if (!request->done) throw boost::system::system_error(asio::error::operation_aborted);
  if (request->failure) co_return tl::unexpected(std::move(*request->failure));
  co_return std::move(request->answers);
}

const RedisHost& RedisConnection::host() const { return core_->options.host; }
bool RedisConnection::connected() const { return core_->connected && !core_->closing; }
const RedisSession& RedisConnection::session() const { return core_->session; }

StoreNode RedisConnection::Snapshot() const {
  StoreNode node;
  node.name = core_->options.host.Name();
  node.health = core_->gate.Snapshot();
  node.up = connected();
  node.operations = core_->operations;
  node.errors = core_->errors;
  node.reconnects = core_->reconnects;
  node.bytes_in = core_->bytes_in;
  node.bytes_out = core_->bytes_out;
  for (const auto& [name, took] : core_->commands) node.commands.emplace(name, took.Read());
  return node;
}

}  // namespace spa
