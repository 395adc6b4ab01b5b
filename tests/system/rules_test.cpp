// All rules over what an audit read: in a tenant with everything they are for, and in a calm one.
#include <sqlite3.h>

#include "tests/system/tenant.h"

namespace spa::testing {
namespace {

using nlohmann::json;

struct Outcome {
  std::set<std::string> found, silent;  // ids of rules: with findings, not evaluated at all
};

Outcome Look(const Tenant& tenant) {
  const Ended ended = Run({"findings", "--config", tenant.config(), "--json", "--limit", "0"});
  INFO(ended.err);
  REQUIRE(ended.exit == 0);
  const json all = json::parse(ended.out);
  Outcome outcome;
  for (const json& finding : all["findings"]) outcome.found.insert(finding["rule"]);
  for (const auto& [rule, why] : all["not_evaluated"].items()) {
    if (why["state"] == "not_evaluated") outcome.silent.insert(rule);
  }
  return outcome;
}

// The runs there are began long ago.
void AgeByYears(const Tenant& tenant) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(tenant.File("audit.db").c_str(), &db) == SQLITE_OK);
  const int done = sqlite3_exec(db, "UPDATE run SET started_at = '2020-01-01T00:00:00Z'", nullptr,
                                nullptr, nullptr);
  sqlite3_close(db);
  REQUIRE(done == SQLITE_OK);
}

}  // namespace

TEST_CASE("In a tenant that holds everything each of the rules finds something") {
  const Tenant tenant("demo", kCertificate,
                      {"deleted_user_rate=0.05", "orphan_link_group_rate=0.5", "disabled_rate=0.2",
                       "nested_group_rate=0.9", "unique_rate=0.1"});
  // Numbers for a tenant that is not large.
  tenant.Configure({{"findings",
                     {{"sensitive_labels", {"Confidential"}},
                      {"allowed_guest_domains", {"friend.example"}},
                      {"thresholds",
                       {{"audience_people", 100},
                        {"audience_percent", 1},
                        {"guest_pending_days", 1},
                        {"group_depth", 1},
                        {"scope_depth", 1},
                        {"scopes_medium", 5},
                        {"site_admins", 1},
                        {"site_inactive_days", 0}}}}}});
  tenant.Summary();
  AgeByYears(tenant);
  tenant.Summary();  // Links are known since then.

  const Outcome outcome = Look(tenant);

  CHECK(outcome.silent.empty());
  CHECK(outcome.found.size() == 35);
}

TEST_CASE("In a calm tenant the rules are silent, and not for want of looking") {
  const Tenant tenant("small", kCertificate,
                      {"guest_rate=0",
                       "otp_guests=0",
                       "disabled_rate=0",
                       "everyone_rate=0",
                       "eeeu_rate=0",
                       "eeeu_admin_rate=0",
                       "app_grant_rate=0",
                       "unique_rate=0",
                       "list_unique_rate=0",
                       "library_unique_rate=0",
                       "list_item_unique_rate=0",
                       "custom_level_rate=0",
                       "nested_group_rate=0",
                       "group_cycles=0",
                       "dynamic_group_rate=0",
                       "deleted_groups=0",
                       "hidden_groups=0",
                       "large_groups=0",
                       "m365_rate=0",
                       "forged_link_group_rate=0",
                       "item_label_rate=0.3",
                       "site_label_rate=0.5",
                       "sharing_capability=externalUserSharingOnly",
                       "sharing_domain_mode=allowList",
                       "resharing_by_guests=false"});
  tenant.Configure({{"findings",
                     {{"sensitive_labels", {"Confidential"}},
                      {"allowed_guest_domains", {"friend.example"}},
                      {"thresholds", {{"site_inactive_days", 100'000}}}}}});
  tenant.Summary();
  AgeByYears(tenant);
  tenant.Summary();

  const Outcome outcome = Look(tenant);

  CHECK(outcome.silent.empty());
  // Members of a site may edit its group, and some are named beside the groups: the simulated way.
  CHECK(outcome.found == std::set<std::string>{"ACL-DIRECT", "GRP-MEMB-INVITE"});
}

}  // namespace spa::testing
