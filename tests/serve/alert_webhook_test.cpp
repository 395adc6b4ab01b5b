// Alerts that are told to another service, over real HTTP.
#include "serve/alert_webhook.h"

#include <boost/asio/co_spawn.hpp>
#include <nlohmann/json.hpp>

#include "core/async/task_group.h"
#include "tests/auth/token_server.h"
#include "tests/catch.h"

namespace spa {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

struct Receiver {
  explicit Receiver(testing::TokenServer::Script script)
      : concurrency(io, {10, 1, 1}),
        http(io, concurrency, {{}, "1.1", "test"}),
        server(io, std::move(script)),
        webhook(io, http) {
    webhook.set_pause(1ms);
    REQUIRE(webhook.SetUrl(Secret(server.url() + "/hook/s3cret")));
  }

  // Tells of the alerts; ends when `count` calls have come.
  void Deliver(std::vector<Alert> alerts, std::size_t count) {
    std::function<Task<void>(TaskGroup&)> body = [&](TaskGroup& group) -> Task<void> {
      group.Start(webhook.Run());
      for (const Alert& alert : alerts) webhook.Tell(AlertRule::kErrors, alert);
      asio::steady_timer timer(io);
      while (server.requests().size() < count) {
        timer.expires_after(1ms);
        co_await timer.async_wait(asio::use_awaitable);
      }
      group.Stop();
    };
    std::exception_ptr failure;
    asio::co_spawn(io, RunGroup(io.get_executor(), 0, std::move(body)),
                   [&](std::exception_ptr ended) {
                     failure = ended;
                     io.stop();  // The server would listen on.
                   });
    io.restart();
    io.run();
    if (failure) std::rethrow_exception(failure);
  }

  asio::io_context io;
  ConcurrencyManager concurrency;
  HttpClient http;
  testing::TokenServer server;
  AlertWebhook webhook;
};

Alert Raised(std::string reason, bool active = true) {
  Alert alert;
  alert.active = active;
  alert.raised = 1;
  alert.reason = std::move(reason);
  return alert;
}

TEST_CASE("An alert is posted when it begins and when it ends, without a secret",
          "[cache][S2-70][S3-113]") {
  Receiver receiver(
      [](const testing::ServedRequest&, std::size_t) { return testing::ServedAnswer(200, ""); });

  receiver.Deliver({Raised("Authorization: Bearer abcdefghijklmnop"), Raised("well", false)}, 2);

  const auto& requests = receiver.server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].method == "POST");
  CHECK(requests[0].target == "/hook/s3cret");
  CHECK(requests[0].Header("Content-Type") == "application/json");
  const json begun = json::parse(requests[0].body), ended = json::parse(requests[1].body);
  CHECK(begun["rule"] == "error_spike");
  CHECK(begun["active"] == true);
  CHECK(begun["raised"] == 1);
  CHECK(begun["reason"].get<std::string>().find("abcdefghijklmnop") == std::string::npos);
  CHECK(ended["active"] == false);
}

TEST_CASE("An alert that is not taken is sent three times, and the next after it", "[cache]") {
  Receiver receiver([](const testing::ServedRequest& request, std::size_t) {
    const bool first = json::parse(request.body)["reason"] == "one";
    return testing::ServedAnswer(first ? 500 : 204, "");
  });

  receiver.Deliver({Raised("one"), Raised("two")}, 4);

  std::vector<std::string> reasons;
  for (const auto& request : receiver.server.requests())
    reasons.push_back(json::parse(request.body)["reason"]);
  CHECK(reasons == std::vector<std::string>{"one", "one", "one", "two"});
}

TEST_CASE("An alert goes to https or loopback alone, and nowhere without an address", "[cache]") {
  Receiver receiver(
      [](const testing::ServedRequest&, std::size_t) { return testing::ServedAnswer(200, ""); });
  CHECK_FALSE(receiver.webhook.SetUrl(Secret("http://example.com/hook")));
  CHECK_FALSE(receiver.webhook.SetUrl(Secret("no address")));
  CHECK(receiver.webhook.SetUrl(Secret("https://example.com/hook")));
  CHECK(receiver.webhook.SetUrl(Secret()));
  receiver.Deliver({Raised("x")}, 0);
  CHECK(receiver.server.requests().empty());
}

}  // namespace
}  // namespace spa
