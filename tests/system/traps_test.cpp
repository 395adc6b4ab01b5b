// Traps of permissions.md 7.4, each against the truth.
#include <algorithm>

#include "tests/system/access_compare.h"

namespace spa::testing {
namespace {

using nlohmann::json;

}  // namespace

TEST_CASE("Lists that show people only what they made give upper bounds, exactly there") {
  const Tenant tenant("small", kCertificate,
                      {"own_items_rate=0.6", "list_unique_rate=0.6", "list_item_unique_rate=0.3",
                       "lists_per_site=3", "hidden_groups=3", "list_item_link_share=0.3"});

  tenant.Summary();

  CheckEqual(CompareAccess(tenant));
  CheckEqual(tenant.CompareAll());
  std::set<std::string> bounds;
  for (const json& row : TrueAccessRows(tenant)) bounds.insert(row.at("bound"));
  CHECK(bounds == std::set<std::string>{"exact", "lower", "open", "upper"});
}

TEST_CASE("The platform's own account in a permission set is nobody, and makes nothing uncertain") {
  const Tenant tenant("small", kCertificate, {"sharepoint_app_rate=1", "hidden_groups=0"});

  tenant.Summary();

  CheckEqual(tenant.CompareAll());
  CheckEqual(CompareAccess(tenant));
  std::size_t entries = 0;
  for (const json& line : ParseLines(ReadText(tenant.Export("permissions")))) {
    const std::string login = line.at("principal_login");
    if (!login.ends_with("|app@sharepoint")) continue;
    ++entries;
    CHECK(line.at("principal_type") == "application");
  }
  CHECK(entries > 5);
}

TEST_CASE("The site of a private channel is read like any other, person by person") {
  const Tenant tenant("small", kCertificate, {"channel_sites=2"});

  tenant.Summary();

  CheckEqual(tenant.CompareAll());
  CheckEqual(CompareAccess(tenant));
  const auto& webs = tenant.truth().webs();
  CHECK(std::count_if(webs.begin(), webs.end(), [](const auto& web) { return web.channel; }) == 2);
}

TEST_CASE("A tenant with every trap is told exactly, sites on a host of their own") {
  const Tenant tenant("demo", kCertificate,
                      {"wire.separate_sharepoint_host=true",
                       "wire.empty_roles_rate=0.1",
                       "wire.large_acl=200",

                       "wire.permissions_page=7",
                       "wire.inherited_from=absent",
                       "big_acl_rate=0.3",
                       "orphan_link_group_rate=0.5",
                       "forged_link_group_rate=0.5",
                       "windows_everyone_rate=0.3",
                       "list_item_link_share=0.5",
                       "link_group_rate=0.3",
                       "list_item_unique_rate=0.2",
                       "own_items_rate=0.3",
                       "deleted_user_rate=0.1",
                       "purged_groups=1",
                       "directory_roles=1",
                       "sid_group_rate=0.3",
                       "existing_access_rate=0.3",
                       "link_review_rate=0.3",
                       "empty_acl_rate=0.3",
                       "site_sharing_off_rate=0.3"});

  tenant.Summary();

  CheckEqual(tenant.CompareAll());
  CheckEqual(CompareAccess(tenant));
}

TEST_CASE(
    "What Graph says without a level is told as other, and as a gap where nobody knows more") {
  const Tenant tenant("small", kSecret, {"wire.empty_roles_rate=0.2", "custom_level_rate=0"});
  std::map<std::string, std::string> truth;
  const auto key = [](const json& line) {
    return line.at("object_id").get<std::string>() + ' ' + line.at("grant_id").get<std::string>();
  };
  tenant.TruePermissions()([&](std::string_view text) {
    const json line = json::parse(text);
    truth[key(line)] = line.at("role");
  });

  const json summary = tenant.Summary();

  std::size_t unclear = 0;
  for (const json& line : ParseLines(ReadText(tenant.Export("permissions", {"--all"})))) {
    if (line.at("levels") == json::array({"Site collection administrator"})) continue;
    const auto found = truth.find(key(line));
    if (line.at("principal_type") == "application" && found == truth.end()) continue;
    INFO(line.dump());
    REQUIRE(found != truth.end());
    if (line.at("role") == "other") {
      ++unclear;
    } else {
      CHECK(line.at("role") == found->second);
    }
  }
  CHECK(unclear > 0);
  const auto& gaps = summary["coverage"]["gaps"];
  CHECK(std::count_if(gaps.begin(), gaps.end(), [](const json& gap) {
          return gap.at("object_url") == "levels of permission" && gap.at("state") == "denied";
        }) == 1);
}

}  // namespace spa::testing
