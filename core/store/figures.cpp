// What a forecast goes by, and the forecasts that were made.
#include <algorithm>
#include <chrono>

#include "core/clock.h"
#include "core/store/sqlite_store.h"

namespace spa {
namespace {

// A site that was left out by choice was asked nothing; one that refused, was.
constexpr char kSites[] = R"sql(
  WITH site AS (
    SELECT o.parent = 0 AS top, o.scope = o.oid AS owns, c.listed_run >= ?1 AS open,
           EXISTS (SELECT 1 FROM gap g WHERE g.run = ?1 AND g.oid = o.oid
                   AND g.state <> 'skipped') AS refused
    FROM container c CROSS JOIN object o ON o.oid = c.oid
    WHERE o.type = 0 AND o.from_run <= ?1 AND (o.to_run IS NULL OR o.to_run > ?1))
  SELECT coalesce(sum(top), 0), coalesce(sum(open OR refused), 0), coalesce(sum(open), 0),
         coalesce(sum(open AND top), 0), coalesce(sum(open AND owns), 0) FROM site)sql";

// Libraries and lists, each with how many items it has and how many of these own a scope.
constexpr char kContainers[] = R"sql(
  SELECT o.type, coalesce(o.method, 0), o.scope = o.oid, c.delta_link IS NULL,
         coalesce(c.finished_run >= ?1, 0), count(i.oid), coalesce(sum(i.scope = i.oid), 0),
         coalesce(sum((SELECT s.read_run = ?1 FROM scope s
                       WHERE s.oid = i.oid AND s.to_run IS NULL)), 0)
  FROM container c CROSS JOIN object o ON o.oid = c.oid
  LEFT JOIN entity e ON e.container = c.oid
  LEFT JOIN object i ON i.oid = e.oid AND i.from_run <= ?1 AND (i.to_run IS NULL OR i.to_run > ?1)
  WHERE o.type IN (1, 4) AND o.from_run <= ?1 AND (o.to_run IS NULL OR o.to_run > ?1)
  GROUP BY c.oid)sql";

// Also those that could not be read: they are asked for again.
constexpr char kGroups[] = R"sql(
  SELECT (SELECT coalesce(sum(iif(kind = 'group', 2, 1)), 0) FROM group_info
          WHERE kind <> 'site_group' AND from_run <= ?1 AND (to_run IS NULL OR to_run > ?1))
       + (SELECT coalesce(sum(iif(url LIKE 'group:%', 2, 1)), 0) FROM (
            SELECT DISTINCT url FROM gap WHERE run = ?1 AND oid IS NULL
            AND (url LIKE 'group:%' OR url LIKE 'group\_owners:%' ESCAPE '\'))))sql";

std::int64_t Pages(std::int64_t items, std::int64_t page) {
  return std::max<std::int64_t>(1, (items + page - 1) / page);
}

}  // namespace

Result<TenantFigures> SqliteStore::Figures(RunNo run) {
  TenantFigures f;
  sqlite::Statement sites(*db_, kSites);
  if (sites.Bind(run).Step()) {
    f.sites = sites.Int(0);
    f.webs = sites.Int(1);
    f.open_webs = sites.Int(2);
    f.collections = sites.Int(3);
    f.owning_webs = sites.Int(4);
  }
  sqlite::Statement mode(*db_, "SELECT mode = 'incremental' FROM run WHERE number = ?");
  const bool incremental = mode.Bind(run).Step() && mode.Int(0) != 0;
  sqlite::Statement rows(*db_, kContainers);
  rows.Bind(run);
  while (rows.Step()) {
    const auto method = static_cast<ScopeMethod>(rows.Int(1));
    const bool owns = rows.Int(2) != 0, finished = rows.Int(4) != 0;
    const std::int64_t items = rows.Int(5), owners = rows.Int(6);
    if (rows.Int(0) == static_cast<int>(ObjectType::kList)) {
      if (!finished) continue;  // Without SharePoint's interface nobody looks into it.
      ++f.lists;
      f.owning_lists += owns;
      f.list_items += items;
      f.list_pages += Pages(items, TenantFigures::kListPage);
      f.list_reads += owners;
      f.list_batches += (owners + TenantFigures::kListBatch - 1) / TenantFigures::kListBatch;
      continue;
    }
    const bool each = method == ScopeMethod::kItemPermissions;
    const std::int64_t pages = Pages(items + 1, TenantFigures::kDeltaPage);
    ++f.libraries;
    f.owning_libraries += owns || each;
    f.library_items += items;
    f.delta_pages += pages;
    if (method == ScopeMethod::kRestUniqueFlags)
      f.flag_pages += Pages(items, TenantFigures::kListPage);
    f.library_reads += each ? items : owners;
    if (incremental) f.changed_reads += rows.Int(7);
    if (rows.Int(3) != 0) {
      ++f.whole_libraries;
      f.whole_pages += pages;
    }
  }
  sqlite::Statement groups(*db_, kGroups);
  if (groups.Bind(run).Step()) f.groups = groups.Int(0);
  sqlite::Statement people(*db_,
                           "SELECT count(*) FROM principal WHERE kind = 'user' AND from_run <= ?1 "
                           "AND (to_run IS NULL OR to_run > ?1) AND read_run >= ?1");
  if (people.Bind(run).Step()) f.people = people.Int(0);
  sqlite::Statement apps(*db_, R"sql(
    SELECT count(*) FROM site_scope s JOIN acl_grant g ON g.acl = s.acl
    WHERE s.source = 'graph' AND s.from_run <= ?1 AND (s.to_run IS NULL OR s.to_run > ?1))sql");
  if (apps.Bind(run).Step()) f.app_grants = apps.Int(0);
  f.database_bytes = db_->Number(
      "SELECT page_count * page_size FROM pragma_page_count(), "
      "pragma_page_size()");
  if (auto read = db_->Check("counting what a forecast goes by"); !read) return Fail(read.error());
  return f;
}

Status SqliteStore::PutForecast(const std::string& tenant_id, const std::string& document) {
  const std::string now = UtcText(std::chrono::system_clock::now());
  db_->Get("INSERT INTO forecast(made_at, tenant_id, document) VALUES (?, ?, ?)")
      .Bind(now, tenant_id, document)
      .Run();
  return db_->Check("storing a forecast");
}

Result<std::vector<Forecast>> SqliteStore::Forecasts(const std::string& tenant_id) {
  std::vector<Forecast> forecasts;
  sqlite::Statement rows(*db_, R"sql(
    SELECT f.made_at, f.document, coalesce(r.id, '') FROM forecast f
    LEFT JOIN run r ON r.number = f.run AND r.status <> 'deleted'
    WHERE f.tenant_id = ? ORDER BY f.id DESC)sql");
  rows.Bind(tenant_id);
  while (rows.Step()) {
    Forecast one;
    one.made_at = rows.String(0);
    one.document = rows.String(1);
    one.run_id = rows.String(2);
    forecasts.push_back(std::move(one));
  }
  if (auto read = db_->Check("looking for forecasts"); !read) return Fail(read.error());
  return forecasts;
}

}  // namespace spa
