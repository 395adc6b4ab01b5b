// What tenant and sites let people share, labels and sign-ins, from the services to the findings:
// each rule about them with a tenant that triggers it and one that nearly does.
#include "simulator/sharing.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "tests/system/access_compare.h"

namespace spa::testing {
namespace {

using nlohmann::json;

json Findings(const Tenant& tenant) {
  const Ended ended = Run({"findings", "--config", tenant.config(), "--json", "--limit", "0"});
  INFO(ended.err);
  REQUIRE(ended.exit == 0);
  return json::parse(ended.out);
}

std::vector<json> Of(const json& findings, const std::string& rule) {
  std::vector<json> found;
  for (const json& each : findings.at("findings")) {
    if (each.at("rule") == rule) found.push_back(each);
  }
  return found;
}

std::size_t CountBlocked(const std::vector<json>& rows, const std::string& by) {
  return static_cast<std::size_t>(std::count_if(
      rows.begin(), rows.end(), [&](const json& row) { return row.at("blocked_by") == by; }));
}

std::set<std::string> Gaps(const json& summary) {
  std::set<std::string> gaps;
  for (const json& gap : summary.at("coverage").at("gaps")) gaps.insert(gap.at("object_url"));
  return gaps;
}

}  // namespace

TEST_CASE("What tenant and site do not let people share is blocked, exactly so") {
  const auto [set, blocks] = GENERATE(table<Words, bool>({
      {{"site_sharing_off_rate=0.5", "guest_rate=0.4"}, true},
      {{"site_sharing_guests_rate=0.4", "site_sharing_existing_rate=0.3", "unique_rate=0.3"}, true},
      {{"sharing_capability=disabled", "guest_rate=0.4", "link_expired_rate=0.4"}, true},
      {{"sharing_capability=externalUserSharingOnly", "anonymous_weight=1"}, true},
      {{"sharing_capability=existingExternalUserSharingOnly", "wire.settings_in_value=true"}, true},
      {{"guest_rate=0.4", "anonymous_weight=1"}, false},
  }));
  INFO(fmt::format("{}", fmt::join(set, " ")));
  const Tenant tenant("small", kCertificate, set);

  tenant.Summary();

  CheckEqual(CompareAccess(tenant));
  CheckEqual(tenant.CompareAll());
  CHECK((CountBlocked(TrueAccessRows(tenant), "sharing_off") > 0) == blocks);
}

TEST_CASE("With Graph alone the tenant's word on sharing blocks, and no site's is made up") {
  const Words off = {"sharing_capability=disabled", "guest_rate=0.4"};
  const Tenant closed("small", kSecret, off);
  closed.Summary();
  const auto rows = ParseLines(ReadText(closed.Export("access")));
  CHECK(CountBlocked(rows, "sharing_off") > 0);
  for (const json& row : rows) {
    if (row.at("user_type") == "guest" || row.at("audience") == "anyone") {
      INFO(row.dump());
      CHECK_FALSE(row.at("blocked_by").is_null());
    }
  }
  const Tenant open("small", kSecret, {"site_sharing_off_rate=1", "guest_rate=0.4"});
  open.Summary();
  CHECK(CountBlocked(ParseLines(ReadText(open.Export("access"))), "sharing_off") == 0);
}

TEST_CASE("Each rule about sharing, labels and guests finds its tenant and not the one beside") {
  struct Case {
    std::string rule;
    Words hit, miss;
    std::vector<std::string> labels;
  };
  const std::vector<Case> cases = {
      {"TEN-SHARE", {}, {"sharing_capability=disabled"}, {}},
      {"TEN-SHARE",
       {"sharing_capability=externalUserSharingOnly", "sharing_domain_mode=allowList",
        "resharing_by_guests=true"},
       {"sharing_capability=externalUserSharingOnly", "sharing_domain_mode=allowList",
        "resharing_by_guests=false"},
       {}},
      {"SITE-SHARE-OPEN",
       {"site_label_rate=1"},
       {"site_label_rate=1", "site_sharing_guests_rate=1"},
       {}},
      {"LAT-EXT",
       {"site_sharing_off_rate=1", "guest_rate=0.3"},
       {"site_sharing_existing_rate=1", "guest_rate=0.3"},
       {}},
      {"LBL-BROAD",
       {"item_label_rate=0.5", "unique_rate=0.3", "anonymous_weight=1"},
       {"item_label_rate=0.5", "labels=[\"General\"]", "unique_rate=0.3", "anonymous_weight=1"},
       {"confidential"}},
      {"GST-STALE", {"stale_guest_rate=1", "guest_rate=0.3"}, {"guest_rate=0", "otp_guests=0"}, {}},
      {"GST-DOMAIN",
       {"sharing_domain_mode=allowList", "sharing_domains=[\"nobody.example\"]", "guest_rate=0.3"},
       {"sharing_domain_mode=blockList", "sharing_domains=[\"nobody.example\"]", "guest_rate=0.3"},
       {}},
      {"GRP-PUBLIC", {"m365_rate=1", "groups=40"}, {"m365_rate=0"}, {}},
      {"PRN-ORPHAN",
       {"deleted_user_rate=0.3"},
       {"deleted_user_rate=0", "deleted_groups=0", "purged_groups=0"},
       {}},
  };
  for (const Case& one : cases) {
    INFO(one.rule);
    const auto found = [&](const Words& set) {
      const Tenant tenant("small", kCertificate, set);
      tenant.Configure({{"findings", {{"sensitive_labels", one.labels}}}});
      tenant.Summary();
      const json all = Findings(tenant);
      const json& silent = all.at("not_evaluated");
      CHECK((!silent.contains(one.rule) || silent[one.rule]["state"] == "partly"));
      return Of(all, one.rule).size();
    };
    CHECK(found(one.hit) > 0);
    CHECK(found(one.miss) == 0);
  }
}

TEST_CASE("A guest is stale by the last sign-in and no other") {
  const Tenant tenant("small", kCertificate, {"stale_guest_rate=0.5", "guest_rate=0.4"});
  tenant.Summary();
  const sim::Directory& directory = tenant.truth().directory();
  std::size_t stale = 0;
  for (const json& finding : Of(Findings(tenant), "GST-STALE")) {
    const json& evidence = finding.at("evidence");
    const auto user = directory.FindUser(evidence.at("login").get<std::string>());
    REQUIRE(user.has_value());
    const std::string last = sim::LastSignIn(tenant.truth(), *user);
    INFO(finding.dump());
    if (evidence.at("what") == "has not signed in") {
      CHECK(last == evidence.at("since"));
      CHECK(last < "2026-01-01");
      ++stale;
    } else {
      CHECK(directory.UserAt(*user).pending);
    }
  }
  CHECK(stale > 0);
}

TEST_CASE("Labelled files are found in the library and place where they are") {
  const Tenant tenant("small", kCertificate,
                      {"item_label_rate=0.5", "unique_rate=0.3", "anonymous_weight=1",
                       "organization_weight=0", "users_weight=0"});
  tenant.Configure({{"findings", {{"sensitive_labels", {"Confidential"}}}}});
  tenant.Summary();
  const SimulatedTenant& truth = tenant.truth();
  std::set<std::string> labelled;
  for (const sim::Library& library : truth.libraries()) {
    for (std::uint32_t item = 1; item <= library.items; ++item) {
      if (truth.Exists(library, item) && sim::ItemLabel(truth, library, item) == "Confidential") {
        labelled.insert(truth.ItemId(library, item));
      }
    }
  }
  const auto found = Of(Findings(tenant), "LBL-BROAD");
  CHECK(found.size() > 5);
  for (const json& finding : found) {
    INFO(finding.dump());
    CHECK(finding.at("object_type") == "file");
    CHECK(labelled.contains(finding.at("object_id").get<std::string>()));
  }

  // What is no more labelled is not remembered.
  tenant.Configure({{"findings", {{"sensitive_labels", {"Secret"}}}}});
  tenant.Summary();
  CHECK(Of(Findings(tenant), "LBL-BROAD").empty());
}

TEST_CASE("What is not told of sharing, labels and sign-ins is a gap or said by the rule") {
  SECTION("the tenant's settings") {
    const Tenant tenant("small", kCertificate,
                        {"wire.roles=[\"Sites.FullControl.All\",\"GroupMember.Read.All\","
                         "\"User.Read.All\"]"});
    const json summary = tenant.Summary();
    CHECK(Gaps(summary).contains("sharing settings of the tenant"));
    CHECK(summary["findings"]["not_evaluated"].contains("TEN-SHARE"));
    const json silent = Findings(tenant)["not_evaluated"];
    CHECK(silent["GST-STALE"]["state"] == "partly");
    CHECK_FALSE(Gaps(summary).contains("sign-ins of guests"));
  }
  SECTION("the sites' settings") {
    const std::string mode = GENERATE("refused", "absent");
    const Tenant tenant("small", kCertificate, {"wire.admin_api=" + mode});
    const json summary = tenant.Summary();
    CHECK(Gaps(summary).contains("sharing settings of sites"));
    const json silent = Findings(tenant)["not_evaluated"];
    CHECK(silent["SITE-SHARE-OPEN"]["state"] == "not_evaluated");
    CHECK(silent["LAT-EXT"]["state"] == "partly");  // The tenant's word is known.
    CheckEqual(CompareAccess(tenant));
    CHECK(tenant.counters().by_route.at("rest site properties") < 6);
  }
  SECTION("the sign-ins") {
    const Tenant tenant("small", kCertificate, {"wire.sign_in_activity=false"});
    tenant.Summary();
    CHECK(Findings(tenant)["not_evaluated"]["GST-STALE"]["state"] == "partly");
  }
  SECTION("the labels of files") {
    const Tenant tenant("small", kCertificate, {"wire.label_column=false"});
    tenant.Configure({{"findings", {{"sensitive_labels", {"Confidential"}}}}});
    const json summary = tenant.Summary();
    const auto gaps = Gaps(summary);
    CHECK(std::any_of(gaps.begin(), gaps.end(), [](const std::string& gap) {
      return gap.starts_with("labels of files in ");
    }));
    CHECK(Findings(tenant)["not_evaluated"]["LBL-BROAD"]["state"] == "partly");
  }
}

TEST_CASE("What changed in the settings is told from the next run on, and the last run as it was") {
  Tenant tenant("small", kCertificate, {"guest_rate=0.4"});
  const std::string first = tenant.Summary()["run_id"];
  const std::string before = ReadText(tenant.Export("access", {"--run", first}));
  CHECK(before.find("sharing_off") == std::string::npos);
  CHECK(std::filesystem::exists(tenant.File("audit.db")));

  // The same tenant, but for what it lets people share.
  Tenant closed("small", kCertificate, {"guest_rate=0.4", "sharing_capability=disabled"});
  std::filesystem::copy_file(tenant.File("audit.db"), closed.File("audit.db"),
                             std::filesystem::copy_options::overwrite_existing);
  closed.Summary();
  CHECK(ReadText(closed.Export("access")).find("sharing_off") != std::string::npos);
  CHECK(ReadText(closed.Export("access", {"--run", first})) == before);
}

}  // namespace spa::testing
