// Findings from the audit to the decision about them, and as other programs take them.
#include "tests/system/tenant.h"

namespace spa::testing {
namespace {

using nlohmann::json;

json Findings(const Tenant& tenant, const Words& more = {}) {
  Words words = {"findings", "--config", tenant.config(), "--json", "--limit", "0"};
  words.insert(words.end(), more.begin(), more.end());
  const Ended ended = Run(words);
  INFO(ended.err);
  REQUIRE(ended.exit == 0);
  return json::parse(ended.out);
}

Ended Command(const Tenant& tenant, const Words& words) {
  Words all = words;
  all.insert(all.end(), {"--config", tenant.config()});
  return Run(all);
}

}  // namespace

TEST_CASE("What an audit finds decides its exit code until somebody accepts it") {
  const Tenant tenant("small");

  const Ended failing = tenant.Audit({"--fail-on", "critical"});
  INFO(failing.err);
  CHECK(failing.exit == 3);
  const json summary = ParseSummary(failing);
  REQUIRE(summary["findings"]["critical"] > 0);
  CHECK(summary["findings"]["accepted"] == 0);
  CHECK(summary["findings"]["not_evaluated"].contains("LBL-BROAD"));

  const json critical = Findings(tenant, {"--severity", "critical"});
  CHECK(critical["count"] == summary["findings"]["critical"]);
  Words accept = {"findings", "accept",     "--owner", "pam",
                  "--reason", "on purpose", "--until", "2099-12-31"};
  for (const json& finding : critical["findings"]) {
    CHECK(finding["state"] == "open");
    accept.push_back(finding["finding_id"]);
  }
  CHECK(Command(tenant, accept).exit == 0);
  CHECK(tenant.Audit({"--fail-on", "critical"}).exit == 0);
  CHECK(Findings(tenant, {"--state", "accepted"})["count"] == critical["count"]);
  CHECK(tenant.Audit({"--fail-on", "info"}).exit == 3);

  CHECK(Command(tenant, {"findings", "baseline"}).exit == 0);
  CHECK(tenant.Audit({"--fail-on", "info", "--full"}).exit == 0);
  const std::string one = critical["findings"][0]["finding_id"];
  CHECK(Command(tenant, {"findings", "reopen", one}).exit == 0);
  CHECK(tenant.Audit({"--fail-on", "critical"}).exit == 3);
}

TEST_CASE("Names in any language give the same findings") {
  const auto found = [](const std::string& language) {
    const Tenant tenant("small", kCertificate, {"languages=[\"" + language + "\"]"});
    REQUIRE(tenant.Audit().exit == 0);
    std::set<std::string> ids;
    const json all = Findings(tenant);
    for (const json& finding : all["findings"]) {
      ids.insert(finding["rule"].get<std::string>() + " " +
                 finding["finding_id"].get<std::string>());
    }
    return ids;
  };
  const auto english = found("en");
  CHECK_FALSE(english.empty());
  CHECK(found("de") == english);
  CHECK(found("ja") == english);
}

TEST_CASE("Without SharePoint a rule that cannot know says so") {
  const Tenant tenant("small", kSecret);
  REQUIRE(tenant.Audit().exit == 0);
  const json rules = Findings(tenant)["not_evaluated"];
  for (const char* rule : {"SITE-NOOWNER", "ACL-EEEU-ADMIN", "SITE-ADMIN-MANY", "LNK-ORPHAN"}) {
    INFO(rule);
    REQUIRE(rules.contains(rule));
    CHECK(rules[rule]["state"] == "not_evaluated");
    CHECK(rules[rule]["reason"].get<std::string>().find("SharePoint") != std::string::npos);
  }
}

TEST_CASE("Findings leave as rows, as SARIF and as OCSF, all of them") {
  const Tenant tenant("small");
  REQUIRE(tenant.Audit().exit == 0);
  const json listed = Findings(tenant);
  const std::size_t count = listed["count"];
  const std::string id = listed["findings"][0]["finding_id"];
  CHECK(Command(tenant, {"findings", "accept", id, "--owner", "pam", "--reason", "=why", "--until",
                         "2099-12-31"})
            .exit == 0);

  const auto lines = ParseLines(ReadText(tenant.Export("findings")));
  REQUIRE(lines.size() == count);
  CHECK(lines[0]["finding_id"] == id);
  CHECK(lines[0]["state"] == "accepted");
  CHECK(lines[0]["evidence"].is_object());

  const json sarif = json::parse(ReadText(tenant.Export("findings", {"--format", "sarif"})));
  CHECK(sarif["version"] == "2.1.0");
  const json& run = sarif["runs"][0];
  CHECK(run["tool"]["driver"]["rules"].size() == 35);
  CHECK_FALSE(run["invocations"][0]["toolConfigurationNotifications"].empty());
  REQUIRE(run["results"].size() == count);
  for (const json& result : run["results"]) {
    CHECK(run["tool"]["driver"]["rules"][result["ruleIndex"].get<std::size_t>()]["id"] ==
          result["ruleId"]);
    CHECK(std::set<std::string>{"error", "warning", "note"}.contains(result["level"]));
    CHECK_FALSE(result["message"]["text"].get<std::string>().empty());
    CHECK(result["partialFingerprints"]["finding/v1"].is_string());
    if (!result.contains("locations")) continue;
    const std::string uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    CHECK(uri.find(' ') == std::string::npos);
  }
  CHECK(run["results"][0]["suppressions"][0]["justification"] == "=why");

  const auto events = ParseLines(ReadText(tenant.Export("findings", {"--format", "ocsf"})));
  REQUIRE(events.size() == count);
  // The attributes of the class in OCSF 1.3.0 and of its objects: no other may stand there.
  const std::map<std::string, std::set<std::string>> known = {
      {"", {"activity_id", "activity_name", "category_name", "category_uid", "class_name",
            "class_uid",   "comment",       "finding_info",  "message",      "metadata",
            "remediation", "resources",     "severity",      "severity_id",  "status",
            "status_id",   "time",          "type_name",     "type_uid",     "unmapped"}},
      {"finding_info", {"uid", "title", "desc", "first_seen_time", "types", "analytic"}},
      {"metadata", {"version", "uid", "tenant_uid", "product"}},
      {"remediation", {"desc"}}};
  for (const json& event : events) {
    for (const auto& [object, names] : known) {
      if (!object.empty() && !event.contains(object)) continue;
      const json& part = object.empty() ? event : event[object];
      for (const auto& [name, value] : part.items()) {
        INFO(object << "." << name);
        CHECK(names.contains(name));
      }
    }
    CHECK(event["finding_info"]["analytic"]["type_id"] == 1);
    CHECK(event["metadata"]["product"]["vendor_name"].is_string());
    // What the class demands.
    CHECK(event["class_uid"] == 2004);
    CHECK(event["category_uid"] == 2);
    CHECK(event["activity_id"] == 1);
    CHECK(event["type_uid"] == 200401);
    CHECK(event["severity_id"] >= 1);
    CHECK(event["severity_id"] <= 5);
    CHECK(event["time"] > 1'600'000'000'000);
    CHECK(event["metadata"]["version"].is_string());
    CHECK(event["metadata"]["product"]["name"].is_string());
    CHECK(event["finding_info"]["uid"].is_string());
    CHECK(event["finding_info"]["title"].is_string());
  }
  CHECK(events[0]["status_id"] == 3);
  CHECK(events[1]["status_id"] == 1);
  CHECK(Command(tenant, {"export", "objects", "--format", "sarif"}).exit == 2);
}

TEST_CASE("What cannot be accepted is refused with a reason") {
  const Tenant tenant("small");
  REQUIRE(tenant.Audit().exit == 0);
  const auto refused = [&](const Words& words, const std::string& why) {
    const Ended ended = Command(tenant, words);
    CHECK(ended.exit == 2);
    CHECK(ended.err.find(why) != std::string::npos);
  };
  const Words by = {"--owner", "pam", "--reason", "why"};
  const auto accept = [&](const std::string& id, const std::string& until) {
    Words words = {"findings", "accept", id, "--until", until};
    words.insert(words.end(), by.begin(), by.end());
    return words;
  };
  refused(accept("nothing", "2099-01-01"), "there is no finding nothing");
  refused(accept("nothing", "tomorrow"), "is no day");
  refused(accept("nothing", "2001-01-01"), "in the past");
}

}  // namespace spa::testing
