#include "core/auth/token_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>

#include "core/graph/json.h"
#include "core/graph/throttle_gate.h"
#include "core/http/url.h"
#include "core/log/log.h"

namespace spa {
namespace {

struct NumberAdvice {
  std::int64_t number;
  std::string_view advice;
  bool passing = false;  // A fault of the service that goes away by itself.
};

constexpr std::string_view kScope =
    "the requested resource is wrong: check tenant_url and graph.base_url";
constexpr std::string_view kConsent =
    "add the application permissions that `doctor` lists and grant admin consent";
constexpr std::string_view kConditionalAccess =
    "exclude the application from the Conditional Access policy, or run from an allowed network";
constexpr std::string_view kTryLater = "a passing fault of the sign-in service: run again later";

// graph.md 1.4
constexpr NumberAdvice kAdvice[] = {
    {7000215,
     "the client secret is wrong: paste the secret's value (not its id) into auth.client_secret"},
    {7000222, "the client secret expired: create a new one, or move to a certificate"},
    {700027,
     "upload the certificate's .cer to the app registration and compare the thumbprints; `doctor` "
     "shows ours"},
    {700024,
     "the assertion is outside its time window: set this machine's clock; a federated token file "
     "must be renewed by its issuer"},
    {700021, "the assertion's issuer and subject must be auth.client_id: check it"},
    {700023,
     "the assertion's audience is not this tenant's token URL: check auth.authority_host and "
     "auth.tenant_id"},
    {50027, "the assertion is malformed: check the file auth.federated_token_file names"},
    {700016,
     "no such application in this tenant: check auth.client_id and auth.tenant_id, and grant "
     "admin consent"},
    {90002, "no such tenant: check auth.tenant_id, and auth.authority_host for national clouds"},
    {900023, "auth.tenant_id is neither a GUID nor a verified domain: check its spelling"},
    {1002012, kScope},
    {70011, kScope},
    {500011,
     "the tenant does not know this resource: check tenant_url's spelling and that SharePoint "
     "Online is licensed"},
    {7000218,
     "configure a credential: auth.certificate_path, auth.client_secret or "
     "auth.federated_token_file"},
    {900144, "check auth.client_id and auth.tenant_id: one of them did not arrive"},
    {7000112, "the application is disabled in this tenant: have its administrator enable it"},
    {700213,
     "no federated credential has the token's subject: correct it in the app registration "
     "(capitals count)"},
    {7002138,
     "no federated credential has the token's subject: correct it in the app registration "
     "(capitals count)"},
    {700211,
     "no federated credential has the token's issuer: correct the issuer URL in the app "
     "registration"},
    {650057, kConsent},
    {65001, kConsent},
    {650056, kConsent},
    {53003, kConditionalAccess},
    {530032, kConditionalAccess},
    {90033, kTryLater, true},
    {90024, kTryLater, true},
};

struct ErrorAdvice {
  std::string_view error;
  std::string_view advice;
};

// For numbers not in the table.
constexpr ErrorAdvice kAdviceByError[] = {
    {"invalid_client", "check the application's credential: `doctor` shows what is used"},
    {"unauthorized_client", "check auth.client_id and auth.tenant_id, and grant admin consent"},
    {"invalid_scope", kScope},
    {"invalid_resource", kScope},
    {"invalid_grant", kConsent},
    {"access_denied", kConditionalAccess},
    {"temporarily_unavailable", kTryLater},
};

constexpr std::string_view kDefaultAdvice =
    "check auth.tenant_id, auth.client_id and the credential; AADSTS numbers are explained at "
    "https://login.microsoftonline.com/error";

struct Said {
  std::string error, description, trace_id;
  std::int64_t number = 0;  // 0: none
};

std::int64_t NumberIn(std::string_view description) {
  constexpr std::string_view kLead = "AADSTS";
  std::int64_t number = 0;
  if (const auto at = description.find(kLead); at != std::string_view::npos) {
    const char* begin = description.data() + at + kLead.size();
    std::from_chars(begin, description.data() + description.size(), number);
  }
  return number;
}

// Entra and IMDS: {"error":"…","error_description":"…"}; App Service: {"message":"…"} or
// {"error":{"code":"…","message":"…"}}. No JSON at all says nothing.
Said ReadBody(std::string_view body) {
  Said said;
  const auto root = json::Parse(body);
  if (!root || !root->is_object()) return said;
  said.error = json::Text(*root, "error");
  said.description = json::Text(*root, "error_description");
  said.trace_id = json::Text(*root, "trace_id");
  if (const auto inner = json::Find(*root, "error"); inner && inner->is_object()) {
    said.error = json::Text(*inner, "code");
    said.description = json::Text(*inner, "message");
  }
  if (said.description.empty()) said.description = json::Text(*root, "message");
  json::Each(*root, "error_codes", [&](const json::Element& code) {
    std::int64_t number = 0;
    if (said.number == 0 && code.get_int64().get(number) == simdjson::SUCCESS) said.number = number;
  });
  if (said.number == 0) said.number = NumberIn(said.description);
  return said;
}

// The first line, without the number in front and the ids behind it, which stand elsewhere.
std::string ShortText(std::string_view description) {
  constexpr std::size_t kLongest = 300;
  for (const std::string_view end : {"\r", "\n", " Trace ID:", " Correlation ID:", " Timestamp:"}) {
    description = description.substr(0, description.find(end));
  }
  if (description.starts_with("AADSTS")) {
    const auto colon = description.find(": ");
    description = colon == std::string_view::npos ? "" : description.substr(colon + 2);
  }
  if (description.size() <= kLongest) return std::string(description);
  std::size_t length = kLongest;  // Not in the middle of a UTF-8 character.
  while (length > 0 && (description[length] & 0xC0) == 0x80) --length;
  return std::string(description.substr(0, length)) + "…";
}

std::string WithoutSecret(std::string text, std::string_view secret) {
  if (!secret.empty()) {
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
      text.replace(at, secret.size(), "***");
    }
  }
  return log::Redact(text);
}

const NumberAdvice* FindAdvice(std::int64_t number) {
  const auto* found = std::find_if(std::begin(kAdvice), std::end(kAdvice),
                                   [&](const auto& entry) { return entry.number == number; });
  return found == std::end(kAdvice) ? nullptr : found;
}

std::string_view AdviceFor(const Said& said) {
  if (const auto* known = FindAdvice(said.number)) return known->advice;
  for (const ErrorAdvice& entry : kAdviceByError) {
    if (entry.error == said.error) return entry.advice;
  }
  return kDefaultAdvice;
}

ErrorCode CodeFor(int status, const Said& said) {
  if (status == 429) return ErrorCode::kThrottled;
  const auto* known = FindAdvice(said.number);
  const bool passing =
      status >= 500 || said.error == "temporarily_unavailable" || (known && known->passing);
  return passing ? ErrorCode::kUnreachable : ErrorCode::kAuth;
}

std::string_view RemedyFor(int status, ErrorCode code, const Said& said) {
  if (status >= 300 && status < 400) {
    return "redirects are not followed with a credential: check auth.authority_host and the proxy";
  }
  if (code != ErrorCode::kAuth) return kTryLater;
  return AdviceFor(said);
}

}  // namespace

Error ErrorFromTokenAnswer(const HttpResponse& answer, std::string_view what,
                           std::string_view secret, std::chrono::system_clock::time_point now) {
  Said said = ReadBody(answer.body);
  for (std::string* text : {&said.error, &said.description, &said.trace_id}) {
    *text = WithoutSecret(std::move(*text), secret);  // Before anything is cut short.
  }
  const ErrorCode code = CodeFor(answer.status, said);
  std::string message = fmt::format("{}: HTTP {}", what, answer.status);
  if (said.number != 0) message += fmt::format(" AADSTS{}", said.number);
  if (!said.error.empty()) message += fmt::format(" ({})", said.error);
  if (const std::string text = ShortText(said.description); !text.empty()) {
    message += ": " + text;
  }
  Error error(code, std::move(message), std::string(RemedyFor(answer.status, code, said)));
  error.http_status = answer.status;
  error.service_code = said.error;
  error.request_id =
      said.trace_id.empty() ? std::string(answer.Header("x-ms-request-id")) : said.trace_id;
  error.retry_after = ParseRetryAfter(answer.Header("Retry-After"), now);
  return error;
}

}  // namespace spa
