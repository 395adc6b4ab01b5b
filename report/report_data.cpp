#include "report/report_data.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "core/clock.h"

namespace spa {
namespace {

using Json = nlohmann::ordered_json;

// What several queries ask for. report_count: objects by what they stand in. report_site: those of
// each site collection. report_shut: site collections where links for anyone let nobody in, and where
// guests do not get in either, because tenant or site shut sharing. report_link: every sharing link,
// since when this database knows it, and what is the matter with it. report_outside: who of outside,
// with an account that can be used, reaches what. report_finding: each finding and what was decided
// about it.
constexpr char kTables[] = R"sql(
CREATE TEMP TABLE report_run AS
  SELECT number AS run, started_at, coalesce(finished_at, started_at) AS ended,
         (SELECT max(number) FROM run p WHERE p.number < r.number AND
          p.status IN ('complete', 'partial')) AS before
  FROM run r WHERE number = (SELECT run FROM latest_run);

-- As latest_object, but of one table, so that joins go by its key.
CREATE TEMP VIEW report_object AS
  SELECT * FROM object WHERE from_run <= (SELECT run FROM report_run)
    AND (to_run IS NULL OR to_run > (SELECT run FROM report_run));

CREATE TEMP TABLE report_count AS
  SELECT container, type, count(*) AS objects, sum(scope = oid) AS own
  FROM report_object GROUP BY container, type;

CREATE TEMP TABLE report_site(
  top INTEGER PRIMARY KEY, objects INTEGER NOT NULL, own INTEGER NOT NULL);
INSERT INTO report_site
  SELECT w.top, sum(n.objects), sum(n.own) FROM (
    SELECT l.container AS site, c.objects, c.own FROM report_count c
    JOIN report_object l ON l.oid = c.container WHERE c.type IN (2, 3, 5)
    UNION ALL SELECT container, objects, own FROM report_count WHERE type IN (1, 4)
    UNION ALL SELECT s.oid, 1, o.scope = o.oid FROM temp.site s JOIN report_object o
      ON o.oid = s.oid) n
  JOIN temp.site w ON w.oid = n.site WHERE w.top IS NOT NULL GROUP BY w.top;

CREATE TEMP TABLE report_shut AS
  SELECT top, effective = 'off' AS guests FROM site_setting WHERE effective <> 'anyone';

CREATE TEMP TABLE report_link AS
  SELECT l.*, CAST(julianday(r.started_at) - julianday(l.since) AS INTEGER) AS days,
    CASE WHEN l.expired THEN 'expired' WHEN l.ends IS NULL THEN 'never'
         WHEN julianday(l.ends) - julianday(r.started_at) <= 30 THEN 'soon' ELSE 'later' END AS ending,
    NOT l.expired AND (l.role IN ('write', 'owner') OR l.type = 'edit') AS edits
  FROM (
    SELECT a.oid, a.top, a.object_type, a.object_url, coalesce(a.link_scope, 'users') AS scope,
           a.link_type AS type, a.role, a.link_expires_at AS ends,
           a.audience IS 'anyone' AND a.top IN (SELECT top FROM report_shut) AS shut,
           coalesce(a.link_has_password, 0) AS password, coalesce(a.expired, 0) AS expired,
           (SELECT min(b.started_at) FROM scope s JOIN run b ON b.number = s.from_run
            WHERE s.oid = a.oid AND s.from_run <= (SELECT run FROM report_run) AND
            EXISTS (SELECT 1 FROM acl_grant g WHERE g.acl = s.acl AND g.grant_id = a.grant_id))
             AS since
    FROM access_grant a WHERE a.principal_type = 'link') l, report_run r;

-- external_grant is in the order of its objects: so is what is looked up and inserted.
CREATE TEMP TABLE report_outside(
  oid INTEGER, person INTEGER, top INTEGER, writes INTEGER, PRIMARY KEY(oid, person)) WITHOUT ROWID;
INSERT INTO report_outside
  SELECT e.oid, e.person, e.top, g.role IN ('write', 'owner')
  FROM external_grant e CROSS JOIN person p ON p.node = e.person
  CROSS JOIN acl_grant g ON g.acl = e.acl AND g.ord = e.ord
  WHERE p.enabled IS NOT 0 AND NOT p.gone AND NOT e.expired AND NOT (
    p.user_type IS 'guest' AND e.top IN (SELECT top FROM report_shut WHERE guests))
  ON CONFLICT DO UPDATE SET writes = max(writes, excluded.writes);

CREATE TEMP TABLE report_finding AS
  SELECT f.id, f.rule, f.severity, f.oid, f.message,
         CASE f.severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2
              WHEN 'low' THEN 3 ELSE 4 END AS rank,
         CASE WHEN a.finding IS NULL THEN 'open' WHEN a.until < date('now') THEN 'expired'
              WHEN a.baseline THEN 'baseline' ELSE 'accepted' END AS decided,
         r.before IS NOT NULL AND NOT EXISTS (
           SELECT 1 FROM finding x WHERE x.run = r.before AND x.id = f.id) AS new
  FROM report_run r CROSS JOIN finding f ON f.run = r.run
  LEFT JOIN acceptance a ON a.finding = f.id;
)sql";

struct Query {
  const char* name;
  std::size_t limit;
  const char* sql;
};

// clang-format off
constexpr Query kQueries[] = {
    // The runs up to this one, the last first.
    {"trend", 120, R"sql(
      SELECT r.id AS run_id, r.status, r.mode, coalesce(r.finished_at, r.started_at) AS at,
             json_extract(j, '$.findings.critical') AS critical,
             json_extract(j, '$.findings.high') AS high,
             json_extract(j, '$.findings.medium') AS medium,
             json_extract(j, '$.findings.low') AS low, json_extract(j, '$.findings.info') AS info,
             json_extract(j, '$.grants.links') AS links,
             json_extract(j, '$.grants.anonymous') AS anonymous,
             json_extract(j, '$.grants.external') AS external,
             json_extract(j, '$.coverage.discovered') AS objects,
             json_extract(j, '$.coverage.percent') AS covered
      FROM (SELECT *, nullif(summary_json, '') AS j FROM run) r, report_run p
      WHERE r.status IN ('complete', 'partial') AND r.number <= p.run
      ORDER BY r.number DESC)sql"},

    // Site collections, the widest open first. open: 4 anyone can change something, 3 anyone can
    // read, 2 people from outside, 1 the whole organisation, 0 named people and groups, -1 nobody
    // knows: none of its permissions could be read.
    {"sites", 1000, R"sql(
      WITH link AS (
        SELECT top, sum(audience = 'anyone') AS anyone,
               sum(audience = 'organization' AND principal_type = 'link') AS organization,
               max(audience = 'anyone' AND (role IN ('write', 'owner') OR link_type IS 'edit'))
                 AS edits
        FROM access_grant WHERE audience IS NOT NULL AND NOT expired AND NOT (
          audience = 'anyone' AND top IN (SELECT top FROM report_shut)) GROUP BY top),
      wide AS (
        SELECT top, count(DISTINCT oid) AS places, max(whom = 'everyone') AS everyone FROM (
          SELECT top, oid, whom FROM everyone_grant
          UNION ALL SELECT n.top, n.oid, CASE WHEN n.node = 2 OR EXISTS (
              SELECT 1 FROM inside i WHERE i.grp = n.node AND i.person = 2)
            THEN 'everyone' ELSE 'organization' END
          FROM granted n WHERE n.site_wide AND (n.node IN (1, 2) OR EXISTS (
            SELECT 1 FROM inside i WHERE i.grp = n.node AND i.person IN (1, 2)))) GROUP BY top),
      outside AS (
        SELECT top, count(DISTINCT person) AS people FROM report_outside GROUP BY top),
      placed AS (
        SELECT w.top, f.rank, f.decided FROM report_finding f
        JOIN report_object o ON o.oid = f.oid LEFT JOIN report_object l ON l.oid = o.container
        JOIN temp.site w ON w.oid IN (o.oid, o.container, l.container)
        WHERE f.decided IN ('open', 'expired')),
      found AS (
        SELECT top, sum(rank = 0) AS critical, sum(rank = 1) AS high, count(*) AS findings
        FROM placed GROUP BY top),
      unread AS (
        SELECT w.top, count(*) AS gaps FROM report_run r CROSS JOIN gap g ON g.run = r.run
        JOIN report_object o ON o.oid = g.oid LEFT JOIN report_object l ON l.oid = o.container
        JOIN temp.site w ON w.oid IN (o.oid, o.container, l.container) GROUP BY w.top)
      SELECT s.url, s.name, coalesce(s.personal, 0) AS personal,
             CASE WHEN n.top NOT IN (SELECT top FROM scope_owner WHERE top IS NOT NULL) THEN -1
                  WHEN k.edits THEN 4 WHEN coalesce(k.anyone, 0) > 0 THEN 3
                  WHEN coalesce(x.people, 0) > 0 OR coalesce(v.everyone, 0) THEN 2
                  WHEN coalesce(v.places, 0) + coalesce(k.organization, 0) > 0 THEN 1
                  ELSE 0 END AS open,
             coalesce(k.anyone, 0) AS anyone, coalesce(x.people, 0) AS outside,
             coalesce(k.organization, 0) AS organization, coalesce(v.places, 0) AS wide,
             coalesce(a.people, 0) AS people, n.objects, n.own,
             coalesce(f.critical, 0) AS critical, coalesce(f.high, 0) AS high,
             coalesce(f.findings, 0) AS findings, coalesce(u.gaps, 0) AS gaps
      FROM report_site n JOIN temp.site s ON s.oid = n.top
      LEFT JOIN link k ON k.top = n.top LEFT JOIN wide v ON v.top = n.top
      LEFT JOIN outside x ON x.top = n.top LEFT JOIN found f ON f.top = n.top
      LEFT JOIN unread u ON u.top = n.top LEFT JOIN site_audience a ON a.top = n.top
      ORDER BY open DESC, anyone DESC, critical DESC, outside DESC, wide DESC, high DESC,
               people DESC, s.url)sql"},

    {"link_groups", 400, R"sql(
      SELECT scope, CASE WHEN days < 30 THEN 0 WHEN days < 90 THEN 1 WHEN days < 180 THEN 2
                         WHEN days < 365 THEN 3 ELSE 4 END AS age,
             ending, edits, count(*) AS links, sum(password) AS passwords
      FROM report_link GROUP BY 1, 2, 3, 4)sql"},
    {"anyone_links", 300, R"sql(
      SELECT object_url AS url, object_type AS type, edits, since, ends, password
      FROM report_link WHERE scope = 'anonymous' AND NOT expired AND NOT shut
      ORDER BY edits DESC, ends IS NOT NULL, password, since, object_url)sql"},

    {"domains", 200, R"sql(
      SELECT p.domain, count(DISTINCT p.node) AS people, count(DISTINCT e.oid) AS places,
             count(DISTINCT e.top) AS sites,
             count(DISTINCT CASE WHEN e.writes THEN e.oid END) AS writable,
             p.domain IN (SELECT domain FROM allowed_domain) AS allowed
      FROM report_outside e JOIN person p ON p.node = e.person
      GROUP BY p.domain ORDER BY writable DESC, places DESC, people DESC, p.domain)sql"},
    {"outsiders", 300, R"sql(
      SELECT p.name, coalesce(nullif(p.mail, ''), p.login) AS address, p.domain,
             e.places, e.sites, e.writable
      FROM (SELECT person, count(*) AS places, count(DISTINCT top) AS sites, sum(writes) AS writable
            FROM report_outside GROUP BY person) e JOIN person p ON p.node = e.person
      ORDER BY writable DESC, places DESC, address)sql"},
    {"outside_people", 1, "SELECT count(DISTINCT person) AS people FROM report_outside"},

    {"rules", 500, R"sql(
      SELECT id, name, severity, remedy, state, reason, custom FROM applied_rule w, report_run r
      WHERE w.run = r.run ORDER BY id)sql"},
    {"counts", 2500, R"sql(
      SELECT rule, severity, sum(decided IN ('open', 'expired')) AS open,
             sum(decided NOT IN ('open', 'expired')) AS accepted,
             sum(new AND decided IN ('open', 'expired')) AS new
      FROM report_finding GROUP BY rule, severity)sql"},
    // The gravest of each rule.
    {"findings", 4000, R"sql(
      SELECT f.rule, f.severity, f.decided, f.new, f.message,
             coalesce(o.url, p.url || '/' || coalesce(o.url_segment, o.name)) AS url
      FROM (SELECT *, row_number() OVER (PARTITION BY rule ORDER BY
              decided NOT IN ('open', 'expired'), rank, new DESC, id) AS place
            FROM report_finding) f
      LEFT JOIN report_object o ON o.oid = f.oid LEFT JOIN report_object p ON p.oid = o.parent
      WHERE f.place <= 40 ORDER BY f.rule, f.place)sql"},

    // Groups and audiences that hold a grant, the largest first. people is not known of anyone.
    {"audiences", 200, R"sql(
      WITH known AS (SELECT count(*) AS members FROM person WHERE user_type = 'member'),
      given AS (
        SELECT n.node, n.audience, count(DISTINCT n.oid) AS places, count(DISTINCT n.top) AS sites,
               min(n.top) AS top, max(g.role IN ('write', 'owner')) AS writes
        FROM granted n CROSS JOIN acl_grant g ON g.acl = n.acl AND g.ord = n.ord
        WHERE NOT coalesce(n.expired, 0) GROUP BY coalesce(n.audience, n.node))
      SELECT coalesce(d.kind, v.audience) AS kind, d.name,
             CASE v.audience WHEN 'anyone' THEN NULL WHEN 'organization' THEN k.members
                  WHEN 'everyone' THEN k.members + (SELECT people FROM (
                    SELECT count(DISTINCT person) AS people FROM report_outside))
                  ELSE d.people END AS people,
             coalesce(d.whole, 0) AS whole, d.state, d.deepest AS depth, v.places, v.sites,
             v.writes, CASE WHEN v.sites = 1 THEN (
               SELECT url FROM temp.site w WHERE w.oid = v.top) END AS url
      FROM given v CROSS JOIN known k LEFT JOIN directory_group d ON d.node = v.node
      WHERE v.audience IS NOT NULL OR d.node IS NOT NULL
      ORDER BY v.audience IS 'anyone' DESC, v.audience IS NOT NULL DESC, people DESC, places DESC,
               d.name)sql"},

    {"types", 6, R"sql(
      SELECT t.name AS type, coalesce(sum(c.objects), 0) AS objects, coalesce(sum(c.own), 0) AS own
      FROM object_type t LEFT JOIN report_count c ON c.type = t.type
      GROUP BY t.type ORDER BY t.type)sql"},
    {"broken", 200, R"sql(
      SELECT l.url, l.name, k.objects, o.own,
             max(0, o.deepest - length(l.url) + length(replace(l.url, '/', '')) - 1) AS depth
      FROM (SELECT o.library, count(*) AS own,
              max(CASE WHEN o.object_type IN ('folder', 'file') THEN
                length(o.object_url) - length(replace(o.object_url, '/', '')) ELSE 0 END) AS deepest
            FROM scope_owner o WHERE o.oid <> o.library GROUP BY o.library) o
      JOIN report_object l ON l.oid = o.library
      JOIN (SELECT container, sum(objects) AS objects FROM report_count WHERE type IN (2, 3, 5)
            GROUP BY container) k ON k.container = o.library
      ORDER BY o.own DESC, l.url)sql"},

    {"gap_states", 50, R"sql(
      SELECT g.state, count(*) AS gaps FROM report_run r CROSS JOIN gap g ON g.run = r.run
      GROUP BY g.state ORDER BY gaps DESC)sql"},
    {"gaps", 300, R"sql(
      SELECT coalesce(nullif(g.url, ''), o.url, p.url || '/' || coalesce(o.url_segment, o.name))
               AS url, g.state, g.reason, g.remedy
      FROM report_run r CROSS JOIN gap g ON g.run = r.run
      LEFT JOIN report_object o ON o.oid = g.oid LEFT JOIN report_object p ON p.oid = o.parent
      ORDER BY o.type, g.seq)sql"},
    // When what this run tells was read, by run.
    {"ages", 400, R"sql(
      SELECT r.started_at AS read_at, sum(n.scopes) AS scopes, sum(n.groups) AS groups FROM (
        SELECT s.read_run, count(*) AS scopes, 0 AS groups
        FROM scope_owner o JOIN latest_scope s ON s.oid = o.oid GROUP BY s.read_run
        UNION ALL SELECT i.read_run, 0, count(*) FROM report_run p CROSS JOIN group_info i
        WHERE i.from_run <= p.run AND (i.to_run IS NULL OR i.to_run > p.run) GROUP BY i.read_run) n
      JOIN run r ON r.number = n.read_run GROUP BY n.read_run ORDER BY n.read_run DESC)sql"},
};
// clang-format on

Json CellOf(const sqlite::Statement& row, int column) {
  switch (sqlite3_column_type(row.raw(), column)) {
    case SQLITE_NULL:
      return nullptr;
    case SQLITE_INTEGER:
      return row.Int(column);
    case SQLITE_FLOAT:
      return sqlite3_column_double(row.raw(), column);
    default:
      return row.String(column);
  }
}

Json TableOf(sqlite::Database& db, const Query& query) {
  sqlite::Statement row(db, query.sql);
  if (row.empty()) return nullptr;
  const int width = sqlite3_column_count(row.raw());
  Json columns = Json::array(), rows = Json::array();
  for (int i = 0; i < width; ++i) columns.push_back(sqlite3_column_name(row.raw(), i));
  std::size_t total = 0;
  while (row.Step()) {
    if (++total > query.limit) continue;
    Json cells = Json::array();
    for (int i = 0; i < width; ++i) cells.push_back(CellOf(row, i));
    rows.push_back(std::move(cells));
  }
  return {{"columns", std::move(columns)}, {"rows", std::move(rows)}, {"total", total}};
}

// The run's summary without what the report shows in tables of its own, however long.
Json SummaryOf(sqlite::Database& db) {
  sqlite::Statement row(db,
                        "SELECT json_remove(nullif(summary_json, ''), '$.coverage.gaps', "
                        "'$.cache') FROM run WHERE number = (SELECT run FROM report_run)");
  if (!row.Step() || row.IsNull(0)) return nullptr;
  return Json::parse(row.Text(0), nullptr, false);
}

}  // namespace

Result<std::string> ReportData(sqlite::Database& db, const RunInfo& run) {
  db.Exec(kTables);
  Json data = {{"program", "sharepoint-audit " SPA_VERSION},
               {"made_at", UtcText(std::chrono::system_clock::now())},
               {"run",
                {{"id", run.id},
                 {"status", run.status},
                 {"mode", run.mode},
                 {"shard", run.shard},
                 {"tenant_id", run.tenant_id},
                 {"started_at", run.started_at},
                 {"finished_at", run.finished_at}}},
               {"known_since", nullptr}};
  {
    sqlite::Statement first(db, "SELECT min(started_at) FROM run");
    if (first.Step()) data["known_since"] = CellOf(first, 0);
  }
  data["summary"] = SummaryOf(db);
  Json tables = Json::object();
  for (const Query& query : kQueries) tables[query.name] = TableOf(db, query);
  data["tables"] = std::move(tables);
  if (auto read = db.Check("reading what the report shows"); !read) return Fail(read.error());
  return data.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace spa
