// However a service tells of changes (docs/simulator.md, wire), an incremental run ends where a
// fresh full one does; and what a service tells nobody, --max-age finds.
#include <sqlite3.h>

#include "tests/system/changes.h"

namespace spa::testing {
namespace {

using nlohmann::json;

Words Set(const Words& variant) {
  Words set = variant;
  set.insert(set.end(), {"seed=11", "personal_sites=2", "unique_rate=0.15"});
  return set;
}

// What the run that has just ended says, and what a fresh full run says into another database.
void CheckLikeFresh(const Tenant& tenant) {
  const std::string ours = Exported(tenant, "audit.db");
  const std::string fresh = tenant.File("fresh.db");
  for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(fresh + end);
  tenant.Summary({"--no-cache", "--full", "--db", fresh});
  // Not CHECK(a == b): nobody wants to read what differs as a whole.
  const bool same = Exported(tenant, "fresh.db") == ours;
  CHECK(same);
}

void CheckVariants(const std::vector<Words>& variants) {
  for (const Words& variant : variants) {
    INFO(json(variant).dump());
    Tenant tenant("small", kCertificate, Set(variant));
    tenant.Summary({"--no-cache"});
    const json done = Change(tenant, {{"seed", 5}, {"count", 100}, {"kinds", Kinds()}});
    INFO(done.dump());

    const json summary = tenant.Summary({"--no-cache"});

    CHECK(summary["mode"] == "incremental");
    CheckLikeFresh(tenant);
  }
}

// The last run began, and read what it read, an hour earlier.
void AgeByAnHour(const Tenant& tenant) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(tenant.File("audit.db").c_str(), &db) == SQLITE_OK);
  const int done = sqlite3_exec(
      db, "UPDATE run SET started_at = strftime('%Y-%m-%dT%H:%M:%SZ', started_at, '-1 hour')",
      nullptr, nullptr, nullptr);
  sqlite3_close(db);
  REQUIRE(done == SQLITE_OK);
}

// Taking access away, which some services keep to themselves.
json Removals() { return {"item.unshare", "item.inherit", "item.inherit"}; }

}  // namespace

TEST_CASE("However pages are cut, an incremental run ends where a fresh one does") {
  CheckVariants({
      {"wire.repeat_ancestors=false"},
      {"wire.duplicate_rate=0.3", "wire.delta_page=20"},
      {"wire.empty_page_rate=0.3", "wire.empty_last_page=true", "wire.delta_page=20"},
      {"wire.sites_page=3", "wire.drives_page=1", "wire.permissions_page=2", "wire.members_page=2",
       "wire.deleted_page=1"},
      {"wire.delta_page=20", "wire.gone_at_page=2", "wire.gone_location=false"},
      {"wire.delta_page=20", "wire.gone_at_page=1",
       "wire.gone_code=resyncChangesUploadDifferences"},
  });
}

TEST_CASE("However changes are told, an incremental run ends where a fresh one does") {
  CheckVariants({
      {"wire.deleted_subtree=folder"},
      {"wire.unshared=flagged"},
      {"wire.link_edits_told=true"},
      {"wire.library_scope_told=true"},
      {"wire.shared_changed=string", "wire.shared_changed_on_folders=true"},
      {"wire.require_prefer_helpers=false", "wire.prefer_change_gone=false"},
  });
}

TEST_CASE("However sharing is marked, an incremental run ends where a fresh one does") {
  CheckVariants({
      {"wire.prefer_mode=ignore", "wire.prefer_change_gone=false"},
      {"wire.prefer_mode=honour-without-empty-facet"},
      {"wire.prefer_ignored_drives=0.5", "wire.prefer_change_gone=false"},
      {"wire.inherited_from=absent"},
      {"wire.inherited_from=full", "wire.deprecated_twins=true"},
      {"wire.empty_roles_rate=0.1"},
      {"wire.rest_refuses_401=true", "wire.gzip=true", "wire.preference_applied=true"},
  });
}

TEST_CASE("Access that is taken away in silence is found within --max-age") {
  const std::string marks = GENERATE("empty", "absent", "full");
  INFO("inherited_from " << marks);
  Tenant tenant("small", kCertificate,
                Set({"wire.unshared=silent", "wire.inherited_from=" + marks}));
  tenant.Summary({"--no-cache"});
  AgeByAnHour(tenant);
  const json done = Change(tenant, {{"seed", 5}, {"count", 40}, {"kinds", Removals()}});
  INFO(done.dump());

  const json blind = tenant.Summary({"--no-cache"});
  CHECK(blind["mode"] == "incremental");
  CHECK(tenant.CompareAll().report.size() > 0);  // Or there was nothing to be found.
  CHECK(blind["oldest_datum_seconds"] >= 3600);  // And it says so.

  const json summary = tenant.Summary({"--no-cache", "--max-age", "30m"});

  CHECK(summary["mode"] == "incremental");
  CHECK(summary["oldest_datum_seconds"] < 1800);
  CheckEqual(tenant.CompareAll());
  CheckLikeFresh(tenant);
}

TEST_CASE("Without SharePoint silent removals are found within --max-age as far as access goes") {
  Tenant tenant("small", kSecret, Set({"wire.unshared=silent", "custom_level_rate=0"}));
  tenant.Summary({"--no-cache"});
  AgeByAnHour(tenant);
  Change(tenant, {{"seed", 5}, {"count", 40}, {"kinds", Removals()}});
  CHECK(tenant.Summary({"--no-cache"})["oldest_datum_seconds"] >= 3600);
  CHECK(tenant.CompareItems().report.size() > 0);

  tenant.Summary({"--no-cache", "--max-age", "30m"});

  CheckEqual(tenant.CompareItems());
}

TEST_CASE("A link's new end, of which nobody tells, is found within --max-age") {
  Tenant tenant("small", kCertificate, Set({}));
  tenant.Summary({"--no-cache"});
  AgeByAnHour(tenant);
  Change(tenant, {{"seed", 1}, {"count", 5}, {"kinds", {"link.expiry"}}});
  CHECK(tenant.Summary({"--no-cache"})["oldest_datum_seconds"] >= 3600);
  CHECK(tenant.CompareAll().different > 0);

  const json summary = tenant.Summary({"--no-cache", "--max-age", "30m"});

  CHECK(summary["mode"] == "incremental");
  CheckEqual(tenant.CompareAll());
  CheckLikeFresh(tenant);
}

TEST_CASE("What is read again but owned still keeps its set") {
  Tenant tenant("small", kCertificate, Set({"wire.inherited_from=absent"}));
  tenant.Summary({"--no-cache"});
  const std::string before = Exported(tenant, "audit.db");

  tenant.Summary({"--no-cache", "--max-age", "0s"});

  const bool same = Exported(tenant, "audit.db") == before;
  CHECK(same);
}

}  // namespace spa::testing
