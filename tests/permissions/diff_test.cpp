// What changed between two runs of a database made by hand: what a run could not read above all.
#include <fmt/format.h>

#include <algorithm>

#include "permissions/diff/run_diff.h"
#include "tests/store/store_testing.h"

namespace spa::testing {
namespace {

using Strings = std::vector<std::string>;

Member User(const std::string& id) {
  Member member;
  member.id = "user-" + id;
  member.kind = "user";
  member.login = id + "@t.example";
  member.user_type = "member";
  member.account_enabled = true;
  return member;
}

// A tenant of one site with a library, run after run.
struct Tenant {
  Tenant() : path(dir.File("audit.db")), store(OpenStore(path)) {}

  void Begin() {
    const RunInfo run = Must(store->BeginRun(RunRequest("tenant", RunMode::kFull)));
    runs.push_back(run);
    site = Must(store->PutSite(MakeSite("site", "https://t/sites/s")));
    library = Must(store->PutDrive(site, MakeDrive("b!d", "https://t/sites/s/Docs")));
    Must(store->PutListed(site));
  }
  // The site as everybody may read it, with its administrators.
  void Site(std::vector<Grant> grants = {UserGrant("boss", Role::kOwner)},
            std::vector<Grant> admins = {}) {
    Must(store->PutScope(site, grants));
    Must(store->PutSiteScope(site, "rest", admins));
  }
  // The library with a folder and files that own their permissions as `owners` says.
  void Library(const std::vector<std::pair<std::string, std::vector<Grant>>>& owners,
               std::vector<DriveItem> more = {}) {
    std::vector<DriveItem> items = {Root("root")};
    for (const auto& [id, grants] : owners) {
      items.push_back(File(id, "root", id + ".txt", SharedFacet::kShared));
    }
    items.insert(items.end(), more.begin(), more.end());
    Must(store->StageItems(library, items));
    Must(store->FinishDrive(library, ScopeMethod::kDeltaHierarchy, true,
                            DeltaLink("delta-link", "shape")));
    for (const ScopeTarget& target : Must(store->ScopeTargets(library, 0, 1000))) {
      for (const auto& [id, grants] : owners) {
        if (target.item_id == id) Must(store->PutScope(target.oid, grants));
      }
    }
  }
  void End(const char* status = "complete") {
    Must(store->Settle());
    Must(store->FinishRun(status, "{}"));
  }
  void NotRead(Oid oid, const std::string& url = "") {
    Gap gap;
    if (oid != 0) gap.oid = oid;
    gap.url = url;
    gap.state = CoverageState::kDenied;
    gap.reason = "refused";
    Must(store->PutGap(gap));
  }
  Oid Item(const std::string& id) {
    return std::stoll(Rows(path, "SELECT oid FROM entity WHERE graph_id = '" + id + "'").at(0));
  }

  // "access_gained a.txt user-x: ->read" and so on.
  Strings Diff(std::size_t from, std::size_t to) {
    auto db = Must(sqlite::Database::Open(path, sqlite::Database::Mode::kReadOnly));
    Strings told;
    Must(DiffRuns(
        *db, Must(store->FindRun(runs.at(from).id)), Must(store->FindRun(runs.at(to).id)),
        [&](const RunChange& change) {
          told.push_back(fmt::format(
              "{} {}{}{}: {}->{}{}", Name(change.kind), change.object_name, change.rule,
              change.principal_kind.empty()
                  ? ""
                  : " " +
                        (change.principal_id.empty() ? change.principal_kind : change.principal_id),
              change.before, change.after,
              change.kind == ChangeKind::kObjectAdded || change.kind == ChangeKind::kObjectRemoved
                  ? change.detail
                  : ""));
          return true;
        }));
    return told;
  }

  TempDir dir;
  std::string path;
  std::unique_ptr<AuditStore> store;
  std::vector<RunInfo> runs;
  Oid site = 0, library = 0;
};

}  // namespace

TEST_CASE("A scope that a run could not read is not known there, and told over both sides of it") {
  Tenant t;
  for (int run = 0; run < 3; ++run) {
    t.Begin();
    t.Site();
    t.Library({{"a", {UserGrant(run < 2 ? "x" : "y")}}, {"b", {UserGrant("z")}}});
    if (run == 1) t.NotRead(t.Item("a"));
    t.End();
  }
  // As if the second run had not read it: its answer is the first run's still.
  Execute(t.path, "UPDATE scope SET read_run = 1 WHERE to_run = 3");

  CHECK(t.Diff(0, 1) == Strings{"not_known a.txt: known->denied"});
  CHECK(t.Diff(1, 2) == Strings{"not_known a.txt: denied->known"});
  CHECK(t.Diff(0, 2) ==
        Strings{"access_gained a.txt user-y: ->read", "access_lost a.txt user-x: read->",
                "grant_added a.txt user-y: ->read", "grant_removed a.txt user-x: read->"});
}

TEST_CASE("What a library held before it could be enumerated is not known") {
  Tenant t;
  t.Begin();
  t.Site();
  t.NotRead(t.library, "https://t/sites/s/Docs");
  t.End("partial");
  t.Begin();
  t.Site();
  t.Library({{"a", {UserGrant("x")}}}, {File("f", "root", "f.txt"), File("g", "root", "g.txt")});
  t.End();
  t.Begin();
  t.Site();
  t.Library({{"a", {UserGrant("x")}}}, {Folder("d", "root", "new"), File("e", "d", "e.txt"),
                                        File("f", "root", "f.txt"), File("g", "root", "h.txt")});
  t.End();

  CHECK(t.Diff(0, 1) == Strings{"not_known b!d: denied->known"});
  CHECK(t.Diff(1, 2) ==
        Strings{"object_added new: ->with 1 objects in it", "object_renamed h.txt: g.txt->h.txt"});
}

TEST_CASE("Nobody is gained or lost through a group that one of the runs could not look into") {
  Tenant t;
  const auto run = [&](bool read, std::vector<Member> members, std::vector<Grant> grants) {
    t.Begin();
    t.Site(grants);
    t.Library({});
    if (read) {
      Must(t.store->PutMembers(Group("team"), members));
    } else {
      t.NotRead(0, "group:team");
    }
    t.End();
  };
  run(true, {User("x"), User("y")}, {GroupGrant("team")});
  run(false, {}, {GroupGrant("team")});
  run(true, {User("y"), User("z")}, {GroupGrant("team")});
  run(false, {}, {GroupGrant("other")});

  CHECK(t.Diff(0, 1) == Strings{"not_known team: known->denied"});
  CHECK(t.Diff(1, 2) == Strings{"not_known team: denied->known"});
  CHECK(t.Diff(0, 2) == Strings{"access_gained site user-z: ->read",
                                "access_lost site user-x: read->", "member_joined team user-z: ->",
                                "member_left team user-x: ->"});
  // That the grant is gone is certain, whoever was in the group then.
  Strings gone = t.Diff(2, 3);
  gone.erase(std::remove_if(gone.begin(), gone.end(),
                            [](const std::string& each) { return each.starts_with("not_known"); }),
             gone.end());
  CHECK(gone == Strings{"access_lost site user-y: read->", "access_lost site user-z: read->",
                        "grant_added site other: ->read", "grant_removed site team: read->"});
}

TEST_CASE("What holds for a site collection is told at its topmost site, where both runs know it") {
  Tenant t;
  for (int run = 0; run < 3; ++run) {
    t.Begin();
    Must(t.store->PutScope(t.site, std::vector{UserGrant("boss", Role::kOwner)}));
    if (run != 1) {
      Must(t.store->PutSiteScope(t.site, "rest", std::vector{UserGrant(run == 0 ? "old" : "new")}));
    } else {
      t.NotRead(0, "administrators of https://t/sites/s");
    }
    t.Library({{"a", {UserGrant("x")}}});
    t.End();
  }

  CHECK(t.Diff(0, 1) == Strings{"not_known administrators of https://t/sites/s: known->denied"});
  CHECK(t.Diff(1, 2) == Strings{"not_known administrators of https://t/sites/s: denied->known"});
  CHECK(t.Diff(0, 2) ==
        Strings{"access_gained site user-new: ->read", "access_lost site user-old: read->",
                "grant_added site user-new: ->read", "grant_removed site user-old: read->"});
}

TEST_CASE("A link that ran out, was prolonged or lost a person is told as that") {
  Tenant t;
  Grant ends = LinkGrant("ends", "anonymous"), longer = LinkGrant("longer", "anonymous"),
        people = LinkGrant("people", "users", {"user-x", "user-y"});
  ends.link_expires_at = "2026-03-01T00:00:00Z";
  longer.link_expires_at = "2030-01-01T00:00:00Z";
  for (int run = 0; run < 2; ++run) {
    t.Begin();
    t.Site();
    t.Library({{"a", {ends}}, {"b", {longer}}, {"c", {people}}});
    t.End();
    longer.link_expires_at = "2031-01-01T00:00:00Z";
    people.link_people = {"user-x"};
  }
  Execute(t.path, "UPDATE run SET started_at = '2026-02-01T00:00:00Z' WHERE number = 1");
  Execute(t.path, "UPDATE run SET started_at = '2026-04-01T00:00:00Z' WHERE number = 2");

  CHECK(t.Diff(0, 1) ==
        Strings{"access_lost a.txt anyone: read->", "access_lost c.txt user-y: read->",
                "link_changed b.txt longer: anonymous view, until "
                "2030-01-01T00:00:00Z->anonymous view, until 2031-01-01T00:00:00Z",
                "link_changed c.txt people: users view, 2 people->users view, 1 "
                "people",
                "link_expired a.txt ends: anonymous view, until "
                "2026-03-01T00:00:00Z->anonymous view, until 2026-03-01T00:00:00Z"});
}

TEST_CASE("Findings are new or closed where both runs could evaluate their rule") {
  Tenant t;
  for (int run = 0; run < 2; ++run) {
    t.Begin();
    t.Site();
    t.Library({});
    Must(t.store->Settle());
    Must(t.store->Conclude([&](sqlite::Database&) {
      for (const char* id : {"KNOWN", "LATE", "PARTLY"}) {
        AppliedRule rule;
        rule.id = rule.name = id;
        rule.severity = Severity::kHigh;
        const std::string name = id;
        rule.state = name == "LATE" && run == 0 ? AppliedRule::State::kNotEvaluated
                     : name == "PARTLY"         ? AppliedRule::State::kPartly
                                                : AppliedRule::State::kEvaluated;
        Must(t.store->PutRule(rule));
        if (name == "LATE" && run == 0) continue;
        for (int i = run; i < run + 2; ++i) {
          Finding finding;
          finding.id = fmt::format("{} {}", name, i);
          finding.rule = id;
          finding.severity = i == 1 && run == 1 ? Severity::kCritical : Severity::kHigh;
          finding.oid = t.site;
          finding.evidence = "{}";
          Must(t.store->PutFinding(finding));
        }
      }
      return Status();
    }));
    Must(t.store->FinishRun("complete", "{}"));
  }

  CHECK(t.Diff(0, 1) == Strings{"finding_new siteKNOWN: ->high", "finding_new sitePARTLY: ->high",
                                "finding_closed siteKNOWN: high->",
                                "finding_closed sitePARTLY: high->",
                                "finding_changed siteKNOWN: high->critical",
                                "finding_changed sitePARTLY: high->critical",
                                "not_known LATE: not_evaluated->evaluated"});
}

TEST_CASE("An account that is disabled is told once") {
  Tenant t;
  for (int run = 0; run < 2; ++run) {
    t.Begin();
    t.Site({GroupGrant("team")});
    t.Library({{"a", {GroupGrant("team")}}, {"b", {GroupGrant("team")}}});
    Member user = User("x");
    user.account_enabled = run == 0;
    Must(t.store->PutMembers(Group("team"), std::vector{user}));
    t.End();
  }

  CHECK(t.Diff(0, 1) == Strings{"principal_changed  user-x: enabled->disabled"});
}

TEST_CASE("Runs of two tenants or in the wrong order are not compared") {
  Tenant t;
  for (int run = 0; run < 2; ++run) {
    t.Begin();
    t.End();
  }
  auto db = Must(sqlite::Database::Open(t.path, sqlite::Database::Mode::kReadOnly));
  RunInfo one = Must(t.store->FindRun(t.runs[0].id)), two = Must(t.store->FindRun(t.runs[1].id));
  const auto use = [](const RunChange&) { return true; };
  CHECK(DiffRuns(*db, two, one, use).error().code == ErrorCode::kUsage);
  CHECK(DiffRuns(*db, one, one, use).error().code == ErrorCode::kUsage);
  two.tenant_id = "another";
  CHECK(DiffRuns(*db, one, two, use).error().code == ErrorCode::kUsage);
}

}  // namespace spa::testing
