// Who reaches what, as the program concludes it from its database, against the truth of the tenant.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "tests/system/access_compare.h"

namespace spa::testing {

using nlohmann::json;

TEST_CASE("With a certificate the access to every scope is exactly the true one") {
  const auto [preset, set] = GENERATE(table<std::string, Words>({
      {"small", {}},
      {"demo", {}},
      {"small", {"nested_group_rate=0.9", "group_cycles=3", "groups=30", "m365_rate=0"}},
      {"small", {"users_weight=1", "link_expired_rate=0.4", "unique_rate=0.3"}},
      {"small", {"hidden_groups=4", "deleted_groups=4"}},
      {"small", {"languages=[\"ja\"]", "custom_level_rate=0.5"}},
      {"small", {"everyone_rate=1", "eeeu_rate=1", "guest_rate=0.5", "otp_guests=6"}},
      {"small",
       {"deleted_user_rate=0.15", "purged_groups=2", "directory_roles=2", "disabled_rate=0.3"}},
      {"small", {"eeeu_admin_rate=0.5", "app_grant_rate=0.5", "wire.no_aad_id_rate=0.5"}},
  }));
  INFO(fmt::format("{} {}", preset, fmt::join(set, " ")));
  const Tenant tenant(preset, kCertificate, set);

  tenant.Summary();

  CheckEqual(CompareAccess(tenant));
}

TEST_CASE("With Graph alone no access is invented") {
  const Tenant tenant("demo", kSecret, {"custom_level_rate=0"});
  std::map<std::string, json> truth;
  for (const json& row : TrueAccessRows(tenant)) truth[KeyOf(row)] = NormalRow(row);

  tenant.Summary();

  const auto rows = ParseLines(ReadText(tenant.Export("access")));
  REQUIRE(rows.size() > 100);
  std::set<std::string> exported;
  for (const json& row : rows) {
    // Without SharePoint a library that inherits shows as its own scope.
    if (row.at("object_type") == "library") continue;
    exported.insert(KeyOf(row));
    const auto found = truth.find(KeyOf(row));
    INFO(row.dump());
    REQUIRE(found != truth.end());
    // What is told is true; there may be more: site groups and administrators are not known.
    const json told = NormalRow(row);
    const auto& paths = found->second.at("paths");
    for (const json& path : told.at("paths")) {
      CHECK(std::find(paths.begin(), paths.end(), path) != paths.end());
    }
    if (told.at("paths") == paths) CHECK(told.at("role") == found->second.at("role"));
  }
  for (const auto& [key, row] : truth) {
    if (exported.contains(key) || row.at("object_type") != "file") continue;
    // Who is missing is so because of a group that Graph does not look into.
    for (const json& path : row.at("paths")) {
      const std::string text = path;
      INFO(text);
      CHECK((text.find("site_group:") != std::string::npos ||
             text.find("site_admin:") != std::string::npos ||
             text.find("link:") != std::string::npos));
    }
  }
}

TEST_CASE("Every group is exported with its direct members, its state and what it is used for") {
  const Tenant tenant("demo", kCertificate, {"hidden_groups=2", "deleted_groups=2"});
  tenant.Summary();
  const sim::Directory& directory = tenant.truth().directory();
  std::map<std::string, std::set<std::string>> granted;  // By key of the group.
  for (const json& row : ParseLines(ReadText(tenant.Export("permissions")))) {
    if (row.at("principal_type") != "group") continue;
    const std::string login = row.at("principal_login"), id = row.at("principal_id");
    // What holds for a whole collection stands at its topmost site there.
    if (row.at("levels") == json::array({"Site collection administrator"})) continue;
    granted[(login.ends_with("_o") ? "group_owners:" : "group:") + id].insert(fmt::format(
        "{}:{}", row.at("object_type").get<std::string>(), row.at("object_id").get<std::string>()));
  }
  REQUIRE(granted.size() > 10);

  const auto groups = ParseLines(ReadText(tenant.Export("groups")));

  std::map<std::string, std::size_t> states;
  for (const json& group : groups) {
    if (group.at("group_kind") != "group") continue;
    const std::string id = group.at("group_id");
    INFO(group.dump());
    const auto number = directory.FindGroup(id);
    REQUIRE(number.has_value());
    const sim::Group& truth = directory.groups()[*number];
    const std::string state = truth.deleted ? "deleted" : truth.hidden ? "hidden" : "read";
    CHECK(group.at("state") == state);
    ++states[state];
    std::set<std::string> members, told;
    if (state == "read") {
      const auto direct = directory.Members(*number);
      for (const auto user : direct.users) {
        members.insert((directory.IsGuest(user) ? "guest:" : "user:") + directory.UserAt(user).id);
      }
      for (const auto child : direct.groups) {
        members.insert("group:" + directory.groups()[child].id);
      }
    }
    for (const json& member : group.at("members")) told.insert(member);
    CHECK(told == members);
    std::set<std::string> used;
    for (const json& object : group.at("granted_on")) used.insert(object);
    const auto& expected = granted["group:" + id];
    CHECK(std::includes(used.begin(), used.end(), expected.begin(), expected.end()));
  }
  CHECK(states["read"] > 10);
  CHECK(states["hidden"] + states["deleted"] > 0);
}

}  // namespace spa::testing
