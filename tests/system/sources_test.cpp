// Every source of access, each trap of permissions.md 7.4 with the tenant that sets it: what the
// export says against what is true, and what the database knows of people and groups.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sqlite3.h>

#include <algorithm>
#include <map>

#include "tests/system/tenant.h"

namespace spa::testing {
namespace {

using nlohmann::json;

// The columns of each row, joined with "|".
std::vector<std::string> Rows(const Tenant& tenant, const std::string& sql) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open_v2(tenant.File("audit.db").c_str(), &db, SQLITE_OPEN_READONLY, nullptr) ==
          SQLITE_OK);
  std::vector<std::string> rows;
  const auto take = [](void* to, int count, char** values, char**) {
    std::string row;
    for (int i = 0; i < count; ++i)
      row += (i > 0 ? "|" : "") + std::string(values[i] ? values[i] : "");
    static_cast<std::vector<std::string>*>(to)->push_back(row);
    return 0;
  };
  char* failed = nullptr;
  sqlite3_exec(db, sql.c_str(), take, &rows, &failed);
  INFO(sql << ": " << (failed ? failed : ""));
  REQUIRE(failed == nullptr);
  sqlite3_close(db);
  return rows;
}

std::vector<json> Exported(const Tenant& tenant, const Words& more = {}) {
  return ParseLines(ReadText(tenant.Export("permissions", more)));
}

std::vector<json> True(const Tenant& tenant) {
  std::vector<json> lines;
  tenant.TruePermissions()([&](std::string_view line) { lines.push_back(json::parse(line)); });
  return lines;
}

template <class Holds>
std::ptrdiff_t Count(const std::vector<json>& lines, Holds holds) {
  return std::count_if(lines.begin(), lines.end(), holds);
}

bool IsAdmin(const json& line) {
  return line.at("levels") == json::array({"Site collection administrator"});
}

// Every group the audit read, by id, with the ids of its direct members.
std::map<std::string, std::set<std::string>> GroupsRead(const Tenant& tenant,
                                                        const std::string& kind) {
  std::map<std::string, std::set<std::string>> groups;
  for (const auto& row :
       Rows(tenant,
            "SELECT g.id, coalesce(m.id, '') FROM group_info g LEFT JOIN member m "
            "ON m.member_set = g.member_set WHERE g.kind = '" +
                kind + "' AND g.to_run IS NULL")) {
    const auto bar = row.find('|');
    auto& members = groups[row.substr(0, bar)];
    if (bar + 1 < row.size()) members.insert(row.substr(bar + 1));
  }
  return groups;
}

std::set<std::string> DirectMembers(const sim::Directory& directory, std::uint32_t group) {
  std::set<std::string> ids;
  const auto members = directory.Members(group);
  for (const auto user : members.users) ids.insert(directory.UserAt(user).id);
  for (const auto inner : members.groups) ids.insert(directory.groups()[inner].id);
  return ids;
}

// Every group that can be read is there with its direct members, those within it too.
std::size_t CheckGroups(const Tenant& tenant) {
  const sim::Directory& directory = tenant.truth().directory();
  const auto read = GroupsRead(tenant, "group");
  for (const auto& [id, members] : read) {
    INFO(id);
    const auto number = directory.FindGroup(id);
    REQUIRE(number);
    const sim::Group& group = directory.groups()[*number];
    CHECK_FALSE(group.hidden);
    CHECK(members == (group.deleted ? std::set<std::string>() : DirectMembers(directory, *number)));
    for (const auto inner : directory.Members(*number).groups) {
      const bool known = read.contains(directory.groups()[inner].id);
      CHECK(known != directory.groups()[inner].hidden);
    }
  }
  return read.size();
}

}  // namespace

TEST_CASE("Administrators and applications are grants of the topmost site, in every language") {
  const std::string language = GENERATE("en", "de", "ja");
  INFO(language);
  const Tenant tenant("small", kCertificate,
                      {"languages=[\"" + language + "\"]", "eeeu_admin_rate=0.5",
                       "app_grant_rate=1", "windows_everyone_rate=0.5"});

  const json summary = tenant.Summary();

  CheckEqual(tenant.CompareAll());
  const auto truth = True(tenant), exported = Exported(tenant);
  CHECK(Count(exported, IsAdmin) > 0);
  CHECK(Count(exported, IsAdmin) == Count(truth, IsAdmin));
  CHECK(Count(exported, [](const json& line) {
          return IsAdmin(line) && line.at("principal_type") == "everyone_except_external";
        }) > 0);
  CHECK(Count(exported, [](const json& line) {
          return line.at("principal_type") == "application" && line.at("source") == "graph";
        }) > 0);
  CHECK(summary["grants"]["total"] ==
        Count(truth, [](const json& line) { return !line.at("inherits").get<bool>(); }));
}

TEST_CASE("What an application may not see of other applications is a gap") {
  const Tenant tenant(
      "small", kSecret,
      {"wire.roles=[\"Sites.Read.All\",\"GroupMember.Read.All\",\"User.Read.All\"]"});

  const json summary = tenant.Summary();

  const auto denied = [](const json& gap) {
    return gap.at("object_url").get<std::string>().starts_with("applications with a grant") &&
           gap.at("state") == "denied";
  };
  const auto gaps = summary["coverage"]["gaps"].get<std::vector<json>>();
  CHECK(Count(gaps, denied) > 0);
  CHECK(Rows(tenant, "SELECT 1 FROM site_scope").empty());
}

TEST_CASE("Each group is read once with its direct members, however groups nest") {
  const Tenant tenant("demo", kCertificate,
                      {"nested_group_rate=1", "group_cycles=3", "m365_rate=0.2",
                       "directory_roles=3", "deleted_groups=3", "purged_groups=2"});

  const json summary = tenant.Summary();

  CHECK(CheckGroups(tenant) > 20);
  const auto nested = Rows(tenant,
                           "SELECT count(*) FROM member m JOIN group_info g "
                           "ON g.member_set = m.member_set WHERE g.kind = 'group' "
                           "AND m.kind = 'group'");
  CHECK(nested != std::vector<std::string>{"0"});
  std::size_t pages = 0;
  const sim::Directory& directory = tenant.truth().directory();
  for (const auto& [id, members] : GroupsRead(tenant, "group")) {
    const sim::Group& group = directory.groups()[*directory.FindGroup(id)];
    const std::size_t page = group.role ? 100 : 999;
    if (!group.deleted) pages += std::max<std::size_t>(1, (members.size() + page - 1) / page);
  }
  for (const json& gap : summary["coverage"]["gaps"]) {  // Hidden ones refuse their one page.
    pages += gap.at("object_url").get<std::string>().starts_with("group:");
  }
  auto routes = tenant.counters().by_route;
  CHECK(routes["directory members"] == pages);
  CHECK(routes["directory transitiveMembers"] == 0);
  CheckEqual(tenant.CompareAll());
}

TEST_CASE("Directory roles, deleted, purged and hidden groups are told apart") {
  const Tenant tenant(
      "demo", kCertificate,
      {"directory_roles=4", "deleted_groups=4", "purged_groups=4", "hidden_groups=4"});

  const json summary = tenant.Summary();

  const sim::Directory& directory = tenant.truth().directory();
  std::map<std::string, int> seen;
  for (const auto& row : Rows(tenant,
                              "SELECT id, kind, state, coalesce(deleted_at, '') "
                              "FROM principal WHERE kind <> 'user' AND to_run IS NULL")) {
    INFO(row);
    const auto number = directory.FindGroup(row.substr(0, row.find('|')));
    REQUIRE(number);
    const sim::Group& group = directory.groups()[*number];
    const std::string expected = group.purged    ? "group|missing|"
                                 : group.deleted ? "group|deleted|2026-10-30T08:00:00Z"
                                 : group.role    ? "directory_role|present|"
                                                 : "group|present|";
    CHECK(row.substr(row.find('|') + 1) == expected);
    ++seen[expected];
  }
  CHECK(seen.size() == 4);
  for (const json& gap : summary["coverage"]["gaps"]) {
    const std::string name = gap.at("object_url");
    if (!name.starts_with("group:")) continue;
    CHECK(directory.groups()[*directory.FindGroup(name.substr(6))].hidden);
    CHECK(gap.at("state") == "members_hidden");
  }
  CheckGroups(tenant);
}

TEST_CASE("People are one each, and disabled, deleted and unknown ones are told apart") {
  const Tenant tenant("small", kCertificate,
                      {"users=3000", "large_groups=0", "deleted_user_rate=0.3", "disabled_rate=0.3",
                       "wire.no_aad_id_rate=0.5", "sid_group_rate=0.6"});

  const json summary = tenant.Summary();

  CheckEqual(tenant.CompareAll());
  const sim::Directory& directory = tenant.truth().directory();
  std::map<std::string, int> seen;
  for (const auto& row :
       Rows(tenant,
            "SELECT state, coalesce(account_enabled, ''), coalesce(external_state, ''), id "
            "FROM principal WHERE kind = 'user' AND to_run IS NULL")) {
    INFO(row);
    // Who is gone for good, and was known by the login alone, stays known by it.
    const auto number = directory.FindUser(row.substr(row.rfind('|') + 1));
    REQUIRE(number);
    const sim::User user = directory.UserAt(*number);
    const std::string expected = user.purged    ? "missing|||"
                                 : user.deleted ? "deleted|||"
                                                : fmt::format("present|{:d}|{}|", user.enabled,
                                                              !user.guest    ? ""
                                                              : user.pending ? "PendingAcceptance"
                                                                             : "Accepted");
    CHECK(row.starts_with(expected));
    ++seen[expected.substr(0, 9)];
  }
  CHECK(seen.size() == 4);  // missing, deleted, present and enabled, present and disabled
  // Nobody who is named is left out: in the table, or in a group of the directory.
  CHECK(Rows(tenant,
             "SELECT g.principal_login FROM scope s JOIN acl_grant g ON g.acl = s.acl "
             "WHERE s.to_run IS NULL AND g.role <> 'none' AND g.claim IN ('user', 'guest') "
             "AND g.principal_id <> '' AND NOT EXISTS (SELECT 1 FROM principal p WHERE "
             "p.id = g.principal_id) AND NOT EXISTS (SELECT 1 FROM member m JOIN group_info i ON "
             "i.member_set = m.member_set WHERE i.kind <> 'site_group' AND m.id = g.principal_id)")
            .empty());
  // Guests that only SharePoint knows are no orphans.
  CHECK(Rows(tenant, "SELECT 1 FROM principal WHERE id LIKE '%urn:spo:guest%'").empty());
  for (const json& gap : summary["coverage"]["gaps"]) {
    CHECK(gap.at("object_url").get<std::string>().find("rolemanager") == std::string::npos);
  }
}

TEST_CASE("Where accounts may not be looked up the ledger says so once and nobody is invented") {
  const Tenant tenant(
      "small", kCertificate,
      {"wire.roles=[\"Sites.FullControl.All\",\"GroupMember.Read.All\"]", "users=3000"});

  const json summary = tenant.Summary();

  CheckEqual(tenant.CompareAll());
  const auto gaps = summary["coverage"]["gaps"].get<std::vector<json>>();
  CHECK(Count(gaps, [](const json& gap) {
          return gap.at("object_url") == "user accounts" && gap.at("state") == "denied";
        }) == 1);
  CHECK(Rows(tenant, "SELECT DISTINCT state FROM principal WHERE kind = 'user'") ==
        std::vector<std::string>{"unknown"});
}

TEST_CASE("Links to items of lists are links, and groups that only look like one are not") {
  const std::string language = GENERATE("en", "de", "ja");
  INFO(language);
  const Tenant tenant(
      "small", kCertificate,
      {"languages=[\"" + language + "\"]", "list_items=60", "list_item_unique_rate=0.3",
       "list_item_link_share=0.6", "forged_link_group_rate=1", "orphan_link_group_rate=1",
       "existing_access_rate=0.5", "link_review_rate=0.3", "users_weight=0.5",
       "link_group_rate=0.8"});

  tenant.Summary();

  CheckEqual(tenant.CompareAll());
  const auto exported = Exported(tenant);
  CHECK(Count(exported, [](const json& line) {
          return line.at("object_type") == "list_item" && line.at("principal_type") == "link" &&
                 !line.at("link_people").empty();
        }) > 0);
  CHECK(Count(exported, [](const json& line) {
          return line.at("principal_type") == "site_group" &&
                 line.at("principal_name").get<std::string>().starts_with("SharingLinks.");
        }) > 0);
  CHECK(Count(exported, [](const json& line) {
          return line.at("grant_id") == "00000000-0000-0000-0000-000000000000";
        }) == 0);
  // Groups that links were sent to are read like others.
  const auto groups =
      Rows(tenant, "SELECT DISTINCT j.value FROM acl_grant g, json_each(g.link_groups) j");
  CHECK_FALSE(groups.empty());
  const sim::Directory& directory = tenant.truth().directory();
  const auto read = GroupsRead(tenant, "group");
  for (const std::string& id : groups) {
    INFO(id);
    CHECK(read.contains(id) != directory.groups()[*directory.FindGroup(id)].hidden);
  }
}

TEST_CASE("Limited Access is kept as evidence and never shown as access") {
  const Tenant tenant("demo");

  tenant.Summary();

  const auto evidence =
      Rows(tenant, "SELECT DISTINCT levels FROM acl_grant WHERE role = 'none' AND source = 'rest'");
  CHECK_FALSE(evidence.empty());
  for (const std::string& levels : evidence) CHECK(levels != "[]");
  CHECK(Rows(tenant, "SELECT 1 FROM v_permissions WHERE role = 'none'").empty());
  CHECK(Count(Exported(tenant), [](const json& line) { return line.at("role") == "none"; }) == 0);
}

TEST_CASE("Lists that show people only what they made are marked") {
  const Tenant tenant("small", kCertificate, {"own_items_rate=0.5", "lists_per_site=3"});

  tenant.Summary();

  const auto marked = Rows(tenant,
                           "SELECT read_security, write_security, count(*) FROM container "
                           "WHERE read_security IS NOT NULL GROUP BY 1, 2 ORDER BY 1");
  REQUIRE(marked.size() == 2);
  CHECK(marked[0].starts_with("1|1|"));
  CHECK(marked[1].starts_with("2|2|"));
}

TEST_CASE("Permission sets too large for one answer are read in parts") {
  const Tenant tenant("small", kCertificate,
                      {"list_item_unique_rate=0.1", "list_item_link_share=0", "big_acl_rate=0.5",
                       "wire.large_acl=100", "users=600"});

  const json summary = tenant.Summary();

  CheckEqual(tenant.CompareAll());
  CHECK(summary["api"]["retried"].get<int>() > 0);
}

TEST_CASE("An item that is gone when its permissions are read is a gap and nothing else changes") {
  const Tenant tenant("small", kCertificate, {"wire.permissions_404_rate=0.1", "unique_rate=0.3"});

  const json summary = tenant.Summary();

  CHECK(summary["status"] == "partial");
  std::set<std::string> unread;
  for (const json& row : tenant.Coverage()) {
    if (row.at("state") == "failed" && row.at("object_id").is_string()) {
      unread.insert(row.at("object_id").get<std::string>());
    }
  }
  CHECK_FALSE(unread.empty());
  std::multiset<std::string> expected, found;
  for (const json& line : True(tenant)) {
    if (!unread.contains(line.at("object_id"))) {
      expected.insert(line.at("object_id").get<std::string>() +
                      line.at("grant_id").get<std::string>());
    }
  }
  for (const json& line : Exported(tenant, {"--all"})) {
    found.insert(line.at("object_id").get<std::string>() + line.at("grant_id").get<std::string>());
  }
  CHECK(found == expected);
}

TEST_CASE("However the service words its answers the permissions are the same") {
  const Words words = GENERATE(
      Words{"wire.permissions_page=2", "wire.members_page=3", "big_acl_rate=0.3"},
      Words{"wire.inherited_from=full", "wire.deprecated_twins=true", "link_expired_rate=0.6"},
      Words{"wire.inherited_from=absent", "wire.empty_roles_rate=0.3", "empty_acl_rate=0.5"},
      Words{"subsite_rate=1", "subsite_unique_rate=0.7", "foreign_eeeu=true", "eeeu_rate=0.8"});
  INFO(fmt::format("{}", fmt::join(words, " ")));
  const Tenant tenant("small", kCertificate, words);

  tenant.Summary();

  CheckEqual(tenant.CompareAll());
}

TEST_CASE("A group of fifty thousand nested ten deep with cycles is read once within its bar",
          "[large]") {
  const Tenant tenant("small", kCertificate,
                      {"users=60000", "groups=24", "m365_rate=0", "group_chain=10",
                       "chain_users=50000", "hidden_groups=0", "deleted_groups=0"});

  const json summary = tenant.Summary();

  CheckEqual(tenant.CompareAll());
  CheckGroups(tenant);
  CHECK(Rows(tenant,
             "SELECT max(n) >= 50000 FROM (SELECT count(*) AS n FROM member GROUP BY "
             "member_set)") == std::vector<std::string>{"1"});
  CHECK(summary["peak_rss_bytes"].get<double>() < 200e6);
}

}  // namespace spa::testing
