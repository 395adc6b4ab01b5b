// Runs that read what changed, and runs that go on where one stopped.

#include <fmt/format.h>

#include <map>
#include <random>

#include "tests/store/store_testing.h"

using namespace spa;
using namespace spa::testing;
using Strings = std::vector<std::string>;

namespace {

constexpr auto kShared = SharedFacet::kShared;
constexpr const char* kShape = "shape";

// A database with one library, run by run; what is staged lies in memory, in the tables, or both.
struct Fixture {
  std::size_t held = GENERATE(100'000u, 0u, 3u);
  TempDir dir;
  std::string path = dir.File("audit.db");
  std::unique_ptr<AuditStore> store = OpenStore(path, held);
  RunInfo run;
  Oid site = 0, library = 0;

  void Begin(RunMode mode = RunMode::kAuto) {
    run = Must(store->BeginRun(RunRequest("tenant", mode)));
    Place();
  }
  void Resume() {
    run = Must(store->ResumeRun(RunRequest("tenant", RunMode::kAuto), "last"));
    Place();
  }
  void Place() {
    site = Must(store->PutSite(MakeSite("site", "https://t/sites/s")));
    Must(store->PutScope(site, std::vector{UserGrant("site-grant")}));
    library = Must(store->PutDrive(site, MakeDrive("drive", "https://t/sites/s/Docs")));
  }
  void Finish() { Must(store->FinishRun("complete", "")); }

  void Whole(const std::vector<DriveItem>& items) {
    Begin(RunMode::kFull);
    FillDrive(*store, library, items);
    Finish();
  }
  // The ids of the items whose permissions are to be read once `changes` are merged.
  Strings Changes(const std::vector<DriveItem>& changes) {
    Must(store->StageChanges(library));
    Must(store->StageItems(library, changes));
    const auto method = Must(store->FinishChanges(library, false, DeltaLink("delta-link", kShape)));
    REQUIRE(method == ScopeMethod::kDeltaHierarchy);
    Strings due;
    for (const ScopeTarget& target : Must(store->ScopeTargets(library, 0, 10'000))) {
      if (!target.is_container) due.push_back(target.item_id);
      Must(store->PutScope(target.oid, std::vector{UserGrant("g-" + target.item_id)}));
    }
    return due;
  }
  Strings Query(const std::string& sql) { return Rows(path, sql); }
  Strings Objects() {
    return Query(
        "SELECT object_type, object_id, object_url, inherits, scope_object_id, parent_id, size, "
        "modified_at FROM v_objects ORDER BY object_id");
  }
  Strings States() { return Query("SELECT object_id, state FROM v_coverage ORDER BY object_id"); }
};

// A library that changes as delta tells it: only what was touched, with the facets of now.
struct Tree {
  struct Node {
    std::string parent, name;
    bool folder = false, owns = false;
  };
  std::map<std::string, Node> nodes;
  std::mt19937 random;
  int made = 0;

  explicit Tree(unsigned seed) : random(seed) {}

  std::size_t Below(std::size_t n) { return random() % n; }
  std::string Any(bool folder) {
    std::vector<std::string> ids;
    for (const auto& [id, node] : nodes) {
      if (!folder || node.folder) ids.push_back(id);
    }
    if (ids.empty()) return "";
    return ids[Below(ids.size())];
  }
  std::string AnyFolder() {
    std::string id = Any(true);
    return id.empty() || Below(4) == 0 ? "root" : id;
  }
  bool IsBelow(std::string id, const std::string& folder) const {
    for (; id != "root"; id = nodes.at(id).parent) {
      if (id == folder) return true;
    }
    return false;
  }
  DriveItem Item(const std::string& id) const {
    const Node& node = nodes.at(id);
    const auto facet = node.owns ? kShared : SharedFacet::kAbsent;
    return node.folder ? Folder(id, node.parent, node.name, facet)
                       : File(id, node.parent, node.name, facet);
  }
  std::vector<DriveItem> All() const {
    std::vector<DriveItem> items = {Root("root")};
    for (const auto& [id, node] : nodes) items.push_back(Item(id));
    return items;
  }
  // One change, and what delta says of it: deleted folders without what was in them.
  void Change(std::vector<DriveItem>& told) {
    const std::string id = Any(false);
    switch (id.empty() ? 0 : Below(6)) {
      case 0:
      case 1: {
        const std::string added = fmt::format("i{:03}", made++);
        nodes[added] = {AnyFolder(), "n-" + added, Below(2) == 0, Below(5) == 0};
        told.push_back(Item(added));
        return;
      }
      case 2:
        nodes[id].name += "x";
        break;
      case 3: {
        const std::string to = AnyFolder();
        if (to == "root" || !IsBelow(to, id)) nodes[id].parent = to;
        break;
      }
      case 4:
        nodes[id].owns = !nodes[id].owns;
        break;
      default:
        std::erase_if(nodes, [&, all = nodes](const auto& node) {
          for (std::string at = node.first; at != "root"; at = all.at(at).parent) {
            if (at == id) return true;
          }
          return false;
        });
        // Delta tells what is: what had changed in there is gone, too.
        for (DriveItem& item : told) {
          if (!item.is_root && !nodes.contains(item.id)) item = Deleted(item.id);
        }
        told.push_back(Deleted(id));
        return;
    }
    told.push_back(Item(id));
  }
};

}  // namespace

TEST_CASE("Merged changes give the same as reading everything again") {
  for (unsigned seed = 1; seed <= 25; ++seed) {
    INFO("seed " << seed);
    Tree tree(seed);
    std::vector<DriveItem> ignored;
    for (int i = 0; i < 60; ++i) tree.Change(ignored);
    Fixture changing;
    changing.Whole(tree.All());
    for (int round = 0; round < 4; ++round) {
      std::vector<DriveItem> told = {Root("root")};
      for (int i = 0; i < 12; ++i) tree.Change(told);
      changing.Begin(RunMode::kIncremental);
      changing.Changes(told);
      changing.Finish();
      Fixture fresh;
      fresh.Whole(tree.All());
      CHECK(changing.Objects() == fresh.Objects());
      CHECK(changing.States() == fresh.States());
      CHECK(changing.Query("SELECT oid FROM scope WHERE to_run IS NULL").size() ==
            fresh.Query("SELECT oid FROM scope WHERE to_run IS NULL").size());
    }
  }
}

TEST_CASE("Without changes nothing is to be read and everything counts as read") {
  Fixture f;
  f.Whole({Root("root"), Folder("a", "root", "a", kShared), File("b", "a", "b")});
  const auto before = f.Objects();
  f.Begin();
  CHECK(f.run.mode == "incremental");
  CHECK(Must(f.store->StateOfDrive(f.library, kShape)).delta_link == "delta-link");
  CHECK(f.Changes({}) == Strings{});
  f.Finish();

  CHECK(f.Objects() == before);
  CHECK(f.States() == Strings{"a|read", "b|inherited", "root|read", "site|read"});
  CHECK(Must(f.store->Counts(f.run.number)).failed == 0);
  CHECK(f.Query("SELECT from_run, to_run FROM confirmed") == Strings{"1|2"});
}

TEST_CASE("A drive that could not be asked what changed is stale in that run alone") {
  Fixture f;
  f.Whole({Root("root"), File("a", "root", "a", kShared)});
  f.Begin();
  f.Finish();
  CHECK(f.States() == Strings{"a|stale", "root|stale", "site|read"});
  CHECK(Must(f.store->Counts(f.run.number)).failed == 2);

  f.Begin();
  f.Changes({});
  f.Finish();
  CHECK(f.States() == Strings{"a|read", "root|read", "site|read"});
}

TEST_CASE("Whoever owns a scope and is told as changed is read again") {
  Fixture f;
  f.Whole({Root("root"), File("a", "root", "a", kShared), File("b", "root", "b", kShared),
           File("c", "root", "c")});
  f.Begin();
  CHECK(f.Changes({File("a", "root", "a", kShared), File("c", "root", "c2")}) == Strings{"a"});
  f.Finish();
}

TEST_CASE("What was due and not read is due in the next run as well") {
  Fixture f;
  f.Whole({Root("root"), File("a", "root", "a", kShared)});
  f.Begin();
  Must(f.store->StageChanges(f.library));
  Must(f.store->StageItems(f.library, std::vector{File("a", "root", "a", kShared)}));
  Must(f.store->FinishChanges(f.library, false, DeltaLink("delta-link", kShape)));
  f.Finish();
  CHECK(f.States() == Strings{"a|stale", "root|stale", "site|read"});

  f.Begin();
  CHECK(f.Changes({}) == Strings{"a"});
  f.Finish();
  CHECK(f.States() == Strings{"a|read", "root|read", "site|read"});
}

TEST_CASE("Permissions read longer ago than allowed are read again") {
  Fixture f;
  f.Whole({Root("root"), File("a", "root", "a", kShared)});
  Execute(f.path, "UPDATE run SET started_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-2 hours')");
  RunRequest request("tenant", RunMode::kIncremental);
  request.max_age = std::chrono::hours(3);
  f.run = Must(f.store->BeginRun(request));
  f.Place();
  CHECK(f.Changes({}) == Strings{});
  f.Finish();
  request.max_age = std::chrono::hours(1);
  f.run = Must(f.store->BeginRun(request));
  f.Place();
  CHECK(f.Changes({}) == Strings{"a"});
  f.Finish();
}

TEST_CASE("A changed or removed link group makes the scope of its link due") {
  const std::string link = "0AF3E0A9-0000-4000-8000-000000000001";
  GroupRef group;
  group.kind = GroupRef::Kind::kSiteGroup;
  group.id = "12";
  group.site_id = "site";
  Member member;
  member.id = "u1";
  Fixture f;
  f.Begin(RunMode::kFull);
  Must(f.store->StageItems(f.library, std::vector{Root("root"), File("a", "root", "a", kShared),
                                                  File("b", "root", "b", kShared)}));
  Must(f.store->FinishDrive(f.library, ScopeMethod::kDeltaHierarchy, false,
                            DeltaLink("delta-link", kShape)));
  for (const ScopeTarget& target : Must(f.store->ScopeTargets(f.library, 0, 10))) {
    Must(f.store->PutScope(
        target.oid,
        std::vector{target.item_id == "a" ? LinkGrant(link, "users", {"u1"}) : UserGrant("x")}));
  }
  const std::string in_group = "0af3e0a9-0000-4000-8000-000000000001";
  Must(f.store->PutMembers(group, std::vector{member}, GroupFacts(in_group)));
  Must(f.store->SettleSiteGroups("site"));
  f.Finish();

  f.Begin();
  Must(f.store->PutMembers(group, std::vector{member}, GroupFacts(in_group)));
  Must(f.store->SettleSiteGroups("site"));
  CHECK(f.Changes({}) == Strings{});
  f.Finish();

  f.Begin();
  Member another = member;
  another.id = "u2";
  Must(f.store->PutMembers(group, std::vector{member, another}, GroupFacts(in_group)));
  Must(f.store->SettleSiteGroups("site"));
  Must(f.store->StageChanges(f.library));
  Must(f.store->FinishChanges(f.library, false, DeltaLink("delta-link", kShape)));
  const auto due = Must(f.store->ScopeTargets(f.library, 0, 10));
  REQUIRE(due.size() == 2);  // The library itself is read in every run.
  CHECK(due[1].item_id == "a");
  Must(f.store->PutScope(due[1].oid, std::vector{LinkGrant(link, "users", {"u1", "u2"})}));
  f.Finish();

  f.Begin();
  Must(f.store->SettleSiteGroups("site"));
  CHECK(f.Changes({}) == Strings{"a"});
  f.Finish();
  CHECK(f.Query("SELECT count(*) FROM group_info WHERE to_run IS NULL") == Strings{"0"});
}

TEST_CASE("A delta link is used only where it was made by the same question") {
  Fixture f;
  f.Whole({Root("root"), File("a", "root", "a")});
  f.Begin();
  CHECK(Must(f.store->StateOfDrive(f.library, kShape)).delta_link == "delta-link");
  CHECK(Must(f.store->StateOfDrive(f.library, "another shape")).delta_link.empty());
  f.Finish();
  f.Begin(RunMode::kFull);
  CHECK(Must(f.store->StateOfDrive(f.library, kShape)).delta_link.empty());
  f.Finish();
}

TEST_CASE("What cannot tell scopes by its changes is asked to be read whole") {
  Fixture f;
  f.Begin(RunMode::kFull);
  FillDrive(*f.store, f.library, {Root("root")}, ScopeMethod::kItemPermissions);
  Must(f.store->ResolveItemScopes(f.library));
  f.Finish();

  f.Begin();
  CHECK(Must(f.store->StateOfDrive(f.library, kShape)).delta_link == "delta-link");
  Must(f.store->StageChanges(f.library));
  Must(f.store->StageItems(f.library, std::vector{Root("root")}));
  CHECK(Must(f.store->FinishChanges(f.library, false, DeltaLink("delta-link", kShape))) ==
        ScopeMethod::kItemPermissions);
  Must(f.store->ResolveItemScopes(f.library));
  f.Finish();
  f.Begin();
  Must(f.store->StageChanges(f.library));
  Must(f.store->StageItems(f.library, std::vector{Root("root"), File("a", "root", "a")}));
  CHECK_FALSE(Must(f.store->FinishChanges(f.library, false, DeltaLink("delta-link", kShape))));
  Must(f.store->DiscardStage(f.library));
  f.Finish();
}

TEST_CASE("Full is the first run, what is asked to be, and one a week") {
  Fixture f;
  f.Begin(RunMode::kIncremental);
  CHECK(f.run.mode == "full");  // There is nothing to be incremental to.
  f.Finish();
  f.Begin();
  CHECK(f.run.mode == "incremental");
  f.Finish();
  f.Begin(RunMode::kFull);
  CHECK(f.run.mode == "full");
  f.Finish();
  Execute(f.path, "UPDATE run SET started_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-8 days')");
  f.Begin();
  CHECK(f.run.mode == "full");
  f.Finish();
}

TEST_CASE("A resumed run goes on at the page it had not stored") {
  Fixture f;
  f.Begin(RunMode::kFull);
  Must(f.store->StageItems(f.library, std::vector{Root("root"), File("a", "root", "a")}));
  Must(f.store->Checkpoint(f.library, "page 2", kShape));
  Must(f.store->Commit());
  Must(f.store->StageItems(f.library, std::vector{File("b", "root", "b")}));
  f.store.reset();  // Without an end, as a process that dies.

  f.store = OpenStore(f.path, f.held);
  f.Resume();
  const DriveState state = Must(f.store->StateOfDrive(f.library, kShape));
  CHECK(state.next_link == "page 2");
  CHECK_FALSE(state.changes);
  CHECK_FALSE(state.finished);
  CHECK(Must(f.store->StateOfDrive(f.library, "another shape")).next_link.empty());
  FillDrive(*f.store, f.library, {File("b", "root", "b"), File("c", "a", "c")});
  f.Finish();
  CHECK(f.run.number == 1);
  CHECK(f.Query("SELECT object_id FROM v_objects WHERE object_type = 'file' ORDER BY 1") ==
        Strings{"a", "b", "c"});
  CHECK_FALSE(std::filesystem::exists(f.path + "-stage"));
}

TEST_CASE("A run that is interrupted keeps every page, and names and places survive it") {
  Fixture f;
  f.Begin(RunMode::kFull);
  DriveItem odd = File("a", "folder", "100 % \xc3\xa4", kShared);
  odd.modified = "2026-01-02T03:04:05Z";
  odd.unique_id = "0a";
  odd.size = 1'000'000'000'000;
  odd.list_item_id = 7;
  Must(f.store->StageItems(f.library, std::vector{Root("root"), odd, File("b", "root", "old")}));
  Must(f.store->Checkpoint(f.library, "page 2", kShape));
  Must(f.store->Commit());
  Must(f.store->StageItems(f.library, std::vector{File("b", "root", "new"), Deleted("c")}));
  Must(f.store->Checkpoint(f.library, "page 3", kShape));
  Must(f.store->FinishRun("interrupted", ""));

  f.Resume();
  CHECK(Must(f.store->StateOfDrive(f.library, kShape)).next_link == "page 3");
  CHECK(Must(f.store->StageContradictions(f.library, Strings{"0A"})) == 0);
  CHECK(Must(f.store->StageEvidence(f.library)).items == 3);
  FillDrive(*f.store, f.library, {Folder("folder", "root", "F")});
  f.Finish();
  CHECK(f.Query("SELECT object_url || ' ' || size || ' ' || modified_at FROM v_objects "
                "WHERE object_id = 'a'") ==
        Strings{"https://t/sites/s/Docs/F/100%20%25%20%C3%A4 1000000000000 2026-01-02T03:04:05Z"});
  CHECK(f.Query("SELECT name FROM v_objects WHERE object_id IN ('b', 'c')") == Strings{"new"});
  CHECK(f.Query("SELECT list_item_id FROM object WHERE list_item_id IS NOT NULL") == Strings{"7"});
}

TEST_CASE("A resumed run tries its gaps again and keeps what it has read") {
  Fixture f;
  f.Begin(RunMode::kFull);
  Must(f.store->StageItems(f.library, std::vector{Root("root"), File("a", "root", "a", kShared)}));
  Must(f.store->FinishDrive(f.library, ScopeMethod::kDeltaHierarchy, false,
                            DeltaLink("delta-link", kShape)));
  const Oid other = Must(f.store->PutDrive(f.site, MakeDrive("other", "https://t/sites/s/Other")));
  FillDrive(*f.store, other, {Root("root2"), File("b", "root2", "b", kShared)});
  Gap gap;
  gap.oid = Must(f.store->ScopeTargets(f.library, 0, 10)).back().oid;
  gap.reason = "the service was busy";
  Must(f.store->PutGap(gap));
  Must(f.store->FinishRun("interrupted", ""));

  f.Resume();
  Must(f.store->PutDrive(f.site, MakeDrive("other", "https://t/sites/s/Other")));
  CHECK(Must(f.store->Gaps(f.run.number)).empty());
  CHECK(Must(f.store->StateOfDrive(other, kShape)).finished == ScopeMethod::kDeltaHierarchy);
  CHECK(Must(f.store->ScopeTargets(other, 0, 10)).empty());
  CHECK_FALSE(Must(f.store->StateOfDrive(f.library, kShape)).finished);
  FillDrive(*f.store, f.library, {Root("root"), File("a", "root", "a", kShared)});
  f.Finish();
  CHECK(f.States() == Strings{"a|read", "b|read", "root|read", "root2|read", "site|read"});
}

TEST_CASE("Only the last run can be resumed, and only where it did not end") {
  Fixture f;
  const RunRequest request("tenant", RunMode::kAuto);
  CHECK(f.store->ResumeRun(request, "last").error().code == ErrorCode::kUsage);
  f.Begin(RunMode::kFull);
  const std::string first = f.run.id;
  Must(f.store->FinishRun("interrupted", ""));
  CHECK(f.store->ResumeRun(RunRequest("other", RunMode::kAuto), first).error().code ==
        ErrorCode::kUsage);
  CHECK(f.store->ResumeRun(request, "no such run").error().code == ErrorCode::kUsage);
  f.Begin(RunMode::kFull);
  f.Finish();
  CHECK(f.store->ResumeRun(request, first).error().code == ErrorCode::kUsage);
  CHECK(f.store->ResumeRun(request, "last").error().code == ErrorCode::kUsage);
  f.Begin(RunMode::kFull);
  Must(f.store->Commit());
  CHECK(OpenStore(f.path)->ResumeRun(request, "last").error().code == ErrorCode::kBusy);
}
