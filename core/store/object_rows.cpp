#include <fmt/format.h>

#include "core/store/sqlite_store.h"

namespace spa {
namespace {

constexpr char kCurrent[] = "SELECT parent, name, url FROM object WHERE oid = ? AND to_run IS NULL";
constexpr char kInsertContainer[] =
    "INSERT INTO object(oid, from_run, type, container, parent, name, url, scope, method) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
// Two steps that give this run a version of its own, equal to the one it replaces.
constexpr char kForkClose[] =
    "UPDATE object SET to_run = ?2 WHERE oid = ?1 AND to_run IS NULL AND from_run < ?2";
constexpr char kForkCopy[] =
    "INSERT INTO object SELECT oid, ?2, NULL, type, container, parent, name, url, url_segment, "
    "size, modified, list_item_id, scope, method FROM object WHERE oid = ?1 AND to_run = ?2";

std::string WithoutSlash(const std::string& url) {
  return url.ends_with('/') ? url.substr(0, url.size() - 1) : url;
}

std::optional<std::string> OrNull(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

}  // namespace

void SqliteStore::Fork(Oid oid) {
  if (db_->Get(kForkClose).Bind(oid, run_).Run() > 0) db_->Get(kForkCopy).Bind(oid, run_).Run();
}

Oid SqliteStore::EntityOf(Oid container, std::string_view graph_id) {
  auto& find = db_->Get("SELECT oid FROM entity WHERE container = ? AND graph_id = ?");
  if (find.Bind(container, graph_id).Step()) {
    const Oid oid = find.Int(0);
    find.Reset();
    return oid;
  }
  find.Reset();
  db_->Get("INSERT INTO entity(container, graph_id) VALUES (?, ?)").Bind(container, graph_id).Run();
  return db_->LastInsertId();
}

void SqliteStore::PutContainer(const Container& container) {
  auto& current = db_->Get(kCurrent);
  if (current.Bind(container.oid).Step()) {
    const bool same = current.Int(0) == container.parent && current.Text(1) == container.name &&
                      current.Text(2) == container.url;
    current.Reset();
    if (same) return;
    Fork(container.oid);
    db_->Get("UPDATE object SET parent = ?, name = ?, url = ? WHERE oid = ? AND to_run IS NULL")
        .Bind(container.parent, container.name, container.url, container.oid)
        .Run();
    return;
  }
  current.Reset();
  // A site's container is the tenant, 0, also where its parent is another site.
  const Oid holder = container.type == ObjectType::kSite ? 0 : container.parent;
  db_->Get(kInsertContainer)
      .Bind(container.oid, run_, static_cast<int>(container.type), holder, container.parent,
            container.name, container.url, container.oid, nullptr)
      .Run();
}

Result<Oid> SqliteStore::PutSite(const Site& site) {
  if (auto begun = StartWrite(); !begun) return Fail(begun.error());
  Container row;
  row.type = ObjectType::kSite;
  row.oid = EntityOf(0, site.id);
  if (!site.parent_id.empty() && site.parent_id != site.id) {
    auto& find = db_->Get("SELECT oid FROM entity WHERE container = 0 AND graph_id = ?");
    if (find.Bind(site.parent_id).Step()) row.parent = find.Int(0);
    find.Reset();
  }
  const std::string url = WithoutSlash(site.web_url);
  row.name = site.name;
  row.url = url;
  PutContainer(row);
  db_->Get(
         "INSERT INTO container(oid, seen_run, personal) VALUES (?1, ?2, ?3) "
         "ON CONFLICT(oid) DO UPDATE SET seen_run = ?2, personal = ?3")
      .Bind(row.oid, run_, site.is_personal)
      .Run();
  if (auto put = EndWrite(fmt::format("storing the site {}", url)); !put) return Fail(put.error());
  return row.oid;
}

Result<std::string> SqliteStore::SiteAt(const std::string& url) {
  std::string id;
  auto& find = db_->Get(
      "SELECT e.graph_id FROM container c CROSS JOIN object o ON o.oid = c.oid JOIN entity e ON "
      "e.oid = o.oid WHERE o.to_run IS NULL AND o.type = 0 AND o.url = ? AND e.graph_id <> o.url");
  if (find.Bind(url).Step()) id = find.String(0);
  find.Reset();
  if (auto read = EndWrite(fmt::format("looking for the site {}", url)); !read) {
    return Fail(read.error());
  }
  return id;
}

Result<Oid> SqliteStore::PutDrive(Oid site, const Drive& drive) {
  if (auto begun = StartWrite(); !begun) return Fail(begun.error());
  Container row;
  row.type = ObjectType::kLibrary;
  row.oid = EntityOf(site, drive.id);
  row.parent = site;
  const std::string url = WithoutSlash(drive.web_url);
  row.name = drive.name;
  row.url = url;
  PutContainer(row);
  db_->Get(
         "INSERT INTO container(oid, seen_run, system, drive_type, list_id) "
         "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT(oid) DO UPDATE SET seen_run = ?2, system = ?3, "
         "drive_type = ?4, list_id = coalesce(?5, list_id)")
      .Bind(row.oid, run_, drive.system, OrNull(drive.type), OrNull(drive.list_id))
      .Run();
  if (auto put = EndWrite(fmt::format("storing the library {}", url)); !put) {
    return Fail(put.error());
  }
  return row.oid;
}

Result<Oid> SqliteStore::PutList(Oid site, const List& list) {
  if (auto begun = StartWrite(); !begun) return Fail(begun.error());
  Container row;
  row.type = ObjectType::kList;
  row.oid = EntityOf(site, list.id);
  row.parent = site;
  const std::string url = WithoutSlash(list.web_url);
  row.name = list.name;
  row.url = url;
  PutContainer(row);
  db_->Get(
         "INSERT INTO container(oid, seen_run, hidden, system, template, list_id) "
         "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(oid) DO UPDATE SET seen_run = ?2, "
         "hidden = ?3, system = ?4, template = ?5")
      .Bind(row.oid, run_, list.hidden, list.system, OrNull(list.template_name), list.id)
      .Run();
  if (auto put = EndWrite(fmt::format("storing the list {}", url)); !put) return Fail(put.error());
  return row.oid;
}

Status SqliteStore::PutListed(Oid site) {
  if (auto begun = StartWrite(); !begun) return begun;
  db_->Get("UPDATE container SET listed_run = ?2 WHERE oid = ?1").Bind(site, run_).Run();
  return EndWrite("storing that a site was listed");
}

void SqliteStore::SetScope(Oid oid, Oid scope) {
  auto& differs = db_->Get("SELECT 1 FROM object WHERE oid = ? AND to_run IS NULL AND scope <> ?");
  const bool change = differs.Bind(oid, scope).Step();
  differs.Reset();
  if (!change) return;
  Fork(oid);
  db_->Get("UPDATE object SET scope = ? WHERE oid = ? AND to_run IS NULL").Bind(scope, oid).Run();
}

// What this very run began is taken back; what an earlier run saw keeps its interval.
void SqliteStore::CloseScope(Oid oid) {
  db_->Get("DELETE FROM scope WHERE oid = ? AND from_run = ? AND to_run IS NULL")
      .Bind(oid, run_)
      .Run();
  db_->Get("UPDATE scope SET to_run = ?2 WHERE oid = ?1 AND to_run IS NULL").Bind(oid, run_).Run();
}

void SqliteStore::CloseSiteScope(Oid oid) {
  db_->Get("DELETE FROM site_scope WHERE oid = ? AND from_run = ? AND to_run IS NULL")
      .Bind(oid, run_)
      .Run();
  db_->Get("UPDATE site_scope SET to_run = ?2 WHERE oid = ?1 AND to_run IS NULL")
      .Bind(oid, run_)
      .Run();
}

void SqliteStore::CloseObject(Oid oid) {
  CloseScope(oid);
  db_->Get("DELETE FROM object WHERE oid = ? AND from_run = ? AND to_run IS NULL")
      .Bind(oid, run_)
      .Run();
  db_->Get("UPDATE object SET to_run = ?2 WHERE oid = ?1 AND to_run IS NULL").Bind(oid, run_).Run();
}

// A container that this run did not see is gone where its site was listed whole; of sites without
// parent, where no site is missing (a gap about a URL without object). Else the old rows stay, to
// be shown as stale.
void SqliteStore::CloseUnseenContainers() {
  std::vector<Oid> gone;
  {
    auto& rows = db_->Get(R"sql(
      WITH RECURSIVE unseen(oid, parent) AS MATERIALIZED (
        SELECT o.oid, o.parent FROM container c CROSS JOIN object o ON o.oid = c.oid
        WHERE o.to_run IS NULL AND c.seen_run < ?1),
      gone(oid) AS (
        SELECT u.oid FROM unseen u
        WHERE CASE WHEN u.parent <> 0
                   THEN EXISTS (SELECT 1 FROM container p
                                WHERE p.oid = u.parent AND p.listed_run = ?1)
                   ELSE NOT EXISTS (SELECT 1 FROM gap WHERE run = ?1 AND oid IS NULL
                                    AND url LIKE 'http%') END
        UNION
        SELECT u.oid FROM gone JOIN unseen u ON u.parent = gone.oid)
      SELECT oid FROM gone)sql");
    rows.Bind(run_);
    while (rows.Step()) gone.push_back(rows.Int(0));
    rows.Reset();
  }
  for (const Oid oid : gone) {
    // Everything in a library or list; a site's own rows are containers and listed themselves.
    db_->Get(
           "UPDATE scope SET to_run = ?2 WHERE to_run IS NULL AND oid IN "
           "(SELECT oid FROM entity WHERE container = ?1)")
        .Bind(oid, run_)
        .Run();
    db_->Get(
           "UPDATE object SET to_run = ?2 WHERE to_run IS NULL AND oid IN "
           "(SELECT oid FROM entity WHERE container = ?1)")
        .Bind(oid, run_)
        .Run();
    CloseSiteScope(oid);
    CloseObject(oid);
  }
}

// Inheriting is scope <> oid; the owner is the nearest container above that does not inherit.
void SqliteStore::ResolveContainerScopes() {
  std::vector<std::pair<Oid, Oid>> owners;
  {
    auto& rows = db_->Get(R"sql(
      WITH RECURSIVE up(oid, at, depth) AS (
        SELECT o.oid, o.parent, 1 FROM container c CROSS JOIN object o ON o.oid = c.oid
        WHERE o.to_run IS NULL AND o.scope <> o.oid
        UNION ALL
        SELECT up.oid, p.parent, up.depth + 1 FROM up
        JOIN object p ON p.oid = up.at AND p.to_run IS NULL AND p.scope <> p.oid
        WHERE p.parent <> 0 AND up.depth < 100)
      SELECT oid, at, max(depth) FROM up GROUP BY oid)sql");
    rows.Bind();
    while (rows.Step()) owners.emplace_back(rows.Int(0), rows.Int(1));
    rows.Reset();
  }
  for (const auto& [oid, owner] : owners) SetScope(oid, owner);
}

}  // namespace spa
