#include "core/graph/service_client.h"
#include "core/graph/service_error.h"
#include "tests/catch.h"

namespace spa {
namespace {

TEST_CASE("A token goes to its own hosts alone, whatever a link says") {
  const Audiences audiences("https://graph.microsoft.com/v1.0", "https://contoso.sharepoint.com");
  struct Case {
    const char* url;
    const char* resource;
  };
  const Case cases[] = {
      {"https://graph.microsoft.com/v1.0/sites", "https://graph.microsoft.com"},
      {"https://GRAPH.microsoft.com:443/v1.0/sites", "https://graph.microsoft.com"},
      {"https://graph.microsoft.com/beta/sites", ""},
      {"http://graph.microsoft.com/v1.0/sites", ""},
      {"https://graph.microsoft.com.evil.example/v1.0/sites", ""},
      {"https://evil.example/v1.0/https://graph.microsoft.com/", ""},
      {"https://graph.microsoft.com@evil.example/v1.0/sites", ""},
      {"https://evil.example\\@graph.microsoft.com/v1.0/sites", ""},
      {"https://graph.microsoft.com:8443/v1.0/sites", ""},
      {"https://contoso.sharepoint.com\\@evil.example/_api/web", ""},
      {"https://contoso.sharepoint.com/\\@evil.example/_api/web", ""},
      {"https://contoso.sharepoint.com\t.evil.example/_api/web", ""},
      {"https://contoso.sharepoint.com/sites/hr/_api/web", "https://contoso.sharepoint.com"},
      {"https://contoso-my.sharepoint.com/personal/a/_api/web",
       "https://contoso-my.sharepoint.com"},
      {"https://contoso-admin.sharepoint.com/_api/x", "https://contoso-admin.sharepoint.com"},
      {"https://contoso-evil.sharepoint.com/_api/x", ""},
      {"https://fabrikam.sharepoint.com/_api/web", ""},
      {"/sites/hr", ""},
      {"", ""},
      {"file:///etc/passwd", ""},
  };
  for (const Case& c : cases) {
    INFO(c.url);
    CHECK(audiences.ResourceFor(c.url) == c.resource);
  }
}

TEST_CASE("A simulated tenant on one port tells Graph from SharePoint by the path") {
  const Audiences audiences("http://127.0.0.1:8080/v1.0", "http://127.0.0.1:8080");
  CHECK(audiences.ResourceFor("http://127.0.0.1:8080/v1.0/sites") == "https://graph.microsoft.com");
  CHECK(audiences.ResourceFor("http://127.0.0.1:8080/sites/hr/_api/web") ==
        "http://127.0.0.1:8080");
  CHECK(audiences.ResourceFor("http://127.0.0.1:8081/v1.0/sites").empty());
}

TEST_CASE("Only real loopback addresses count as loopback") {
  CHECK(IsLoopbackHost("127.0.0.1"));
  CHECK(IsLoopbackHost("127.8.9.10"));
  CHECK(IsLoopbackHost("localhost"));
  CHECK(IsLoopbackHost("::1"));
  CHECK_FALSE(IsLoopbackHost("127.evil.example"));
  CHECK_FALSE(IsLoopbackHost("localhost.evil.example"));
}

TEST_CASE("An error envelope gives the deepest code the program knows") {
  const HttpHeaders headers = {{"request-id", "from-header"}};
  struct Case {
    const char* body;
    const char* code;
    const char* request_id;
  };
  const Case cases[] = {
      {R"({"error":{"code":"accessDenied","message":"m","innerError":{"code":"insufficientPermissions","request-id":"r1"}}})",
       "insufficientPermissions", "r1"},
      {R"({"error":{"code":"notAllowed","message":"m","innererror":{"code":"strange"}}})",
       "notAllowed", "from-header"},
      {R"({"error":{"code":"","message":""}})", "", "from-header"},
      {R"({"odata.error":{"code":"-1, System.ArgumentException","message":{"lang":"en-US","value":"bad"}}})",
       "-1, System.ArgumentException", "from-header"},
      {"<html>busy</html>", "", "from-header"},
      {"", "", "from-header"},
  };
  for (const Case& c : cases) {
    INFO(c.body);
    const Error error = ErrorFromAnswer(403, headers, c.body, "reading x");
    CHECK(error.code == ErrorCode::kForbidden);
    CHECK(error.service_code == c.code);
    CHECK(error.request_id == c.request_id);
    CHECK(error.message.starts_with("reading x: HTTP 403"));
    CHECK_FALSE(error.remedy.empty());
  }
}

TEST_CASE("Each status means what the service documents") {
  const std::pair<int, ErrorCode> cases[] = {
      {400, ErrorCode::kUnsupported}, {401, ErrorCode::kForbidden},
      {403, ErrorCode::kForbidden},   {404, ErrorCode::kNotFound},
      {410, ErrorCode::kGone},        {423, ErrorCode::kLocked},
      {429, ErrorCode::kThrottled},   {501, ErrorCode::kUnsupported},
      {502, ErrorCode::kUnreachable},
  };
  for (const auto& [status, code] : cases) {
    INFO(status);
    CHECK(ErrorFromAnswer(status, {}, "", "x").code == code);
  }
}

}  // namespace
}  // namespace spa
