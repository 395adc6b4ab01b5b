#include "core/auth/token_source.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <chrono>

#include "core/auth/caching_token_source.h"
#include "core/auth/token_claims.h"
#include "tests/auth/test_certificate.h"
#include "tests/auth/token_server.h"
#include "tests/catch.h"

namespace spa {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using Catch::Contains;

const std::string kGraph = "https://graph.microsoft.com";
const std::string kSharePoint = "https://contoso.sharepoint.com";
const std::string kApp = "9b7d5e21-0a4c-4f0e-8d3b-6e2f1c9a7b55";

// A token source before a scripted endpoint, with a clock that stands still.
struct Bench {
  explicit Bench(TokenServer::Script script)
      : concurrency(io, ConcurrencyManager::Limits()),
        http(io, concurrency, HttpClient::Options()),
        server(io, std::move(script)) {
    config.tenant_id = "fabrikam.com";
    config.client_id = kApp;
    config.client_secret = Secret("a~b.c+d/e&f=g");
    config.authority_host = server.url();
  }

  CachingTokenSource& tokens() {
    if (!source) {
      auto credential = ReadCredential(config, [&](const char* name) { return environment[name]; });
      REQUIRE(credential);
      for (auto& pause : credential->pauses) pause = 1ms;
      credential->silence_limit = silence_limit;
      source = std::make_unique<CachingTokenSource>(std::move(*credential), http,
                                                    [this] { return now; });
    }
    return *source;
  }

  // Runs the loop until `done` says so.
  template <class Done>
  void RunUntil(Done done) {
    io.restart();
    while (!done()) REQUIRE(io.run_one() > 0);
  }

  Result<AccessToken> Get(const std::string& resource = kGraph) {
    auto all = GetMany(1, resource);
    return all[0];
  }

  std::vector<Result<AccessToken>> GetMany(std::size_t count,
                                           const std::string& resource = kGraph) {
    std::vector<Result<AccessToken>> results;
    for (std::size_t i = 0; i < count; ++i) {
      asio::co_spawn(io, tokens().Get(resource),
                     [&](std::exception_ptr failure, Result<AccessToken> result) {
                       if (failure) std::rethrow_exception(failure);
                       results.push_back(std::move(result));
                     });
    }
    RunUntil([&] { return results.size() == count; });
    return results;
  }

  asio::io_context io;
  ConcurrencyManager concurrency;
  HttpClient http;
  TokenServer server;
  AuthConfig config;
  std::map<std::string, std::string> environment;
  std::chrono::milliseconds silence_limit{20'000};
  std::chrono::system_clock::time_point now{std::chrono::seconds(1795132800)};
  std::unique_ptr<CachingTokenSource> source;
};

// A Get that can be cancelled.
struct Waiter {
  explicit Waiter(Bench& bench) {
    asio::co_spawn(bench.io, bench.tokens().Get(kGraph),
                   asio::bind_cancellation_slot(
                       signal.slot(), [this](std::exception_ptr e, Result<AccessToken> value) {
                         failure = e;
                         if (!e) result.emplace(std::move(value));
                         done = true;
                       }));
  }
  bool cancelled() const {
    try {
      if (failure) std::rethrow_exception(failure);
    } catch (const boost::system::system_error& error) {
      return IsCancellation(error);
    }
    return false;
  }

  asio::cancellation_signal signal;
  std::exception_ptr failure;
  std::optional<Result<AccessToken>> result;
  bool done = false;
};

ServedAnswer Numbered(const ServedRequest&, std::size_t n) {
  return TokenAnswer("token-" + std::to_string(n));
}

TEST_CASE("a secret is sent as a form, escaped, to the tenant's token URL") {
  Bench bench(Numbered);

  const auto token = bench.Get();

  REQUIRE(token);
  CHECK(token->value == "token-0");
  CHECK(token->expires_at == bench.now + 3599s);
  CHECK(bench.tokens().kind() == CredentialKind::kSecret);
  const ServedRequest& sent = bench.server.requests().at(0);
  CHECK(sent.method == "POST");
  CHECK(sent.target == "/fabrikam.com/oauth2/v2.0/token");
  CHECK(sent.Header("Content-Type") == "application/x-www-form-urlencoded");
  CHECK(sent.body == "grant_type=client_credentials&client_id=" + kApp +
                         "&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default"
                         "&client_secret=a~b.c%2Bd%2Fe%26f%3Dg");
}

TEST_CASE("a certificate signs a fresh assertion for every request, and no secret is sent") {
  const TempFile pem(CertPem(MakeCert(RsaKey(), -1, 9999)) + KeyPem(RsaKey()));
  Bench bench(Numbered);
  bench.config.certificate_path = pem.path();
  bench.now = std::chrono::system_clock::now();

  REQUIRE(bench.Get(kGraph));
  REQUIRE(bench.Get(kSharePoint));

  CHECK(bench.tokens().kind() == CredentialKind::kCertificate);
  const auto& sent = bench.server.requests();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].Field("client_assertion_type") ==
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
  CHECK(sent[0].Field("client_secret").empty());
  CHECK(sent[1].Field("scope") == kSharePoint + "/.default");
  const auto claims = ReadTokenClaims(sent[0].Field("client_assertion"));
  REQUIRE(claims);
  CHECK(claims->audience == bench.server.url() + "/fabrikam.com/oauth2/v2.0/token");
  CHECK(sent[0].Field("client_assertion") != sent[1].Field("client_assertion"));
}

TEST_CASE("an expired certificate is not sent anywhere") {
  const TempFile pem(CertPem(MakeCert(RsaKey(), -30, -1)) + KeyPem(RsaKey()));
  Bench bench(Numbered);
  bench.config.certificate_path = pem.path();
  bench.now = std::chrono::system_clock::now();

  const auto token = bench.Get();

  REQUIRE_FALSE(token);
  CHECK(token.error().code == ErrorCode::kAuth);
  CHECK_THAT(token.error().message, Contains("expired"));
  CHECK(bench.server.requests().empty());
}

TEST_CASE("a federated token file is read anew for every request") {
  const TempFile file("first\n");
  Bench bench(Numbered);
  bench.config.client_secret = Secret();
  bench.config.federated_token_file = file.path();

  REQUIRE(bench.Get(kGraph));
  file.Write("second");
  REQUIRE(bench.Get(kSharePoint));
  file.Write(" \n");
  const auto empty = bench.Get("https://third.example");

  CHECK(bench.server.requests().at(0).Field("client_assertion") == "first");
  CHECK(bench.server.requests().at(1).Field("client_assertion") == "second");
  REQUIRE_FALSE(empty);
  CHECK(empty.error().code == ErrorCode::kUsage);
  CHECK_THAT(empty.error().message, Contains(file.path()));
  CHECK(bench.server.requests().size() == 2);
}

TEST_CASE("certificate goes before secret, secret before federated token, identity comes last") {
  const TempFile pem(CertPem(MakeCert(RsaKey())) + KeyPem(RsaKey()));
  AuthConfig config;
  config.certificate_path = pem.path();
  config.client_secret = Secret("s");
  config.federated_token_file = "/nonexistent";
  config.managed_identity = true;
  const auto none = [](const char*) { return std::string(); };

  CHECK(ReadCredential(config, none)->kind == CredentialKind::kCertificate);
  config.certificate_path.clear();
  CHECK(ReadCredential(config, none)->kind == CredentialKind::kSecret);
  config.client_secret = Secret();
  CHECK(ReadCredential(config, none)->kind == CredentialKind::kFederated);
  config.federated_token_file.clear();
  CHECK(ReadCredential(config, none)->kind == CredentialKind::kManagedIdentity);
  config.managed_identity = false;
  CHECK(ReadCredential(config, none).error().code == ErrorCode::kUsage);
}

TEST_CASE("an unreadable certificate fails before anything is sent") {
  Bench bench(Numbered);
  bench.config.certificate_path = "/nonexistent.pem";

  const auto source = MakeTokenSource(bench.config, bench.http);

  REQUIRE_FALSE(source);
  CHECK(source.error().code == ErrorCode::kUsage);
}

TEST_CASE("a thousand callers at once make one request and get the same token",
          "[token][S0-09][S2-33]") {
  Bench bench(Numbered);

  const auto results = bench.GetMany(1000);

  CHECK(bench.server.requests().size() == 1);
  CHECK(bench.tokens().requests() == 1);
  for (const auto& result : results) CHECK(result->value == "token-0");
}

TEST_CASE("a thousand callers at once share one error, which nobody remembers") {
  Bench bench([](const ServedRequest&, std::size_t n) {
    return n == 0 ? ServedAnswer(401, R"({"error":"invalid_client","error_codes":[7000222]})")
                  : TokenAnswer("token");
  });

  for (const auto& result : bench.GetMany(1000)) {
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::kAuth);
  }
  CHECK(bench.server.requests().size() == 1);
  CHECK(bench.Get());
}

TEST_CASE("each resource has a token of its own") {
  Bench bench(Numbered);

  CHECK(bench.Get(kGraph)->value == "token-0");
  CHECK(bench.Get(kSharePoint)->value == "token-1");
  CHECK(bench.Get(kGraph)->value == "token-0");
}

TEST_CASE("a token is renewed five minutes before its end") {
  Bench bench([](const ServedRequest&, std::size_t n) {
    return TokenAnswer("token-" + std::to_string(n), 3600);
  });

  CHECK(bench.Get()->value == "token-0");
  bench.now += 3299s;
  CHECK(bench.Get()->value == "token-0");
  bench.now += 1s;
  CHECK(bench.Get()->value == "token-1");
}

TEST_CASE("a token of one minute serves for nine tenths of it") {
  Bench bench([](const ServedRequest&, std::size_t n) {
    return TokenAnswer("token-" + std::to_string(n), 60);
  });

  CHECK(bench.Get()->value == "token-0");
  bench.now += 53s;
  CHECK(bench.Get()->value == "token-0");
  bench.now += 1s;
  CHECK(bench.Get()->value == "token-1");
}

TEST_CASE("a token is renewed when the service says so") {
  Bench bench([](const ServedRequest&, std::size_t n) {
    return ServedAnswer(200, R"({"access_token":"t)" + std::to_string(n) +
                                 R"(","expires_in":86400,"refresh_in":43200})");
  });

  CHECK(bench.Get()->value == "t0");
  bench.now += 43199s;
  CHECK(bench.Get()->value == "t0");
  bench.now += 1s;
  CHECK(bench.Get()->value == "t1");
}

TEST_CASE("while a renewal fails for a passing reason the old token serves to its end") {
  Bench bench([](const ServedRequest&, std::size_t n) {
    return n == 0 ? TokenAnswer("old", 3600) : ServedAnswer(503, "");
  });
  CHECK(bench.Get()->value == "old");

  bench.now += 3400s;
  CHECK(bench.Get()->value == "old");
  const auto sent = bench.server.requests().size();
  CHECK(bench.Get()->value == "old");
  CHECK(bench.server.requests().size() == sent);  // The next try comes half a minute later.
  bench.now += 200s;
  const auto late = bench.Get();

  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::kUnreachable);
}

TEST_CASE("a refused renewal is an error though the old token lives") {
  Bench bench([](const ServedRequest&, std::size_t n) {
    return n == 0 ? TokenAnswer("old", 3600) : ServedAnswer(401, R"({"error":"invalid_client"})");
  });
  CHECK(bench.Get());

  bench.now += 3400s;

  REQUIRE_FALSE(bench.Get());
}

TEST_CASE("a rejected token is replaced once, however many reject it", "[token][S2-33]") {
  Bench bench(Numbered);
  const auto first = bench.Get();

  bench.tokens().Reject(kGraph, first->value);
  const auto second = bench.Get();
  bench.tokens().Reject(kGraph, first->value);
  bench.tokens().Reject(kSharePoint, second->value);

  CHECK(second->value == "token-1");
  CHECK(bench.Get()->value == "token-1");
}

TEST_CASE("a throttled token request is repeated after the time the service names") {
  Bench bench([](const ServedRequest&, std::size_t n) {
    ServedAnswer throttled(429, "");
    throttled.headers = {"Retry-After: 0.05"};
    return n == 0 ? throttled : TokenAnswer("token");
  });
  const auto start = std::chrono::steady_clock::now();

  CHECK(bench.Get()->value == "token");

  CHECK(std::chrono::steady_clock::now() - start >= 50ms);
  CHECK(bench.tokens().requests() == 2);
}

TEST_CASE("a pause longer than two minutes is not waited out") {
  Bench bench([](const ServedRequest&, std::size_t) {
    ServedAnswer throttled(429, "");
    throttled.headers = {"Retry-After: 600"};
    return throttled;
  });

  const auto token = bench.Get();

  REQUIRE_FALSE(token);
  CHECK(token.error().code == ErrorCode::kThrottled);
  CHECK(token.error().retry_after->count() == 600.0);
}

TEST_CASE("faults of the service are tried five times in all, refusals once") {
  for (const auto& [answer, tries] :
       {std::pair(ServedAnswer(503, ""), 5),
        std::pair(ServedAnswer(400, R"({"error":"temporarily_unavailable"})"), 5),
        std::pair(ServedAnswer(400, R"({"error":"x","error_codes":[90033]})"), 5),
        std::pair(ServedAnswer(400, R"({"error":"invalid_request","error_codes":[90002]})"), 1),
        std::pair(ServedAnswer(404, ""), 1)}) {
    Bench bench([&](const ServedRequest&, std::size_t) { return answer; });

    CHECK_FALSE(bench.Get());

    CHECK(bench.tokens().requests() == tries);
  }
}

TEST_CASE("a wrong secret is refused with advice and without the secret") {
  Bench bench([](const ServedRequest& request, std::size_t) {
    return ServedAnswer(401, R"({"error":"invalid_client","error_description":"AADSTS7000215: )"
                             R"(Invalid client secret provided: )" +
                                 request.Field("client_secret") +
                                 R"( Trace ID: x","error_codes":[7000215],"trace_id":"trace-1"})");
  });

  const auto token = bench.Get();

  REQUIRE_FALSE(token);
  CHECK(token.error().code == ErrorCode::kAuth);
  CHECK_THAT(token.error().message, Contains("AADSTS7000215") && Contains(kApp));
  CHECK_THAT(token.error().message, !Contains("a~b"));
  CHECK_THAT(token.error().remedy, Contains("secret's value"));
  CHECK(token.error().request_id == "trace-1");
}

TEST_CASE("a redirect of the token endpoint is not followed") {
  Bench bench([](const ServedRequest&, std::size_t) {
    ServedAnswer redirect(307, "");
    redirect.headers = {"Location: /elsewhere"};
    return redirect;
  });

  const auto token = bench.Get();

  REQUIRE_FALSE(token);
  CHECK(token.error().code == ErrorCode::kAuth);
  CHECK(bench.server.requests().size() == 1);
}

TEST_CASE("an answer without a usable token is an error") {
  for (const std::string body : {"", "<html>sign in</html>", "{}", R"({"access_token":"t"})",
                                 R"({"access_token":"","expires_in":3599})"}) {
    Bench bench([&](const ServedRequest&, std::size_t) { return ServedAnswer(200, body); });

    const auto token = bench.Get();

    REQUIRE_FALSE(token);
    CHECK(token.error().code == ErrorCode::kAuth);
    CHECK_THAT(token.error().remedy, Contains("proxy"));
  }
}

TEST_CASE("a host that takes the request and never answers is given up after the limit") {
  Bench bench(Numbered);
  bench.server.Mute();
  bench.silence_limit = 100ms;
  const auto start = std::chrono::steady_clock::now();

  const auto token = bench.Get();

  const auto taken = std::chrono::steady_clock::now() - start;
  REQUIRE_FALSE(token);
  CHECK(token.error().code == ErrorCode::kUnreachable);
  CHECK_THAT(token.error().message, Contains("signing in at 127.0.0.1"));
  CHECK(taken >= 100ms);
  CHECK(taken < 5s);
  CHECK(bench.tokens().requests() == 1);
}

TEST_CASE("a host that refuses connections is tried five times") {
  Bench bench(Numbered);
  {
    asio::ip::tcp::acceptor taken(bench.io, {asio::ip::address_v4::loopback(), 0});
    bench.config.authority_host =
        "http://127.0.0.1:" + std::to_string(taken.local_endpoint().port());
  }

  const auto token = bench.Get();

  REQUIRE_FALSE(token);
  CHECK(token.error().code == ErrorCode::kUnreachable);
  CHECK(bench.tokens().requests() == 5);
}

TEST_CASE("a caller that is cancelled leaves the others their token") {
  Bench bench(Numbered);
  bench.server.Hold();
  Waiter first(bench), second(bench);
  bench.RunUntil([&] { return !bench.server.requests().empty(); });

  first.signal.emit(asio::cancellation_type::terminal);
  bench.RunUntil([&] { return first.done; });
  CHECK(first.cancelled());
  CHECK_FALSE(second.done);
  bench.server.Resume();
  bench.RunUntil([&] { return second.done; });

  CHECK((*second.result)->value == "token-0");
  CHECK(bench.server.requests().size() == 1);
}

TEST_CASE("the last caller to be cancelled ends the request, and the next one starts anew") {
  Bench bench(Numbered);
  bench.server.Hold();
  Waiter first(bench), second(bench);
  bench.RunUntil([&] { return !bench.server.requests().empty(); });

  first.signal.emit(asio::cancellation_type::terminal);
  second.signal.emit(asio::cancellation_type::terminal);
  bench.RunUntil([&] { return first.done && second.done; });
  CHECK(first.cancelled());
  CHECK(second.cancelled());
  CHECK(bench.concurrency.api().in_use() == 0);
  bench.server.Resume();

  CHECK(bench.Get()->value == "token-1");
}

TEST_CASE("a caller that comes while a cancelled request ends is served all the same") {
  for (int steps = 0; steps < 12; ++steps) {  // How far the cancellation has come by then.
    Bench bench(Numbered);
    bench.server.Hold();
    Waiter first(bench);
    bench.RunUntil([&] { return !bench.server.requests().empty(); });

    first.signal.emit(asio::cancellation_type::terminal);
    for (int i = 0; i < steps; ++i) bench.io.poll_one();
    Waiter second(bench);
    bench.server.Resume();
    bench.RunUntil([&] { return first.done && second.done; });

    INFO(steps);
    CHECK(first.cancelled());
    REQUIRE(second.result);
    CHECK(*second.result);
  }
}

TEST_CASE("a cancellation during the pause between two tries ends the wait") {
  Bench bench([](const ServedRequest&, std::size_t) {
    ServedAnswer throttled(429, "");
    throttled.headers = {"Retry-After: 100"};
    return throttled;
  });
  const auto start = std::chrono::steady_clock::now();
  Waiter waiter(bench);
  bench.RunUntil(
      [&] { return bench.server.requests().size() == 1 && bench.concurrency.api().in_use() == 0; });

  waiter.signal.emit(asio::cancellation_type::terminal);
  bench.RunUntil([&] { return waiter.done; });

  CHECK(waiter.cancelled());
  CHECK(std::chrono::steady_clock::now() - start < 50s);
}

TEST_CASE("the metadata service is asked for a resource, and its numbers in quotes are read") {
  Bench bench([](const ServedRequest&, std::size_t) {
    return ServedAnswer(200, R"({"access_token":"vm","expires_in":"3600","refresh_token":"",)"
                             R"("expires_on":"1795136400","token_type":"Bearer"})");
  });
  bench.config.client_secret = Secret();
  bench.config.managed_identity = true;
  bench.environment["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = bench.server.url();

  const auto token = bench.Get();

  REQUIRE(token);
  CHECK(token->value == "vm");
  CHECK(token->expires_at == bench.now + 3600s);
  const ServedRequest& sent = bench.server.requests().at(0);
  CHECK(sent.method == "GET");
  CHECK_THAT(sent.target, Catch::StartsWith("/metadata/identity/oauth2/token?"));
  CHECK(sent.Header("Metadata") == "true");
  CHECK(sent.Field("api-version") == "2018-02-01");
  CHECK(sent.Field("resource") == kGraph);
  CHECK(sent.Field("client_id") == kApp);
}

TEST_CASE("the metadata service is asked again while it is being updated") {
  constexpr int kPassing[] = {404, 410, 429, 500};
  Bench bench([&](const ServedRequest&, std::size_t n) {
    return n < 4 ? ServedAnswer(kPassing[n], "") : TokenAnswer("vm");
  });
  bench.config.client_secret = Secret();
  bench.config.managed_identity = true;
  bench.environment["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = bench.server.url();

  CHECK(bench.Get()->value == "vm");
}

TEST_CASE("a machine without identity is told so") {
  Bench bench([](const ServedRequest&, std::size_t) {
    return ServedAnswer(400,
                        R"({"error":"invalid_request","error_description":"Identity not found"})");
  });
  bench.config.client_secret = Secret();
  bench.config.managed_identity = true;
  bench.environment["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = bench.server.url();

  const auto token = bench.Get();

  REQUIRE_FALSE(token);
  CHECK(token.error().code == ErrorCode::kAuth);
  CHECK_THAT(token.error().message, Contains("Identity not found"));
  CHECK_THAT(token.error().remedy, Contains("managed identity"));
  CHECK(bench.tokens().requests() == 1);
}

TEST_CASE("App Service is asked with its own header, and expires_on is enough") {
  Bench bench([](const ServedRequest&, std::size_t) {
    return ServedAnswer(200, R"({"access_token":"app","expires_on":1795136400})");
  });
  bench.config.client_secret = Secret();
  bench.config.client_id.clear();
  bench.config.managed_identity = true;
  bench.environment["IDENTITY_ENDPOINT"] = bench.server.url() + "/msi/token";
  bench.environment["IDENTITY_HEADER"] = "header-secret";

  const auto token = bench.Get();

  REQUIRE(token);
  CHECK(token->expires_at == bench.now + 3600s);
  const ServedRequest& sent = bench.server.requests().at(0);
  CHECK_THAT(sent.target, Catch::StartsWith("/msi/token?"));
  CHECK(sent.Header("X-IDENTITY-HEADER") == "header-secret");
  CHECK(sent.Header("Metadata").empty());
  CHECK(sent.Field("api-version") == "2019-08-01");
  CHECK(sent.Field("client_id").empty());
}

TEST_CASE("an Azure Arc endpoint is refused as not supported") {
  AuthConfig config;
  config.managed_identity = true;

  const auto credential = ReadCredential(config, [](const char* name) {
    return std::string(name) == "IDENTITY_ENDPOINT" ? "http://127.0.0.1:40342/x" : "";
  });

  REQUIRE_FALSE(credential);
  CHECK(credential.error().code == ErrorCode::kUsage);
  CHECK_THAT(credential.error().message, Contains("Arc"));
}

}  // namespace
}  // namespace spa
