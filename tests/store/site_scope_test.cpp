// What holds outside permission sets, and what the directory knows of people.
#include <algorithm>

#include "tests/store/store_testing.h"

namespace spa::testing {
namespace {

using Strings = std::vector<std::string>;

struct Fixture {
  Fixture() : path(dir.File("audit.db")), store(OpenStore(path)) { Begin(); }
  void Begin() {
    Must(store->BeginRun(RunRequest("tenant", RunMode::kFull)));
    site = Must(store->PutSite(MakeSite("site", "https://t/site")));
    Must(store->PutListed(site));
  }
  void Finish() { Must(store->FinishRun("complete", "{}")); }

  TempDir dir;
  std::string path;
  std::unique_ptr<AuditStore> store;
  Oid site = 0;
};

Grant Admin(const std::string& id) {
  Grant grant = UserGrant(id, Role::kOwner);
  grant.levels = {"Site collection administrator"};
  grant.source = "rest";
  return grant;
}

}  // namespace

TEST_CASE("Administrators and applications are kept each for themselves and shown as grants") {
  Fixture f;
  Must(f.store->PutScope(f.site, std::vector{UserGrant("u")}));
  Grant app;
  app.grant_id = "a";
  app.principal_type = PrincipalType::kApplication;
  app.role = Role::kWrite;
  app.source = "graph";
  Must(f.store->PutSiteScope(f.site, "rest", std::vector{Admin("one")}));
  Must(f.store->PutSiteScope(f.site, "graph", std::vector{app}));
  CHECK(Must(f.store->Counts(1)).grants == 3);
  f.Finish();
  f.Begin();  // Applications cannot be read this time: what was known of them stays.
  Must(f.store->PutScope(f.site, std::vector{UserGrant("u")}));
  Must(f.store->PutSiteScope(f.site, "rest", std::vector{Admin("two")}));
  f.Finish();

  CHECK(Rows(f.path,
             "SELECT source || ' ' || from_run || '-' || coalesce(to_run, '') || ' ' || read_run "
             "FROM site_scope ORDER BY 1") == Strings{"graph 1- 1", "rest 1-2 1", "rest 2- 2"});
  CHECK(Rows(f.path, "SELECT principal_type, role, inherits FROM v_permissions ORDER BY 1, 2") ==
        Strings{"application|write|0", "user|owner|0", "user|read|0"});
}

TEST_CASE("With a site goes what held for its collection") {
  Fixture f;
  Must(f.store->PutSiteScope(f.site, "rest", std::vector{Admin("one")}));
  f.Finish();

  Must(f.store->BeginRun(RunRequest("tenant", RunMode::kFull)));
  const Oid other = Must(f.store->PutSite(MakeSite("other", "https://t/other")));
  Must(f.store->PutListed(other));
  f.Finish();

  CHECK(Rows(f.path, "SELECT to_run FROM site_scope") == Strings{"2"});
  CHECK(Must(f.store->DeleteRuns({Must(f.store->Runs()).front().id}, false)).size() == 1);
  CHECK(Rows(f.path, "SELECT count(*) FROM site_scope") == Strings{"0"});
  CHECK(Rows(f.path, "SELECT count(*) FROM acl") == Strings{"0"});
}

TEST_CASE("Somebody is written once while nothing changes, and asked for only where unknown") {
  Fixture f;
  Grant by_login = UserGrant("", Role::kRead);
  by_login.principal_id.clear();
  by_login.principal_login = "i:0#.f|membership|Pam@fabrikam.com";
  by_login.grant_id = "pam";
  Grant outside = by_login;
  outside.grant_id = "outside";
  outside.principal_type = PrincipalType::kGuest;
  outside.principal_login = "i:0#.f|membership|urn:spo:guest#lee@p.example";
  outside.claim = "sharepoint_guest";
  Must(f.store->PutScope(f.site, std::vector{UserGrant("named"), UserGrant("listed"), by_login,
                                             outside, LinkGrant("l", "users", {"linked"})}));
  GroupRef group;
  group.id = "g";
  Member member;
  member.id = "user-listed";
  member.kind = "user";
  Must(f.store->PutMembers(group, std::vector{member}));

  Strings asked;
  Must(f.store->ForEachNamed(
      [&](const NamedPrincipal& one) { asked.push_back(one.id + '|' + one.login); }));
  CHECK(asked.size() == 3);
  CHECK(std::count(asked.begin(), asked.end(), "|i:0#.f|membership|pam@fabrikam.com") == 1);
  CHECK(std::count_if(asked.begin(), asked.end(), [](const std::string& one) {
          return one.starts_with("linked|") || one.starts_with("user-named|");
        }) == 2);

  DirectoryObject pam;
  pam.id = "pam";
  pam.kind = "user";
  pam.account_enabled = true;
  Must(f.store->PutPrincipal(pam));
  f.Finish();
  f.Begin();
  Must(f.store->PutPrincipal(pam));
  f.Finish();
  f.Begin();
  pam.account_enabled = false;
  Must(f.store->PutPrincipal(pam));
  f.Finish();

  CHECK(Rows(f.path,
             "SELECT from_run || '-' || coalesce(to_run, '') || ' ' || read_run || ' ' || "
             "account_enabled FROM principal ORDER BY from_run") == Strings{"1-3 2 1", "3- 3 0"});
}

TEST_CASE("A site group that stands for a link is found from the items below") {
  Fixture f;
  List list;
  list.id = "list";
  list.web_url = "https://t/site/Lists/list";
  const Oid oid = Must(f.store->PutList(f.site, list));
  GroupRef group;
  group.kind = GroupRef::Kind::kSiteGroup;
  group.site_id = "site";
  group.id = "7";
  Member member;
  member.id = "u";
  member.kind = "user";
  Must(f.store->PutMembers(group, std::vector{member}, GroupFacts("link")));
  group.id = "8";
  Must(f.store->PutMembers(group, std::vector{member}));

  const auto link = Must(f.store->FindLinkGroup(oid, "7"));
  REQUIRE(link);
  CHECK(link->link_id == "link");
  REQUIRE(link->members.size() == 1);
  CHECK(link->members[0].id == "u");
  CHECK_FALSE(Must(f.store->FindLinkGroup(oid, "8")));
  CHECK_FALSE(Must(f.store->FindLinkGroup(oid, "9")));
}

}  // namespace spa::testing
