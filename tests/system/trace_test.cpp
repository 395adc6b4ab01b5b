// One trace joins the command, the loads of its cache and its requests, as the other side saw them.
#include <sys/stat.h>

#include <map>

#include "tests/system/tenant.h"

namespace spa::testing {
namespace {

using nlohmann::json;

std::vector<json> Spans(const std::string& path) {
  std::vector<json> spans;
  for (const json& line : ParseLines(ReadText(path))) {
    const json& resource = line.at("resourceSpans").at(0);
    CHECK(resource.at("resource").at("attributes").at(0).at("key") == "service.name");
    spans.push_back(resource.at("scopeSpans").at(0).at("spans").at(0));
  }
  return spans;
}

std::string Attribute(const json& span, const std::string& key) {
  for (const json& one : span.at("attributes")) {
    if (one.at("key") == key) return one.at("value").at("stringValue");
  }
  return {};
}

}  // namespace

TEST_CASE("One trace joins command, cache loads and requests", "[system][cache][S3-114]") {
  const Tenant tenant("small");
  const std::string file = tenant.File("traces/spans.jsonl");

  tenant.Summary({"--trace-file", file});

  struct stat about {};
  REQUIRE(::stat(file.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0600);
  const std::vector<json> spans = Spans(file);
  REQUIRE_FALSE(spans.empty());
  const json& command = spans.back();  // It ends last.
  CHECK(command.at("name") == "audit");
  CHECK_FALSE(command.contains("parentSpanId"));
  const std::string trace = command.at("traceId");
  CHECK(trace.size() == 32);
  std::map<std::string, std::string> requests;  // Span id to client-request-id.
  std::size_t loads = 0;
  for (const json& span : spans) {
    CHECK(span.at("traceId") == trace);
    CHECK(std::stoull(span.at("endTimeUnixNano").get<std::string>()) >=
          std::stoull(span.at("startTimeUnixNano").get<std::string>()));
    if (span == command) continue;
    CHECK(span.at("parentSpanId") == command.at("spanId"));
    if (span.at("name") == "cache.load") {
      ++loads;
      CHECK_FALSE(Attribute(span, "cache.kind").empty());
    } else {
      CHECK(span.at("kind") == 3);
      requests[span.at("spanId")] = Attribute(span, "client_request_id");
    }
  }
  CHECK(loads > 0);

  std::size_t seen = 0;
  for (const json& request : ParseLines(tenant.server().request_log())) {
    const std::string parent = request.at("traceparent");
    INFO(request);
    REQUIRE(parent.size() == 55);
    CHECK(parent.substr(0, 36) == "00-" + trace + "-");
    const auto span = requests.find(parent.substr(36, 16));
    REQUIRE(span != requests.end());
    CHECK(request.at("client_request_id") == span->second);
    const bool token =
        request.at("target").get<std::string>().find("/oauth2/") != std::string::npos;
    CHECK(span->second.empty() == token);
    ++seen;
  }
  CHECK(seen == requests.size());
}

TEST_CASE("Every run is a trace of its own, and none is written where none is wanted",
          "[system][S3-114]") {
  const Tenant tenant("small");
  tenant.Summary();
  tenant.Summary();

  std::set<std::string> traces;
  for (const json& request : ParseLines(tenant.server().request_log()))
    traces.insert(request.at("traceparent").get<std::string>().substr(3, 32));
  CHECK(traces.size() == 2);
  CHECK(Run({"cache", "stats", "--l2", "none", "--trace-file", "/proc/no/such/file"}).exit == 2);
}

}  // namespace spa::testing
