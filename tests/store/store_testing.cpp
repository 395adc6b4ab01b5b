#include "tests/store/store_testing.h"

#include <unistd.h>

#include <cstdlib>

namespace spa::testing {

TempDir::TempDir() {
  std::string name = (std::filesystem::temp_directory_path() / "spa-store-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

std::unique_ptr<AuditStore> OpenStore(const std::string& path, std::size_t held_items) {
  return Must(AuditStore::Open(path, AuditStore::Mode::kReadWrite, held_items));
}

Site MakeSite(const std::string& id, const std::string& url, const std::string& parent) {
  Site site;
  site.id = id;
  site.web_url = url;
  site.name = id;
  site.parent_id = parent;
  return site;
}

Drive MakeDrive(const std::string& id, const std::string& url) {
  Drive drive;
  drive.id = id;
  drive.web_url = url;
  drive.name = id;
  drive.type = "documentLibrary";
  return drive;
}

DriveItem Root(const std::string& id, SharedFacet shared) {
  DriveItem item;
  item.id = id;
  item.name = "root";
  item.kind = DriveItem::Kind::kFolder;
  item.is_root = true;
  item.shared = shared;
  return item;
}

DriveItem Folder(const std::string& id, const std::string& parent, const std::string& name,
                 SharedFacet shared) {
  DriveItem item = File(id, parent, name, shared);
  item.kind = DriveItem::Kind::kFolder;
  return item;
}

DriveItem File(const std::string& id, const std::string& parent, const std::string& name,
               SharedFacet shared) {
  DriveItem item;
  item.id = id;
  item.parent_id = parent;
  item.name = name;
  item.kind = DriveItem::Kind::kFile;
  item.shared = shared;
  item.size = 10;
  return item;
}

DriveItem Deleted(const std::string& id) {
  DriveItem item;
  item.id = id;
  item.deleted = true;
  return item;
}

Grant UserGrant(const std::string& id, Role role) {
  Grant grant;
  grant.grant_id = id;
  grant.principal_type = PrincipalType::kUser;
  grant.principal_id = "user-" + id;
  grant.role = role;
  grant.source = "graph";
  return grant;
}

GroupRef Group(const std::string& id) {
  GroupRef group;
  group.id = id;
  return group;
}

Grant GroupGrant(const std::string& id, Role role) {
  Grant grant;
  grant.grant_id = "grant-" + id;
  grant.principal_type = PrincipalType::kGroup;
  grant.principal_id = grant.principal_name = id;
  grant.principal_login = "c:0t.c|tenant|" + id;
  grant.role = role;
  grant.source = "rest";
  return grant;
}

Grant LinkGrant(const std::string& id, const std::string& scope, std::vector<std::string> people) {
  Grant grant;
  grant.grant_id = id;
  grant.principal_type = PrincipalType::kLink;
  grant.principal_id = id;
  grant.role = Role::kRead;
  grant.link_scope = scope;
  grant.link_type = "view";
  grant.link_people = std::move(people);
  grant.source = "graph";
  return grant;
}

void FillDrive(AuditStore& store, Oid library, const std::vector<DriveItem>& items,
               ScopeMethod method, bool library_inherits) {
  Must(store.StageItems(library, items));
  Must(store.FinishDrive(library, method, library_inherits, DeltaLink("delta-link", "shape")));
  for (const ScopeTarget& target : Must(store.ScopeTargets(library, 0, 1000))) {
    const Grant grants[] = {UserGrant("g-" + target.item_id)};
    Must(store.PutScope(target.oid, grants));
  }
}

std::vector<std::string> Rows(const std::string& path, const std::string& sql) {
  auto db = Must(sqlite::Database::Open(path, sqlite::Database::Mode::kReadOnly));
  sqlite::Statement rows(*db, sql.c_str());
  const int columns = db->ok() ? sqlite3_column_count(rows.raw()) : 0;
  std::vector<std::string> found;
  while (rows.Step()) {
    std::string row;
    for (int i = 0; i < columns; ++i) row += (i == 0 ? "" : "|") + rows.String(i);
    found.push_back(std::move(row));
  }
  Must(db->Check("a test's query"));
  return found;
}

void Execute(const std::string& path, const std::string& sql) {
  auto db = Must(sqlite::Database::Open(path, sqlite::Database::Mode::kReadWrite));
  db->Exec(sql);
  Must(db->Check("a test's change"));
}

}  // namespace spa::testing
