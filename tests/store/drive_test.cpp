// From delta pages to objects: linking, scope owners, versions.

#include <fmt/format.h>

#include <map>

#include "tests/store/store_testing.h"

using namespace spa;
using namespace spa::testing;
using Strings = std::vector<std::string>;

namespace {

constexpr auto kShared = SharedFacet::kShared;

// A database with one site, one library and a run under way. What is staged lies in memory, in the
// tables, or begins in memory and grows out of it: all come to the same.
struct Fixture {
  std::size_t held = GENERATE(100'000u, 0u, 3u);
  TempDir dir;
  std::string path = dir.File("audit.db");
  std::unique_ptr<AuditStore> store = OpenStore(path, held);
  RunNo run = 0;
  Oid site = 0, library = 0;

  Fixture() { Begin(); }

  void Begin() {
    run = Must(store->BeginRun({"tenant", RunMode::kFull})).number;
    site = Must(store->PutSite(MakeSite("site", "https://t/sites/s")));
    const Grant grants[] = {UserGrant("site-grant")};
    Must(store->PutScope(site, grants));
    library = Must(store->PutDrive(site, MakeDrive("drive", "https://t/sites/s/Docs")));
  }
  void Finish() { Must(store->FinishRun("complete", "")); }

  Strings Query(const std::string& sql) { return Rows(path, sql); }
  Strings Urls() {
    return Query(
        "SELECT object_url FROM v_objects WHERE object_type IN "
        "('file', 'folder') ORDER BY object_id");
  }
  // "item>owner" for each item.
  Strings Scopes() {
    return Query(
        "SELECT object_id || '>' || scope_object_id FROM v_objects "
        "WHERE object_type IN ('file', 'folder') ORDER BY object_id");
  }
};

}  // namespace

TEST_CASE("Children that come before their parents are linked by id") {
  Fixture f;
  FillDrive(*f.store, f.library,
            {File("c", "b", "plan #1.txt"), Folder("b", "a", "Sub & Co"),
             Folder("a", "root", "Q1 – report", kShared), Root("root")});
  f.Finish();

  CHECK(f.Urls() == Strings{"https://t/sites/s/Docs/Q1%20%E2%80%93%20report",
                            "https://t/sites/s/Docs/Q1%20%E2%80%93%20report/Sub%20%26%20Co",
                            "https://t/sites/s/Docs/Q1%20%E2%80%93%20report/Sub%20%26%20Co/"
                            "plan%20%231.txt"});
  CHECK(f.Scopes() == Strings{"a>a", "b>a", "c>a"});
  CHECK(f.Query("SELECT parent_id FROM v_objects WHERE object_id IN ('a', 'b', 'c') "
                "ORDER BY object_id") == Strings{"root", "a", "b"});
  CHECK(f.Query("SELECT object_id FROM v_objects WHERE object_type = 'library'") ==
        Strings{"root"});
}

TEST_CASE("Of an item that comes again the last wins, also when it is gone or back") {
  Fixture f;
  FillDrive(*f.store, f.library,
            {Root("root"), File("a", "root", "old"), File("b", "root", "b"), Deleted("c"),
             File("d", "root", "d"), Deleted("b"), File("a", "root", "new", kShared),
             File("c", "root", "back"), Folder("e", "root", "e"), Deleted("e"), Root("root")});
  f.Finish();

  CHECK(f.Urls() == Strings{"https://t/sites/s/Docs/new", "https://t/sites/s/Docs/back",
                            "https://t/sites/s/Docs/d"});
  CHECK(f.Scopes() == Strings{"a>a", "c>root", "d>root"});
}

TEST_CASE("An item whose parent never came stands under the library, owns its scope and is a gap") {
  Fixture f;
  Must(f.store->StageItems(
      f.library, std::vector{Root("root"), Folder("lost", "nowhere", "lost"),
                             File("below", "lost", "below"), File("alone", "nothing", "alone")}));
  CHECK(Must(f.store->StageEvidence(f.library)).orphans == 2);
  FillDrive(*f.store, f.library, {});
  const auto gaps = Must(f.store->Gaps(f.run));
  f.Finish();

  REQUIRE(gaps.size() == 2);
  CHECK(gaps[0].url == "https://t/sites/s/Docs/alone");
  CHECK(gaps[1].url == "https://t/sites/s/Docs/lost");
  CHECK(f.Scopes() == Strings{"alone>alone", "below>lost", "lost>lost"});
  CHECK(f.Query("SELECT state FROM v_coverage WHERE object_id = 'lost'") == Strings{"failed"});
  CHECK(f.Query("SELECT parent_id FROM v_objects WHERE object_id = 'lost'") == Strings{"root"});
}

TEST_CASE("Folders that are each other's parents are cut loose and told") {
  Fixture f;
  FillDrive(*f.store, f.library,
            {Root("root"), Folder("a", "b", "a"), Folder("b", "a", "b"),
             Folder("self", "self", "self"), File("x", "a", "x")});
  CHECK(Must(f.store->Gaps(f.run)).size() == 3);
  f.Finish();

  CHECK(f.Scopes() == Strings{"a>a", "b>b", "self>self", "x>a"});
  CHECK(f.Query("SELECT parent_id FROM v_objects WHERE object_id = 'a'") == Strings{"root"});
}

TEST_CASE("Three runs keep what each of them saw") {
  Fixture f;
  const std::vector<DriveItem> first = {
      Root("root"),        Folder("a", "root", "A"),     Folder("b", "root", "B"),
      File("x", "a", "x"), File("y", "a", "y", kShared), File("z", "b", "z")};
  FillDrive(*f.store, f.library, first);
  f.Finish();

  f.Begin();  // Rename a, move x, delete z; y stops being shared.
  FillDrive(*f.store, f.library,
            {Root("root"), Folder("a", "root", "A2"), Folder("b", "root", "B"), File("x", "b", "x"),
             File("y", "a", "y")});
  f.Finish();
  CHECK(f.Urls() == Strings{"https://t/sites/s/Docs/A2", "https://t/sites/s/Docs/B",
                            "https://t/sites/s/Docs/B/x", "https://t/sites/s/Docs/A2/y"});

  f.Begin();  // y is shared again, z is back; the rest is as it was.
  FillDrive(*f.store, f.library,
            {Root("root"), Folder("a", "root", "A2"), Folder("b", "root", "B"), File("x", "b", "x"),
             File("y", "a", "y", kShared), File("z", "b", "z")});
  f.Finish();

  const auto versions = [&](const std::string& id) {
    return f.Query(
        "SELECT o.from_run || '-' || coalesce(o.to_run, '') FROM object o JOIN entity e "
        "ON e.oid = o.oid WHERE e.graph_id = '" +
        id + "' ORDER BY o.from_run");
  };
  CHECK(versions("a") == Strings{"1-2", "2-"});
  CHECK(versions("b") == Strings{"1-"});
  CHECK(versions("x") == Strings{"1-2", "2-"});
  CHECK(versions("y") == Strings{"1-2", "2-3", "3-"});
  CHECK(versions("z") == Strings{"1-2", "3-"});
  CHECK(f.Query("SELECT from_run || '-' || coalesce(to_run, '') FROM scope s JOIN entity e ON "
                "e.oid = s.oid WHERE e.graph_id = 'y' ORDER BY 1") == Strings{"1-2", "3-"});
  CHECK(f.Query("SELECT count(*) FROM entity WHERE graph_id = 'z'") == Strings{"1"});
  CHECK(Must(f.store->Counts(1)).files == 3);
  CHECK(Must(f.store->Counts(2)).files == 2);
  CHECK(Must(f.store->Counts(3)).files == 3);
}

TEST_CASE("A drive that is finished twice in one run stands as the second time") {
  Fixture f;
  FillDrive(*f.store, f.library, {Root("root"), File("a", "root", "a"), File("b", "root", "b")});
  FillDrive(*f.store, f.library, {Root("root"), File("a", "root", "new"), File("c", "root", "c")});
  f.Finish();

  CHECK(f.Urls() == Strings{"https://t/sites/s/Docs/new", "https://t/sites/s/Docs/c"});
  CHECK(f.Query("SELECT count(*) FROM object WHERE to_run IS NOT NULL") == Strings{"0"});
}

TEST_CASE("A drive that failed keeps its old rows, shown as stale") {
  Fixture f;
  FillDrive(*f.store, f.library, {Root("root"), File("a", "root", "a", kShared)});
  f.Finish();
  f.Begin();
  Must(f.store->StageItems(f.library, std::vector{Root("root"), File("b", "root", "b")}));
  Must(f.store->DiscardStage(f.library));
  f.Finish();

  CHECK(f.Urls() == Strings{"https://t/sites/s/Docs/a"});
  CHECK(f.Query("SELECT state FROM v_coverage WHERE object_id = 'a'") == Strings{"stale"});
  CHECK(Must(f.store->Counts(f.run)).failed == 2);  // The file and its library.
  CHECK(Must(f.store->MethodCounts(f.run)).empty());
}

TEST_CASE("With hierarchical sharing the key owns the scope, empty or not") {
  Fixture f;
  FillDrive(*f.store, f.library,
            {Root("root"), Folder("a", "root", "a", SharedFacet::kEmpty), File("b", "a", "b"),
             File("c", "a", "c", kShared), File("d", "root", "d")});
  const auto methods = Must(f.store->MethodCounts(f.run));
  f.Finish();

  CHECK(f.Scopes() == Strings{"a>a", "b>a", "c>c", "d>root"});
  CHECK(methods == std::vector<std::pair<std::string, std::int64_t>>{{"delta_hierarchy", 1}});
}

TEST_CASE("SharePoint's flags replace the facet, and an item it did not list is read for itself") {
  Fixture f;
  auto a = Folder("a", "root", "a", kShared), b = File("b", "a", "b"), c = File("c", "a", "c"),
       d = File("d", "a", "d");
  a.list_item_id = 1;
  b.list_item_id = 2;
  c.list_item_id = 3;
  Must(f.store->StageItems(f.library, std::vector{Root("root"), a, b, c, d}));
  Must(f.store->StageInheriting(f.library, std::vector<std::int64_t>{1}));
  Must(f.store->StageInheriting(f.library, std::vector<std::int64_t>{3}));
  FillDrive(*f.store, f.library, {}, ScopeMethod::kRestUniqueFlags);
  f.Finish();

  CHECK(f.Scopes() == Strings{"a>root", "b>b", "c>root", "d>d"});
}

namespace {

// Reads every item of a finished drive; `sets` names the grants of those that differ from "same".
void PutItemSets(Fixture& f, const std::vector<DriveItem>& items,
                 const std::map<std::string, std::vector<Grant>>& sets) {
  Must(f.store->StageItems(f.library, items));
  Must(f.store->FinishDrive(f.library, ScopeMethod::kItemPermissions, false, DeltaLink()));
  Oid after = 0;
  std::size_t seen = 0;
  while (true) {  // Small pages, as a caller would.
    const auto targets = Must(f.store->ScopeTargets(f.library, after, 2));
    if (targets.empty()) break;
    for (const auto& target : targets) {
      ++seen;
      after = target.oid;
      const auto set = sets.find(target.item_id);
      Must(f.store->PutScope(target.oid,
                             set == sets.end() ? std::vector{UserGrant("same")} : set->second));
    }
  }
  CHECK(seen == items.size());
  Must(f.store->ResolveItemScopes(f.library));
}

}  // namespace

TEST_CASE("Compared item by item, an equal set inherits and a different one owns, in every run") {
  Fixture f;
  const std::vector<DriveItem> items = {
      Root("root"),           Folder("a", "root", "a"), File("b", "a", "b"), File("c", "a", "c"),
      File("d", "root", "d"), Folder("e", "a", "e"),    File("f", "e", "f")};
  const std::map<std::string, std::vector<Grant>> sets = {{"a", {UserGrant("other")}},
                                                          {"b", {UserGrant("other")}},
                                                          {"e", {UserGrant("other")}},
                                                          {"f", {UserGrant("third")}}};
  const Strings expected = {"a>a", "b>a", "c>c", "d>root", "e>a", "f>f"};
  PutItemSets(f, items, sets);
  f.Finish();
  CHECK(f.Scopes() == expected);
  CHECK(f.Query("SELECT count(*) FROM scope") == Strings{"5"});  // site, library, a, c, f

  f.Begin();
  PutItemSets(f, items, sets);
  f.Finish();

  CHECK(f.Scopes() == expected);
  CHECK(f.Query("SELECT count(*) FROM object WHERE from_run = 2 OR to_run = 2") == Strings{"0"});
  CHECK(f.Query("SELECT count(*) FROM scope") == Strings{"5"});
}

TEST_CASE("Where the service marks inherited entries, an equal set without a mark owns") {
  Fixture f;
  Grant marked = UserGrant("same");
  marked.inherited = true;
  PutItemSets(f, {Root("root"), File("a", "root", "a"), File("b", "root", "b")}, {{"a", {marked}}});
  f.Finish();

  CHECK(f.Scopes() == Strings{"a>root", "b>b"});
}

TEST_CASE("An item that could not be read stands for itself, and so does what lies below it") {
  Fixture f;
  Must(f.store->StageItems(
      f.library, std::vector{Root("root"), Folder("a", "root", "a"), File("b", "a", "b")}));
  Must(f.store->FinishDrive(f.library, ScopeMethod::kItemPermissions, false, DeltaLink()));
  for (const auto& target : Must(f.store->ScopeTargets(f.library, 0, 10))) {
    if (target.item_id == "a") continue;
    Must(f.store->PutScope(target.oid, std::vector{UserGrant("same")}));
  }
  Must(f.store->ResolveItemScopes(f.library));
  f.Finish();

  CHECK(f.Scopes() == Strings{"a>a", "b>b"});
}

TEST_CASE(
    "Below an inheriting library of an inheriting subweb the owning web's permissions apply") {
  Fixture f;
  // The order REST may tell it in: the lower web first.
  const Oid sub = Must(f.store->PutSite(MakeSite("sub", "https://t/sites/s/sub", "site")));
  const Oid deep = Must(f.store->PutSite(MakeSite("deep", "https://t/sites/s/sub/deep", "sub")));
  Must(f.store->PutInherits(deep));
  const Oid library = Must(f.store->PutDrive(deep, MakeDrive("deepdrive", "https://t/deep/Docs")));
  FillDrive(*f.store, library, {Root("root2"), Folder("a2", "root2", "a"), File("b2", "a2", "b")},
            ScopeMethod::kDeltaHierarchy, true);
  Must(f.store->PutInherits(sub));
  FillDrive(*f.store, f.library, {Root("root")});
  const StoreCounts counts = Must(f.store->Counts(f.run));
  f.Finish();

  CHECK(f.Scopes() == Strings{"a2>site", "b2>site"});
  CHECK(f.Query(
            "SELECT scope_object_id FROM v_objects WHERE object_id IN ('root2', 'sub', 'deep')") ==
        Strings{"site", "site", "site"});
  CHECK(counts.read == 2);       // site and its library
  CHECK(counts.inherited == 5);  // two webs, a library, a folder, a file
  CHECK(Must(f.store->Counts(f.run)).inherited == 5);

  f.Begin();  // The web below breaks its inheritance: its objects follow without a new version.
  const Oid sub2 = Must(f.store->PutSite(MakeSite("sub", "https://t/sites/s/sub", "site")));
  Must(f.store->PutScope(sub2, std::vector{UserGrant("sub-grant")}));
  Must(f.store->PutSite(MakeSite("deep", "https://t/sites/s/sub/deep", "sub")));
  Must(f.store->PutInherits(deep));
  Must(f.store->PutDrive(deep, MakeDrive("deepdrive", "https://t/deep/Docs")));
  FillDrive(*f.store, library, {Root("root2"), Folder("a2", "root2", "a"), File("b2", "a2", "b")},
            ScopeMethod::kDeltaHierarchy, true);
  f.Finish();

  CHECK(f.Scopes() == Strings{"a2>sub", "b2>sub"});
  CHECK(f.Query("SELECT count(*) FROM object WHERE type IN (2, 3) AND from_run = 2") ==
        Strings{"0"});
}

TEST_CASE("The evidence says what a drive's delta looked like") {
  Fixture f;
  Must(f.store->StageItems(
      f.library, std::vector{Root("root", SharedFacet::kAbsent), Folder("a", "root", "a", kShared),
                             File("b", "a", "b", kShared), File("c", "root", "c")}));
  auto evidence = Must(f.store->StageEvidence(f.library));
  CHECK(evidence.items == 4);
  CHECK(evidence.root_seen);
  CHECK(evidence.root_shared == SharedFacet::kAbsent);
  CHECK_FALSE(evidence.any_empty_facet);
  CHECK_FALSE(evidence.bare_below_shared);
  CHECK(evidence.with_facet == 2);

  // Another page may come after the question was put.
  Must(f.store->StageItems(f.library, std::vector{Root("root"), File("d", "a", "d")}));
  evidence = Must(f.store->StageEvidence(f.library));

  CHECK(evidence.items == 5);
  CHECK(evidence.root_shared == SharedFacet::kEmpty);
  CHECK(evidence.bare_below_shared);
}

TEST_CASE("Items with a sharing link that the stage says inherit are contradictions") {
  Fixture f;
  auto a = File("a", "root", "a", kShared), b = File("b", "root", "b"), c = File("c", "root", "c");
  a.unique_id = "aaaa";
  b.unique_id = "bbbb";
  c.unique_id = "cccc";
  Must(f.store->StageItems(f.library, std::vector{Root("root"), a, b, c}));

  CHECK(Must(f.store->StageContradictions(f.library, Strings{"aaaa", "BBBB", "elsewhere"})) == 1);
  CHECK(Must(f.store->StageContradictions(f.library, Strings{"aaaa"})) == 0);
}

TEST_CASE("Drives that are staged side by side do not mix") {
  Fixture f;
  const Oid other = Must(f.store->PutDrive(f.site, MakeDrive("other", "https://t/sites/s/Other")));
  Must(f.store->StageItems(f.library, std::vector{Root("root"), File("a", "root", "a")}));
  Must(f.store->StageItems(other, std::vector{Root("root"), File("b", "root", "b")}));
  FillDrive(*f.store, f.library, {});
  Must(f.store->StageItems(other, std::vector{File("c", "root", "c")}));
  FillDrive(*f.store, other, {});
  f.Finish();

  CHECK(f.Urls() == Strings{"https://t/sites/s/Docs/a", "https://t/sites/s/Other/b",
                            "https://t/sites/s/Other/c"});
}

TEST_CASE("What a finished listing no longer names is gone, below a failed one it is stale") {
  Fixture f;
  FillDrive(*f.store, f.library, {Root("root"), File("a", "root", "a")});
  f.Finish();

  f.run = Must(f.store->BeginRun({"tenant", RunMode::kFull})).number;
  f.site = Must(f.store->PutSite(MakeSite("site", "https://t/sites/s")));
  Must(f.store->PutScope(f.site, std::vector{UserGrant("site-grant")}));
  Gap gap;
  gap.oid = f.site;
  gap.url = "https://t/sites/s";
  gap.state = CoverageState::kDenied;
  gap.reason = "libraries could not be listed";
  Must(f.store->PutGap(gap));
  Must(f.store->FinishRun("partial", ""));
  CHECK(Rows(f.path, "SELECT object_type, state FROM v_coverage ORDER BY 1") ==
        Strings{"file|stale", "library|stale", "site|denied"});

  Must(f.store->BeginRun({"tenant", RunMode::kFull}));
  Must(f.store->PutSite(MakeSite("site", "https://t/sites/s")));
  Must(f.store->PutListed(f.site));
  Must(f.store->PutScope(f.site, std::vector{UserGrant("site-grant")}));
  Must(f.store->FinishRun("complete", ""));

  CHECK(Rows(f.path, "SELECT object_type, state FROM v_coverage") == Strings{"site|read"});
  CHECK(Must(f.store->Counts(1)).discovered == 3);
}

TEST_CASE("A drive of 200,000 items is finished within the same memory as a small one") {
  Fixture f;
  std::vector<DriveItem> page = {Root("root")};
  constexpr int kItems = 200'000;
  sqlite3_memory_highwater(1);
  for (int i = 1; i < kItems; ++i) {
    const auto id = [](unsigned n) { return fmt::format("{:08x}-{}", n * 2654435761u, n); };
    const auto parent = i < 20 ? "root" : id(static_cast<unsigned>(i / 200 * 10));
    page.push_back(i % 10 == 0 ? Folder(id(static_cast<unsigned>(i)), parent, fmt::format("f{}", i))
                               : File(id(static_cast<unsigned>(i)), parent, fmt::format("n{}", i),
                                      i % 50 == 1 ? kShared : SharedFacet::kAbsent));
    if (page.size() == 200) {
      Must(f.store->StageItems(f.library, page));
      page.clear();
    }
  }
  FillDrive(*f.store, f.library, page);
  const auto peak = sqlite3_memory_highwater(0);
  const auto counts = Must(f.store->Counts(f.run));
  f.Finish();

  CHECK(counts.discovered == kItems + 1);  // The root is the library; and the site.
  CHECK(peak < 64'000'000);
}

TEST_CASE("A site that is gone takes its subsites and all their objects along") {
  Fixture f;
  const Oid sub = Must(f.store->PutSite(MakeSite("sub", "https://t/sites/s/sub", "site")));
  const Oid library = Must(f.store->PutDrive(sub, MakeDrive("d2", "https://t/sites/s/sub/Docs")));
  FillDrive(*f.store, library, {Root("root2"), File("a", "root2", "a", kShared)});
  f.Finish();
  Must(f.store->BeginRun({"tenant", RunMode::kFull}));
  Must(f.store->PutSite(MakeSite("other", "https://t/sites/other")));
  Must(f.store->FinishRun("complete", ""));

  CHECK(f.Query("SELECT object_id FROM v_objects") == Strings{"other"});
  CHECK(f.Query("SELECT count(*) FROM scope WHERE to_run IS NULL") == Strings{"0"});
  CHECK(Must(f.store->Counts(1)).discovered == 5);
}
