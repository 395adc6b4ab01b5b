#include "core/graph/service_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/ascii.h"
#include "core/graph/json.h"

namespace spa {
namespace {

// Inner codes that say more than the outer one.
constexpr std::array<std::string_view, 12> kKnownInner = {
    "resourcelocked", "insufficientpermissions", "notallowed",       "itemnotfound",
    "accessdenied",   "activitylimitreached",    "resyncrequired",   "sitearchived",
    "tenantarchived", "resourcenotfound",        "throttledrequest", "unauthenticated"};

bool IsKnown(std::string_view code) {
  return std::find(kKnownInner.begin(), kKnownInner.end(), AsciiLower(code)) != kKnownInner.end();
}

struct Said {
  std::string code, message, request_id;
};

Said ReadEnvelope(std::string_view body) {
  Said said;
  const auto root = json::Parse(body);
  if (!root) return said;
  if (const auto odata = json::Find(*root, "odata.error")) {
    said.code = json::Text(*odata, "code");
    if (const auto message = json::Find(*odata, "message"))
      said.message = json::Text(*message, "value");
    return said;
  }
  auto level = json::Find(*root, "error");
  if (!level) return said;
  if (level->is_string()) {  // SharePoint: {"error":"…","error_description":"…"}
    said.code = json::Text(*root, "error");
    said.message = json::Text(*root, "error_description");
    return said;
  }
  said.code = json::Text(*level, "code");
  said.message = json::Text(*level, "message");
  for (int depth = 0; level && depth < 8; ++depth) {
    if (const auto code = json::Text(*level, "code"); IsKnown(code)) said.code = code;
    if (const auto id = json::Text(*level, "request-id"); !id.empty()) said.request_id = id;
    const auto inner = json::Find(*level, "innerError");
    level = inner ? inner : json::Find(*level, "innererror");
  }
  return said;
}

struct Meaning {
  int status;
  ErrorCode code;
  std::string_view remedy;
};

// graph.md 6.3. The remedies are for the administrator who reads the coverage ledger.
constexpr Meaning kMeanings[] = {
    {400, ErrorCode::kUnsupported,
     "the service does not accept this query; report it with the request id"},
    {401, ErrorCode::kForbidden,
     "grant the application the permissions that `doctor` lists, with admin consent"},
    {402, ErrorCode::kUnsupported,
     "this API is metered in the tenant; set up billing or leave it out"},
    {403, ErrorCode::kForbidden,
     "grant the application the permissions that `doctor` lists, with admin consent"},
    {404, ErrorCode::kNotFound, "it was removed meanwhile; the next run will tell"},
    {410, ErrorCode::kGone, "the listing must start anew"},
    {423, ErrorCode::kLocked, "unlock or reactivate the site, then run again"},
    {429, ErrorCode::kThrottled, "run again outside office hours, or with a longer --patience"},
    {501, ErrorCode::kUnsupported, "the service does not offer this"},
    {503, ErrorCode::kThrottled, "run again outside office hours, or with a longer --patience"},
};

}  // namespace

Error ErrorFromAnswer(int status, const HttpHeaders& headers, std::string_view body,
                      std::string_view what) {
  const Said said = ReadEnvelope(body);
  ErrorCode code = status >= 500 ? ErrorCode::kUnreachable : ErrorCode::kUnsupported;
  std::string_view remedy = status >= 500 ? "the service failed repeatedly; run again later" : "";
  for (const Meaning& meaning : kMeanings) {
    if (meaning.status == status) {
      code = meaning.code;
      remedy = meaning.remedy;
    }
  }
  std::string message = fmt::format("{}: HTTP {}", what, status);
  if (!said.code.empty()) message += " " + said.code;
  if (!said.message.empty()) message += ": " + said.message.substr(0, 300);
  Error error(code, std::move(message), std::string(remedy));
  error.http_status = status;
  error.service_code = said.code;
  error.request_id =
      said.request_id.empty() ? std::string(FindHeader(headers, "request-id")) : said.request_id;
  if (error.request_id.empty()) error.request_id = FindHeader(headers, "SPRequestGuid");
  return error;
}

}  // namespace spa
