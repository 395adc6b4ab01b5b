#include "core/auth/token_error.h"

#include <nlohmann/json.hpp>

#include "tests/catch.h"

namespace spa {
namespace {

using Catch::Contains;

HttpResponse Answer(int status, std::string body) {
  HttpResponse answer;
  answer.status = status;
  answer.body = std::move(body);
  return answer;
}

HttpResponse EntraError(int status, const std::string& error, long number,
                        const std::string& text) {
  return Answer(status, nlohmann::json{{"error", error},
                                       {"error_description",
                                        "AADSTS" + std::to_string(number) + ": " + text +
                                            "\r\nTrace ID: t-1\r\nCorrelation ID: c-1\r\n"
                                            "Timestamp: 2026-11-20 08:14:05Z"},
                                       {"error_codes", {number}},
                                       {"trace_id", "7e0b6c1e-0d0f-4f0b-9f9d-2f6f6a7b1c00"},
                                       {"correlation_id", "41aa"}}
                            .dump());
}

Error Read(const HttpResponse& answer, const std::string& secret = {}) {
  return ErrorFromTokenAnswer(answer, "signing in", secret, std::chrono::system_clock::now());
}

TEST_CASE("every known AADSTS number has an advice of its own kind") {
  struct Case {
    long number;
    std::string error;
    std::string advice;
  };
  const Case cases[] = {
      {7000215, "invalid_client", "secret's value"},
      {7000222, "invalid_client", "expired"},
      {700027, "invalid_client", "upload the certificate"},
      {700024, "invalid_client", "clock"},
      {700021, "invalid_client", "auth.client_id"},
      {700023, "invalid_client", "audience"},
      {50027, "invalid_request", "malformed"},
      {700016, "unauthorized_client", "no such application"},
      {90002, "invalid_request", "no such tenant"},
      {900023, "invalid_request", "GUID"},
      {1002012, "invalid_scope", "resource"},
      {70011, "invalid_scope", "resource"},
      {500011, "invalid_resource", "tenant_url"},
      {7000218, "invalid_client", "configure a credential"},
      {900144, "invalid_request", "did not arrive"},
      {7000112, "unauthorized_client", "disabled"},
      {700213, "invalid_client", "subject"},
      {7002138, "invalid_client", "subject"},
      {700211, "invalid_client", "issuer"},
      {650057, "invalid_resource", "admin consent"},
      {65001, "invalid_grant", "admin consent"},
      {650056, "invalid_grant", "admin consent"},
      {53003, "access_denied", "Conditional Access"},
      {530032, "access_denied", "Conditional Access"},
  };
  for (const Case& c : cases) {
    const Error error = Read(EntraError(401, c.error, c.number, "Some text."));

    INFO(c.number);
    CHECK(error.code == ErrorCode::kAuth);
    CHECK_THAT(error.remedy, Contains(c.advice));
    CHECK_THAT(error.message, Contains("AADSTS" + std::to_string(c.number) + " "));
  }
}

TEST_CASE("a token error names number, first sentence and trace id, and no other id") {
  const Error error = Read(
      EntraError(401, "invalid_client", 7000222, "The provided client secret keys are expired."));

  CHECK(error.message ==
        "signing in: HTTP 401 AADSTS7000222 (invalid_client): The provided client secret keys are "
        "expired.");
  CHECK(error.service_code == "invalid_client");
  CHECK(error.request_id == "7e0b6c1e-0d0f-4f0b-9f9d-2f6f6a7b1c00");
  CHECK(error.http_status == 401);
}

TEST_CASE("ids that follow the description on the same line are cut off too") {
  const Error error = Read(Answer(
      400, R"({"error":"invalid_request","error_description":"AADSTS90002: Tenant 'x' not found. )"
           R"(Trace ID: 7e0b Correlation ID: 41aa Timestamp: 2026-11-20 08:14:05Z"})"));

  CHECK_THAT(error.message, Catch::EndsWith("Tenant 'x' not found."));
  CHECK_THAT(error.remedy, Contains("no such tenant"));  // The number was read from the text.
}

TEST_CASE("an unknown number gets the advice of its error, an unknown error the general one") {
  CHECK_THAT(Read(EntraError(400, "invalid_grant", 999999, "New.")).remedy, Contains("consent"));
  CHECK_THAT(Read(EntraError(400, "novel", 999999, "New.")).remedy, Contains("auth.tenant_id"));
}

TEST_CASE("what may succeed later is told apart from what will not") {
  CHECK(Read(Answer(429, "")).code == ErrorCode::kThrottled);
  CHECK(Read(Answer(500, "")).code == ErrorCode::kUnreachable);
  CHECK(Read(Answer(503, "<html>")).code == ErrorCode::kUnreachable);
  CHECK(Read(EntraError(400, "temporarily_unavailable", 1, "x")).code == ErrorCode::kUnreachable);
  CHECK(Read(EntraError(400, "invalid_request", 90033, "x")).code == ErrorCode::kUnreachable);
  CHECK(Read(EntraError(400, "invalid_request", 90024, "x")).code == ErrorCode::kUnreachable);
  CHECK(Read(EntraError(400, "invalid_request", 90002, "x")).code == ErrorCode::kAuth);
}

TEST_CASE("Retry-After of a token error is kept") {
  HttpResponse answer = Answer(429, "");
  answer.headers.emplace_back("retry-after", "7");

  REQUIRE(Read(answer).retry_after);
  CHECK(Read(answer).retry_after->count() == 7.0);
}

TEST_CASE("a redirect from the token endpoint is an error that says so") {
  const Error error = Read(Answer(302, ""));

  CHECK(error.code == ErrorCode::kAuth);
  CHECK_THAT(error.remedy, Contains("redirects are not followed"));
}

TEST_CASE("a service that repeats our secret or assertion does not get it into a message") {
  const std::string secret = "pa~ss.w+rd/9";
  const std::string jwt = "eyJhbGciOiJQUzI1NiJ9.eyJhdWQiOiJ4In0.c2lnbmF0dXJl";
  for (const std::string& filler : {std::string(), std::string(290, 'x')}) {
    const Error error =
        Read(Answer(401, nlohmann::json{{"error", "bad " + secret},
                                        {"trace_id", secret},
                                        {"error_description", filler + secret + " and " + jwt}}
                             .dump()),
             secret);

    for (const std::string& text :
         {error.message, error.remedy, error.service_code, error.request_id}) {
      CHECK_THAT(text, !Contains("pa~ss"));
      CHECK_THAT(text, !Contains("eyJhbGci"));
    }
  }
}

TEST_CASE("bodies of other shapes are read as far as they go") {
  CHECK_THAT(Read(Answer(400, R"({"statusCode":400,"message":"No identity."})")).message,
             Contains("No identity."));
  CHECK_THAT(Read(Answer(400, R"({"error":{"code":"bad","message":"Deep."}})")).message,
             Contains("(bad): Deep."));
  for (const std::string body :
       {"", "null", "[]", "<html>", "{\"error\":7,\"error_codes\":\"x\"}"}) {
    const Error error = Read(Answer(400, body));

    CHECK(error.code == ErrorCode::kAuth);
    CHECK(error.message == "signing in: HTTP 400");
  }
}

}  // namespace
}  // namespace spa
