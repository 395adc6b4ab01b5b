// Permission sets, groups, gaps and the numbers of a run.

#include "tests/store/store_testing.h"

using namespace spa;
using namespace spa::testing;
using Strings = std::vector<std::string>;

namespace {

struct Fixture {
  TempDir dir;
  std::string path = dir.File("audit.db");
  std::unique_ptr<AuditStore> store = OpenStore(path);
  RunNo run = 0;
  Oid site = 0, list = 0;

  Fixture() { Begin(); }
  void Begin() {
    run = Must(store->BeginRun({"tenant", RunMode::kFull})).number;
    site = Must(store->PutSite(MakeSite("site", "https://t/sites/s")));
    List made;
    made.id = "list";
    made.name = "Tasks";
    made.web_url = "https://t/sites/s/Lists/Tasks";
    list = Must(store->PutList(site, made));
  }
  void Finish() { Must(store->FinishRun("complete", "")); }
};

Grant GroupGrant(const std::string& id, PrincipalType type, const std::string& principal,
                 const std::string& login = "") {
  Grant grant = UserGrant(id);
  grant.principal_type = type;
  grant.principal_id = principal;
  grant.principal_login = login;
  return grant;
}

}  // namespace

TEST_CASE("Equal permission sets are stored once, whatever their order and marks") {
  Fixture f;
  Grant marked = UserGrant("b");
  marked.inherited = true;
  Must(f.store->PutScope(f.site, std::vector{UserGrant("a"), UserGrant("b")}));
  Must(f.store->PutScope(f.list, std::vector{marked, UserGrant("a"), UserGrant("a")}));
  const auto counts = Must(f.store->Counts(f.run));
  f.Finish();

  CHECK(counts.unique_scopes == 2);
  CHECK(counts.acls == 1);
  CHECK(counts.grants == 4);
  CHECK(Rows(f.path, "SELECT count(*) FROM acl_grant") == Strings{"2"});
}

TEST_CASE("Every field of a grant but the mark tells sets apart") {
  Fixture f;
  std::vector<Grant> variants(16, UserGrant("a"));
  variants[1].principal_type = PrincipalType::kGuest;
  variants[2].principal_id = "x";
  variants[3].principal_name = "x";
  variants[4].principal_login = "x";
  variants[5].principal_email = "x";
  variants[6].role = Role::kOwner;
  variants[7].levels = {"x"};
  variants[8].link_scope = "x";
  variants[9].link_type = "x";
  variants[10].link_expires_at = "x";
  variants[11].link_has_password = false;
  variants[12].link_people = {"x"};
  variants[13].source = "rest";
  variants[14].grant_id = "x";
  variants[15].levels = {"", "x"};
  for (const Grant& variant : variants) Must(f.store->PutScope(f.list, std::vector{variant}));
  f.Finish();

  CHECK(Rows(f.path, "SELECT count(*) FROM acl") == Strings{"16"});
}

TEST_CASE("An owner whose permissions stay keeps its row, a change begins a new one") {
  Fixture f;
  Must(f.store->PutScope(f.list, std::vector{UserGrant("a")}));
  f.Finish();
  f.Begin();
  Must(f.store->PutScope(f.list, std::vector{UserGrant("a")}));
  f.Finish();
  f.Begin();
  Must(f.store->PutScope(f.list, std::vector{UserGrant("b")}));
  Must(f.store->PutScope(f.list, std::vector{UserGrant("c")}));
  f.Finish();
  f.Begin();
  Must(f.store->PutInherits(f.list));
  f.Finish();

  CHECK(Rows(f.path,
             "SELECT from_run || '-' || coalesce(to_run, '') || ' read ' || read_run "
             "FROM scope ORDER BY from_run") == Strings{"1-3 read 2", "3-4 read 3"});
  CHECK(Rows(f.path,
             "SELECT inherits, scope_object_id FROM v_objects "
             "WHERE object_type = 'list'") == Strings{"1|site"});
}

TEST_CASE("The numbers count each grant as often as it applies, and what reaches outside") {
  Fixture f;
  Grant guest = UserGrant("guest");
  guest.principal_type = PrincipalType::kGuest;
  guest.principal_id = "guest-id";
  Grant none = UserGrant("none", Role::kNone);
  const std::vector set = {guest,
                           none,
                           LinkGrant("l1", "anonymous"),
                           LinkGrant("l2", "organization", {"guest-id"}),
                           LinkGrant("l3", "users", {"member-id"}),
                           LinkGrant("l4", "users", {"guest-id", "member-id"}),
                           LinkGrant("l5", "users", {"other-guest"})};
  Must(f.store->PutScope(f.site, set));
  Must(f.store->PutScope(f.list, set));
  GroupRef group;
  group.id = "group";
  Member member;
  member.id = "other-guest";
  member.kind = "user";
  member.user_type = "guest";
  Must(f.store->PutMembers(group, std::vector{member}));

  const auto counts = Must(f.store->Counts(f.run));

  CHECK(counts.grants == 12);
  CHECK(counts.links == 10);
  CHECK(counts.anonymous == 2);
  CHECK(counts.external == 8);
}

TEST_CASE("Every object is in one state and the states add up") {
  Fixture f;
  Must(f.store->PutScope(f.site, std::vector{UserGrant("a")}));
  const Oid library = Must(f.store->PutDrive(f.site, MakeDrive("drive", "https://t/sites/s/Docs")));
  const Oid skipped =
      Must(f.store->PutDrive(f.site, MakeDrive("style", "https://t/sites/s/Style")));
  FillDrive(*f.store, library,
            {Root("root"), Folder("a", "root", "a", SharedFacet::kShared), File("b", "a", "b"),
             File("c", "root", "c")});
  Gap gap;
  gap.oid = skipped;
  gap.state = CoverageState::kSkipped;
  gap.reason = "system library";
  Must(f.store->PutGap(gap));
  gap.oid.reset();
  gap.url = "group:x";
  gap.state = CoverageState::kMembersHidden;
  Must(f.store->PutGap(gap));

  const auto counts = Must(f.store->Counts(f.run));
  f.Finish();

  CHECK(counts.sites == 1);
  CHECK(counts.libraries == 2);
  CHECK(counts.folders == 1);
  CHECK(counts.files == 2);
  CHECK(counts.lists == 1);
  CHECK(counts.discovered == 7);
  CHECK(counts.read == 3);       // site, library, folder
  CHECK(counts.inherited == 2);  // both files
  CHECK(counts.skipped == 1);
  CHECK(counts.failed == 1);  // the list nobody asked about
  CHECK(Rows(f.path, "SELECT state, count(*) FROM v_coverage GROUP BY state ORDER BY state") ==
        Strings{"failed|1", "inherited|2", "read|3", "skipped|1"});
  CHECK(Rows(f.path, "SELECT reason FROM v_coverage WHERE state = 'failed'") ==
        Strings{"permissions were not read"});
}

TEST_CASE(
    "The groups in this run's permissions are told one by one, site groups by their collection") {
  Fixture f;
  const Oid sub = Must(f.store->PutSite(MakeSite("sub", "https://t/sites/s/sub", "site")));
  Must(f.store->PutScope(
      f.site,
      std::vector{
          GroupGrant("1", PrincipalType::kGroup, "g"),
          GroupGrant("2", PrincipalType::kGroup, "g", "c:0o.c|federateddirectoryclaimprovider|g_o"),
          GroupGrant("3", PrincipalType::kUser, "u"), GroupGrant("4", PrincipalType::kGroup, "")}));
  Must(f.store->PutScope(sub, std::vector{GroupGrant("5", PrincipalType::kSiteGroup, "7"),
                                          GroupGrant("6", PrincipalType::kGroup, "g")}));
  Strings keys;
  Must(f.store->ForEachGroupUse([&](const GroupUse& use) {
    keys.push_back(use.group.Key());
    Must(f.store->PutMembers(use.group, {}));  // The caller may write as it goes.
  }));

  CHECK(keys == Strings{"group:g", "group_owners:g", "site_group:site:7", "group:g"});
}

TEST_CASE("A group's members are kept per run, and an empty group is known to be empty") {
  Fixture f;
  GroupRef group;
  group.id = "g";
  Member member;
  member.id = "u";
  member.kind = "user";
  Must(f.store->PutMembers(group, {}));
  f.Finish();
  f.Begin();
  Must(f.store->PutMembers(group, std::vector{member}));
  Must(f.store->PutMembers(group, std::vector{member, member}));
  f.Finish();

  CHECK(Rows(f.path,
             "SELECT from_run || '-' || coalesce(to_run, '') || ' ' || (SELECT count(*) "
             "FROM member m WHERE m.member_set = g.member_set) FROM group_info g "
             "ORDER BY from_run") == Strings{"1-2 0", "2- 1"});
}

TEST_CASE("Access names people, members of groups and audiences") {
  Fixture f;
  Grant everyone = UserGrant("e");
  everyone.principal_type = PrincipalType::kEveryoneExceptExternal;
  Must(f.store->PutScope(
      f.site,
      std::vector{UserGrant("u", Role::kWrite), GroupGrant("g", PrincipalType::kGroup, "gid"),
                  GroupGrant("s", PrincipalType::kSiteGroup, "5"), everyone,
                  LinkGrant("l", "anonymous"), LinkGrant("m", "users", {"named"})}));
  GroupRef group, site_group;
  group.id = "gid";
  site_group.kind = GroupRef::Kind::kSiteGroup;
  site_group.id = "5";
  site_group.site_id = "site";
  Member in_group, in_site_group;
  in_group.id = "one";
  in_site_group.id = "two";
  in_group.kind = in_site_group.kind = "user";
  Must(f.store->PutMembers(group, std::vector{in_group}));
  Must(f.store->PutMembers(site_group, std::vector{in_site_group}));
  f.Finish();

  CHECK(Rows(f.path,
             "SELECT audience, coalesce(user_id, ''), role, needs_link FROM v_access "
             "WHERE object_type = 'site' ORDER BY 1, 2") ==
        Strings{"anyone||read|1", "organization||read|0", "person|named|read|1",
                "person|one|read|0", "person|two|read|0", "person|user-u|write|0"});
}

TEST_CASE("After a storage error the run can only be finished") {
  Fixture f;
  Must(f.store->Commit());
  {  // Somebody else's transaction, and a table that is no longer there.
    auto db = Must(sqlite::Database::Open(f.path, sqlite::Database::Mode::kReadWrite));
    db->Exec("DROP TABLE gap");
    Must(db->Check("dropping"));
  }
  Gap gap;
  gap.url = "x";

  const auto failed = f.store->PutGap(gap);

  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == ErrorCode::kStorage);
  CHECK(failed.error().message.find(f.path) != std::string::npos);
  CHECK_FALSE(f.store->PutSite(MakeSite("s2", "https://t/s2")));
  Must(f.store->FinishRun("failed", ""));
}
