#include "core/store/schema.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace spa {
namespace {

constexpr char kVersion1[] = R"sql(
CREATE TABLE run(
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, status TEXT NOT NULL, mode TEXT NOT NULL,
  tenant_id TEXT NOT NULL, started_at TEXT NOT NULL, finished_at TEXT, summary_json TEXT,
  pid INTEGER, process_start INTEGER, host TEXT, heartbeat INTEGER);

CREATE TABLE object_type(type INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO object_type VALUES
  (0, 'site'), (1, 'library'), (2, 'folder'), (3, 'file'), (4, 'list'), (5, 'list_item');
CREATE TABLE scope_method(method INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO scope_method VALUES
  (0, 'delta_hierarchy'), (1, 'rest_unique_flags'), (2, 'item_permissions');

CREATE TABLE entity(
  oid INTEGER PRIMARY KEY, container INTEGER NOT NULL, graph_id TEXT NOT NULL,
  UNIQUE(container, graph_id));

CREATE TABLE container(
  oid INTEGER PRIMARY KEY, seen_run INTEGER NOT NULL, personal INTEGER, hidden INTEGER,
  system INTEGER, template TEXT, drive_type TEXT, list_id TEXT, root_item_id TEXT,
  delta_link TEXT, finished_run INTEGER);

CREATE TABLE object(
  oid INTEGER NOT NULL, from_run INTEGER NOT NULL, to_run INTEGER,
  type INTEGER NOT NULL, container INTEGER NOT NULL, parent INTEGER NOT NULL,
  name TEXT NOT NULL, url TEXT, url_segment TEXT, size INTEGER, modified TEXT,
  list_item_id INTEGER, scope INTEGER NOT NULL, method INTEGER,
  PRIMARY KEY(oid, from_run)) WITHOUT ROWID;
CREATE INDEX object_owner ON object(container, oid) WHERE scope = oid;

CREATE TABLE acl(id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE);
CREATE TABLE acl_grant(
  acl INTEGER NOT NULL, ord INTEGER NOT NULL, grant_id TEXT NOT NULL,
  principal_type TEXT NOT NULL, principal_id TEXT NOT NULL, principal_name TEXT NOT NULL,
  principal_login TEXT NOT NULL, principal_email TEXT NOT NULL, role TEXT NOT NULL,
  levels TEXT NOT NULL, link_scope TEXT, link_type TEXT, link_expires_at TEXT,
  link_has_password INTEGER, link_people TEXT NOT NULL, source TEXT NOT NULL,
  link_invited TEXT NOT NULL,
  PRIMARY KEY(acl, ord)) WITHOUT ROWID;

CREATE TABLE scope(
  oid INTEGER NOT NULL, from_run INTEGER NOT NULL, to_run INTEGER, acl INTEGER NOT NULL,
  read_run INTEGER NOT NULL, marks INTEGER NOT NULL,
  PRIMARY KEY(oid, from_run)) WITHOUT ROWID;

CREATE TABLE member_set(id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE);
CREATE TABLE member(
  member_set INTEGER NOT NULL, ord INTEGER NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL,
  name TEXT NOT NULL, login TEXT NOT NULL, email TEXT NOT NULL, user_type TEXT,
  account_enabled INTEGER,
  PRIMARY KEY(member_set, ord)) WITHOUT ROWID;
CREATE TABLE group_info(
  key TEXT NOT NULL, from_run INTEGER NOT NULL, to_run INTEGER, kind TEXT NOT NULL,
  id TEXT NOT NULL, site_id TEXT, member_set INTEGER NOT NULL, read_run INTEGER NOT NULL,
  PRIMARY KEY(key, from_run)) WITHOUT ROWID;

CREATE TABLE gap(
  seq INTEGER PRIMARY KEY, run INTEGER NOT NULL, oid INTEGER, url TEXT NOT NULL,
  state TEXT NOT NULL, reason TEXT NOT NULL, remedy TEXT NOT NULL);
CREATE INDEX gap_object ON gap(run, oid);

CREATE TABLE finding(
  run INTEGER NOT NULL, id TEXT NOT NULL, severity TEXT NOT NULL, oid INTEGER,
  evidence TEXT NOT NULL, remedy TEXT NOT NULL, PRIMARY KEY(run, id)) WITHOUT ROWID;

-- Views. They show the latest run that ended complete or partial.
CREATE VIEW v_runs AS
  SELECT id AS run_id, status, mode, tenant_id, started_at, finished_at, summary_json
  FROM run ORDER BY number;
CREATE VIEW latest_run AS
  SELECT max(number) AS run FROM run WHERE status IN ('complete', 'partial');
CREATE VIEW latest_object AS
  SELECT o.* FROM latest_run r CROSS JOIN object o
  WHERE o.from_run <= r.run AND (o.to_run IS NULL OR o.to_run > r.run);
CREATE VIEW latest_scope AS
  SELECT s.* FROM latest_run r CROSS JOIN scope s
  WHERE s.from_run <= r.run AND (s.to_run IS NULL OR s.to_run > r.run);
-- What an object is called outside: Graph's id (a library's is its root item's), and its URL.
CREATE VIEW latest_face AS
  SELECT o.oid, o.type, t.name AS object_type, coalesce(c.root_item_id, e.graph_id) AS object_id,
         coalesce(o.url, p.url || '/' || coalesce(o.url_segment, o.name)) AS object_url,
         o.container, o.parent, o.name, o.size, o.modified, o.method,
         w.scope AS owner
  FROM latest_object o
  JOIN object_type t ON t.type = o.type
  JOIN entity e ON e.oid = o.oid
  LEFT JOIN container c ON c.oid = o.oid
  LEFT JOIN latest_object p ON p.oid = o.parent
  LEFT JOIN latest_object w ON w.oid = o.scope;
CREATE VIEW v_objects AS
  SELECT f.oid, f.object_type, f.object_id, f.object_url,
         CASE WHEN f.type = 0 THEN f.object_url
              WHEN f.type IN (1, 4) THEN (SELECT url FROM latest_object s WHERE s.oid = f.container)
              ELSE (SELECT s.url FROM latest_object l JOIN latest_object s ON s.oid = l.container
                    WHERE l.oid = f.container) END AS site_url,
         f.name,
         (SELECT coalesce(c.root_item_id, e.graph_id) FROM entity e
          LEFT JOIN container c ON c.oid = e.oid WHERE e.oid = f.parent) AS parent_id,
         f.size, f.modified AS modified_at, f.owner <> f.oid AS inherits,
         f.owner AS scope_oid,
         (SELECT coalesce(c.root_item_id, e.graph_id) FROM entity e
          LEFT JOIN container c ON c.oid = e.oid WHERE e.oid = f.owner) AS scope_object_id,
         (SELECT m.name FROM scope_method m WHERE m.method = coalesce(f.method,
            (SELECT l.method FROM latest_object l WHERE l.oid = f.container))) AS scope_method
  FROM latest_face f;
CREATE VIEW v_permissions AS
  SELECT o.site_url, o.object_type, o.object_id, o.object_url, o.inherits, o.scope_object_id,
         g.grant_id, g.principal_type, g.principal_id, g.principal_name, g.principal_login,
         g.principal_email, g.role, g.levels, g.link_scope, g.link_type, g.link_expires_at,
         g.link_has_password, g.link_people, g.source, g.link_invited, o.oid
  FROM latest_scope s
  JOIN v_objects o ON o.oid = s.oid AND o.scope_oid = s.oid
  JOIN acl_grant g ON g.acl = s.acl AND g.role <> 'none';
-- Who reaches a scope: people named, people in named groups, and audiences that have no list.
-- A group inside a site group is not looked into here.
CREATE VIEW v_access AS
  WITH granted AS (
    SELECT p.*, CASE
      WHEN p.principal_type = 'site_group' THEN 'site_group'
      WHEN p.principal_type = 'group' AND p.principal_login LIKE '%\_o' ESCAPE '\'
        THEN 'group_owners'
      WHEN p.principal_type = 'group' THEN 'group' END AS group_kind
    FROM v_permissions p),
  members AS (
    SELECT gi.kind, gi.id, gi.site_id, m.id AS user_id, m.login, m.name, m.user_type, m.kind AS is_a
    FROM latest_run r CROSS JOIN group_info gi JOIN member m ON m.member_set = gi.member_set
    WHERE gi.from_run <= r.run AND (gi.to_run IS NULL OR gi.to_run > r.run)
      AND m.kind IN ('user', 'guest'))
  SELECT object_type, object_id, object_url, 'person' AS audience, principal_id AS user_id,
         principal_login AS user_principal_name,
         CASE principal_type WHEN 'guest' THEN 'guest' ELSE 'member' END AS user_type,
         role, 0 AS needs_link, 'direct' AS via
  FROM granted WHERE principal_type IN ('user', 'guest')
  UNION ALL
  SELECT g.object_type, g.object_id, g.object_url, 'person', m.user_id, m.login, m.user_type,
         g.role, 0, g.principal_name
  FROM granted g JOIN members m ON m.kind = g.group_kind AND m.id = g.principal_id
    AND (g.group_kind <> 'site_group' OR m.site_id = (
      WITH RECURSIVE web(oid, parent) AS (
        SELECT s.oid, s.parent FROM latest_object s WHERE s.type = 0 AND s.url = g.site_url
        UNION ALL
        SELECT s.oid, s.parent FROM web JOIN latest_object s ON s.oid = web.parent)
      SELECT e.graph_id FROM web JOIN entity e ON e.oid = web.oid WHERE web.parent = 0))
  UNION ALL
  SELECT object_type, object_id, object_url, 'person', j.value, NULL, NULL, role, 1, 'link'
  FROM granted, json_each(link_people) j WHERE principal_type = 'link' AND link_scope = 'users'
  UNION ALL
  SELECT object_type, object_id, object_url,
         CASE WHEN principal_type = 'link' AND link_scope = 'anonymous' THEN 'anyone'
              WHEN principal_type = 'everyone' THEN 'everyone' ELSE 'organization' END,
         NULL, NULL, NULL, role, principal_type = 'link', principal_type
  FROM granted WHERE principal_type IN ('everyone', 'everyone_except_external')
    OR (principal_type = 'link' AND link_scope IN ('anonymous', 'organization'));
CREATE VIEW v_findings AS
  SELECT f.id, f.severity, o.object_type, o.object_id, o.object_url, f.evidence, f.remedy
  FROM latest_run r JOIN finding f ON f.run = r.run
  LEFT JOIN latest_face o ON o.oid = f.oid;
-- One state per object: its own gap, else whether its permissions were read, else its owner's.
CREATE VIEW v_coverage AS
  WITH told AS (
    SELECT f.oid, f.object_type, f.object_id, f.object_url, f.owner,
           (SELECT min(seq) FROM gap WHERE run = r.run AND oid = f.oid) AS own_gap,
           (SELECT min(seq) FROM gap WHERE run = r.run AND oid = f.owner) AS owner_gap,
           (SELECT s.read_run >= r.run FROM latest_scope s WHERE s.oid = f.owner) AS fresh
    FROM latest_run r CROSS JOIN latest_face f)
  SELECT t.object_type, t.object_id, t.object_url,
         CASE WHEN t.own_gap IS NOT NULL THEN (SELECT state FROM gap WHERE seq = t.own_gap)
              WHEN t.owner_gap IS NOT NULL THEN (SELECT state FROM gap WHERE seq = t.owner_gap)
              WHEN t.fresh THEN CASE WHEN t.owner = t.oid THEN 'read' ELSE 'inherited' END
              WHEN t.fresh IS NULL THEN 'failed' ELSE 'stale' END AS state,
         coalesce((SELECT reason FROM gap WHERE seq = coalesce(t.own_gap, t.owner_gap)),
                  CASE WHEN t.fresh THEN '' WHEN t.fresh IS NULL THEN 'permissions were not read'
                       ELSE 'permissions were last read in an earlier run' END) AS reason,
         coalesce((SELECT remedy FROM gap WHERE seq = coalesce(t.own_gap, t.owner_gap)), '')
           AS remedy
  FROM told t;
)sql";

// What an incremental run goes by. `due`: the set is to be read again
// (1: its item was told as changed, 2: for another reason). `confirmed`: in these runs
// the whole container was enumerated, or its changes were, so that sets which are not due stood.
// `listed_run`: the last run that knows all subsites, libraries and lists of the site.
constexpr char kVersion2[] = R"sql(
ALTER TABLE container ADD COLUMN delta_shape TEXT;
ALTER TABLE container ADD COLUMN listed_run INTEGER NOT NULL DEFAULT 0;
ALTER TABLE scope ADD COLUMN due INTEGER NOT NULL DEFAULT 0;
ALTER TABLE group_info ADD COLUMN link_id TEXT;
CREATE INDEX acl_link ON acl_grant(lower(grant_id)) WHERE principal_type = 'link';
CREATE INDEX group_of_site ON group_info(site_id) WHERE to_run IS NULL AND site_id IS NOT NULL;
CREATE TABLE confirmed(
  container INTEGER NOT NULL, from_run INTEGER NOT NULL, to_run INTEGER NOT NULL,
  PRIMARY KEY(container, from_run)) WITHOUT ROWID;
DROP VIEW v_coverage;
-- One state per object: its own gap, else whether its permissions are known, else its owner's.
CREATE VIEW v_coverage AS
  WITH told AS (
    SELECT f.oid, f.object_type, f.object_id, f.object_url, f.owner,
           (SELECT min(seq) FROM gap WHERE run = r.run AND oid = f.oid) AS own_gap,
           (SELECT min(seq) FROM gap WHERE run = r.run AND oid = f.owner) AS owner_gap,
           (SELECT s.read_run >= r.run OR (NOT s.due AND EXISTS (
              SELECT 1 FROM latest_object w JOIN confirmed c ON c.container = w.container
              WHERE w.oid = f.owner AND r.run BETWEEN c.from_run AND c.to_run))
            FROM latest_scope s WHERE s.oid = f.owner) AS fresh
    FROM latest_run r CROSS JOIN latest_face f)
  SELECT t.object_type, t.object_id, t.object_url,
         CASE WHEN t.own_gap IS NOT NULL THEN (SELECT state FROM gap WHERE seq = t.own_gap)
              WHEN t.fresh THEN CASE WHEN t.owner = t.oid THEN 'read' ELSE 'inherited' END
              WHEN t.owner_gap IS NOT NULL THEN (SELECT state FROM gap WHERE seq = t.owner_gap)
              WHEN t.fresh IS NULL THEN 'failed' ELSE 'stale' END AS state,
         coalesce((SELECT reason FROM gap WHERE seq = coalesce(t.own_gap, t.owner_gap)),
                  CASE WHEN t.fresh THEN '' WHEN t.fresh IS NULL THEN 'permissions were not read'
                       ELSE 'permissions were last read in an earlier run' END) AS reason,
         coalesce((SELECT remedy FROM gap WHERE seq = coalesce(t.own_gap, t.owner_gap)), '')
           AS remedy
  FROM told t;
)sql";

// A deleted run leaves its number, which is not given twice, and when it began: what was read then
// has that age. A forecast is compared with the first run that finished after it.
constexpr char kVersion3[] = R"sql(
CREATE TABLE forecast(
  id INTEGER PRIMARY KEY, made_at TEXT NOT NULL, tenant_id TEXT NOT NULL,
  document TEXT NOT NULL, run INTEGER);
DROP VIEW v_runs;
CREATE VIEW v_runs AS
  SELECT id AS run_id, status, mode, tenant_id, started_at, finished_at, summary_json
  FROM run WHERE status <> 'deleted' ORDER BY number;
)sql";

// `shard`: the part of the tenant that a run audited, "2/4"; empty: all of it.
constexpr char kVersion4[] = R"sql(
ALTER TABLE run ADD COLUMN shard TEXT NOT NULL DEFAULT '';
DROP VIEW v_runs;
CREATE VIEW v_runs AS
  SELECT id AS run_id, status, mode, tenant_id, started_at, finished_at, summary_json, shard
  FROM run WHERE status <> 'deleted' ORDER BY number;
)sql";

// site_scope: what holds for a whole site collection, by its topmost site: administrators (source
// rest) and applications with a grant of their own (source graph). principal: what the directory
// knows of one who is named. A member list holds direct members; each group in it has a list of its
// own.
constexpr char kVersion5[] = R"sql(
CREATE TABLE site_scope(
  oid INTEGER NOT NULL, source TEXT NOT NULL, from_run INTEGER NOT NULL, to_run INTEGER,
  acl INTEGER NOT NULL, read_run INTEGER NOT NULL,
  PRIMARY KEY(oid, source, from_run)) WITHOUT ROWID;
CREATE TABLE principal(
  id TEXT NOT NULL, from_run INTEGER NOT NULL, to_run INTEGER, kind TEXT NOT NULL,
  state TEXT NOT NULL, name TEXT NOT NULL, login TEXT NOT NULL, email TEXT NOT NULL,
  user_type TEXT, account_enabled INTEGER, external_state TEXT, external_since TEXT,
  deleted_at TEXT, group_types TEXT NOT NULL, visibility TEXT, read_run INTEGER NOT NULL,
  PRIMARY KEY(id, from_run)) WITHOUT ROWID;
ALTER TABLE acl_grant ADD COLUMN claim TEXT;
ALTER TABLE acl_grant ADD COLUMN rights INTEGER;
ALTER TABLE acl_grant ADD COLUMN custom_level INTEGER;
ALTER TABLE acl_grant ADD COLUMN link_blocks_download INTEGER;
ALTER TABLE acl_grant ADD COLUMN link_groups TEXT;
ALTER TABLE member ADD COLUMN external_state TEXT;
ALTER TABLE member ADD COLUMN external_since TEXT;
ALTER TABLE member ADD COLUMN claim TEXT;
ALTER TABLE group_info ADD COLUMN name TEXT;
ALTER TABLE group_info ADD COLUMN associated TEXT;
ALTER TABLE group_info ADD COLUMN members_edit INTEGER;
ALTER TABLE group_info ADD COLUMN auto_accept INTEGER;
ALTER TABLE container ADD COLUMN read_security INTEGER;
ALTER TABLE container ADD COLUMN write_security INTEGER;
DROP VIEW v_access;
DROP VIEW v_permissions;
CREATE VIEW v_permissions AS
  SELECT o.site_url, o.object_type, o.object_id, o.object_url, o.inherits, o.scope_object_id,
         g.grant_id, g.principal_type, g.principal_id, g.principal_name, g.principal_login,
         g.principal_email, g.role, g.levels, g.link_scope, g.link_type, g.link_expires_at,
         g.link_has_password, g.link_people, g.source, g.link_invited, o.oid, g.claim, g.rights,
         g.custom_level, g.link_blocks_download
  FROM latest_scope s
  JOIN v_objects o ON o.oid = s.oid AND o.scope_oid = s.oid
  JOIN acl_grant g ON g.acl = s.acl AND g.role <> 'none'
  UNION ALL
  SELECT o.site_url, o.object_type, o.object_id, o.object_url, 0, o.object_id,
         g.grant_id, g.principal_type, g.principal_id, g.principal_name, g.principal_login,
         g.principal_email, g.role, g.levels, g.link_scope, g.link_type, g.link_expires_at,
         g.link_has_password, g.link_people, g.source, g.link_invited, o.oid, g.claim, g.rights,
         g.custom_level, g.link_blocks_download
  FROM latest_run r CROSS JOIN site_scope s
  JOIN v_objects o ON o.oid = s.oid
  JOIN acl_grant g ON g.acl = s.acl AND g.role <> 'none'
  WHERE s.from_run <= r.run AND (s.to_run IS NULL OR s.to_run > r.run);
-- Who reaches a scope: people named, people in named groups through all nesting, and audiences that
-- have no list.
CREATE VIEW v_access AS
  WITH RECURSIVE granted AS (
    SELECT p.*, CASE
      WHEN p.principal_type = 'site_group' THEN 'site_group'
      WHEN p.principal_type = 'group' AND p.principal_login LIKE '%\_o' ESCAPE '\'
        THEN 'group_owners'
      WHEN p.principal_type = 'group' THEN 'group' END AS group_kind
    FROM v_permissions p),
  info AS MATERIALIZED (
    SELECT gi.key, gi.kind, gi.id, gi.site_id, gi.member_set
    FROM latest_run r CROSS JOIN group_info gi
    WHERE gi.from_run <= r.run AND (gi.to_run IS NULL OR gi.to_run > r.run)),
  inside(root, key) AS (
    SELECT key, key FROM info
    UNION
    SELECT i.root, m.kind || ':' || m.id
    FROM inside i JOIN info g ON g.key = i.key JOIN member m ON m.member_set = g.member_set
    WHERE m.kind IN ('group', 'group_owners') AND m.id <> ''),
  members AS (
    SELECT DISTINCT top.kind, top.id, top.site_id, m.id AS user_id, m.login, m.user_type
    FROM inside i JOIN info top ON top.key = i.root JOIN info g ON g.key = i.key
    JOIN member m ON m.member_set = g.member_set
    WHERE m.kind IN ('user', 'guest'))
  SELECT object_type, object_id, object_url, 'person' AS audience, principal_id AS user_id,
         principal_login AS user_principal_name,
         CASE principal_type WHEN 'guest' THEN 'guest' ELSE 'member' END AS user_type,
         role, 0 AS needs_link, 'direct' AS via
  FROM granted WHERE principal_type IN ('user', 'guest')
  UNION ALL
  SELECT g.object_type, g.object_id, g.object_url, 'person', m.user_id, m.login, m.user_type,
         g.role, 0, g.principal_name
  FROM granted g JOIN members m ON m.kind = g.group_kind AND m.id = g.principal_id
    AND (g.group_kind <> 'site_group' OR m.site_id = (
      WITH RECURSIVE web(oid, parent) AS (
        SELECT s.oid, s.parent FROM latest_object s WHERE s.type = 0 AND s.url = g.site_url
        UNION ALL
        SELECT s.oid, s.parent FROM web JOIN latest_object s ON s.oid = web.parent)
      SELECT e.graph_id FROM web JOIN entity e ON e.oid = web.oid WHERE web.parent = 0))
  UNION ALL
  SELECT object_type, object_id, object_url, 'person', j.value, NULL, NULL, role, 1, 'link'
  FROM granted, json_each(link_people) j WHERE principal_type = 'link' AND link_scope = 'users'
  UNION ALL
  SELECT object_type, object_id, object_url,
         CASE WHEN principal_type = 'link' AND link_scope = 'anonymous' THEN 'anyone'
              WHEN principal_type = 'everyone' THEN 'everyone' ELSE 'organization' END,
         NULL, NULL, NULL, role, principal_type = 'link', principal_type
  FROM granted WHERE principal_type IN ('everyone', 'everyone_except_external')
    OR (principal_type = 'link' AND link_scope IN ('anonymous', 'organization'));
)sql";

// finding: what a run's rules found; `id` is the same in every run. acceptance: what people
// decided, by that id; it outlives runs.
constexpr char kVersion6[] = R"sql(
DROP VIEW v_findings;
DROP TABLE finding;
CREATE TABLE finding(
  run INTEGER NOT NULL, id TEXT NOT NULL, rule TEXT NOT NULL, severity TEXT NOT NULL, oid INTEGER,
  message TEXT NOT NULL, evidence TEXT NOT NULL, PRIMARY KEY(run, id)) WITHOUT ROWID;
CREATE TABLE applied_rule(
  run INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, severity TEXT NOT NULL,
  remedy TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, custom INTEGER NOT NULL,
  PRIMARY KEY(run, id)) WITHOUT ROWID;
CREATE TABLE acceptance(
  finding TEXT PRIMARY KEY, owner TEXT NOT NULL, reason TEXT NOT NULL, until TEXT,
  baseline INTEGER NOT NULL, accepted_at TEXT NOT NULL) WITHOUT ROWID;
CREATE VIEW v_findings AS
  SELECT f.id, f.severity, o.object_type, o.object_id, o.object_url, f.evidence, w.remedy,
         f.rule, w.name, f.message,
         CASE WHEN a.finding IS NULL THEN 'open'
              WHEN a.until < strftime('%Y-%m-%d', 'now') THEN 'expired'
              WHEN a.baseline THEN 'baseline' ELSE 'accepted' END AS state,
         a.owner AS accepted_by, a.reason AS accepted_reason, a.until AS accepted_until
  FROM latest_run r CROSS JOIN finding f ON f.run = r.run
  JOIN applied_rule w ON w.run = f.run AND w.id = f.rule
  LEFT JOIN latest_face o ON o.oid = f.oid
  LEFT JOIN acceptance a ON a.finding = f.id;
)sql";

// setting: what the tenant, its sites, items and guests are set to beside any permission, as JSON.
constexpr char kVersion7[] = R"sql(
CREATE TABLE setting(
  key TEXT NOT NULL, from_run INTEGER NOT NULL, to_run INTEGER, value TEXT NOT NULL,
  read_run INTEGER NOT NULL, PRIMARY KEY(key, from_run)) WITHOUT ROWID;
)sql";

constexpr const char* kSteps[] = {kVersion1, kVersion2, kVersion3, kVersion4,
                                  kVersion5, kVersion6, kVersion7};

// run: whose stage this is. checkpoint: the page each unfinished library is about to read. raw:
// delta pages as they came, numbered library * 2^32 + n, so that a library's rows lie together;
// the lower half of the numbers is for what the database held before the changes. page: pages of
// drives that are held in memory (held_drive.h), for a run that is resumed. node: the last
// version of each item, by item id. folder: what may be a parent, for the walk.
constexpr char kStageTables[] = R"sql(
CREATE TABLE stage.run(number INTEGER);
CREATE TABLE stage.page(seq INTEGER PRIMARY KEY, library INTEGER, items BLOB);
CREATE TABLE stage.checkpoint(
  library INTEGER PRIMARY KEY, next_link TEXT, shape TEXT, changes INTEGER);
CREATE TABLE stage.raw(
  id INTEGER PRIMARY KEY, item_id TEXT, parent_id TEXT, name TEXT, modified TEXT, unique_id TEXT,
  size INTEGER, list_item_id INTEGER, shared INTEGER, kind INTEGER, root INTEGER, deleted INTEGER);
CREATE TABLE stage.folder(
  id INTEGER PRIMARY KEY, library INTEGER, item_id TEXT, parent_id TEXT, parent INTEGER,
  name TEXT, list_item_id INTEGER, shared INTEGER, root INTEGER, fresh INTEGER,
  oid INTEGER, owns INTEGER, scope INTEGER, url TEXT, acl INTEGER);
CREATE UNIQUE INDEX stage.folder_item ON folder(library, item_id);
CREATE INDEX stage.folder_child ON folder(library, parent);
CREATE TABLE stage.node(
  library INTEGER, item_id TEXT, parent INTEGER, name TEXT, modified TEXT, unique_id TEXT,
  size INTEGER, list_item_id INTEGER, shared INTEGER, kind INTEGER, root INTEGER,
  deleted INTEGER, fresh INTEGER, PRIMARY KEY(library, item_id)) WITHOUT ROWID;
CREATE TABLE stage.inheriting(
  library INTEGER, list_item_id INTEGER, PRIMARY KEY(library, list_item_id)) WITHOUT ROWID;
CREATE TABLE stage.named(unique_id TEXT PRIMARY KEY) WITHOUT ROWID;
)sql";

constexpr int kStageVersion = 1;  // Another program's stage is not gone on with.

std::string StagePath(const sqlite::Database& db) { return db.path() + "-stage"; }

}  // namespace

std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += '\'';
    quoted += c;
  }
  return quoted + "'";
}

std::span<const char* const> SchemaSteps() { return kSteps; }

Status CheckSchema(sqlite::Database& db, int newest, bool read_only) {
  const auto version = db.Number("PRAGMA user_version");
  const auto application = db.Number("PRAGMA application_id");
  const auto tables = db.Number("SELECT count(*) FROM sqlite_schema");
  if (auto read = db.Check("opening the audit database"); !read) return read;
  if (application != kApplicationId && (tables > 0 || version > 0)) {
    return Fail(ErrorCode::kUsage, fmt::format("{} is not an audit database", db.path()),
                "Name the file an audit wrote, or a file that does not exist yet.");
  }
  if (version > newest) {
    return Fail(ErrorCode::kUsage,
                fmt::format("{} was made by a newer program (schema {}, this one knows {})",
                            db.path(), version, newest),
                "Use the program that wrote it, or a newer one.");
  }
  if (read_only && version < newest) {
    return Fail(ErrorCode::kUsage,
                fmt::format("{} was made by an older program (schema {}, this one knows {})",
                            db.path(), version, newest),
                "Run an audit into it once, which brings it up to date and keeps a backup.");
  }
  return {};
}

Status Migrate(sqlite::Database& db, std::span<const char* const> steps) {
  const int newest = static_cast<int>(steps.size());
  if (auto checked = CheckSchema(db, newest, /*read_only=*/false); !checked) return checked;
  const int version = static_cast<int>(db.Number("PRAGMA user_version"));
  if (version == newest) return {};

  if (version > 0) {
    const std::string backup = fmt::format("{}.v{}-backup", db.path(), version);
    ::unlink(backup.c_str());
    const int file = ::open(backup.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file >= 0) ::close(file);
    db.Exec("VACUUM INTO " + Quoted(backup));
  }
  for (int step = version; step < newest; ++step) {
    db.Exec("BEGIN IMMEDIATE");
    // Another process may have taken this step while we waited for the file.
    if (db.Number("PRAGMA user_version") == step) {
      db.Exec(steps[static_cast<std::size_t>(step)]);
      db.Exec(fmt::format("PRAGMA application_id = {}", kApplicationId));
      db.Exec(fmt::format("PRAGMA user_version = {}", step + 1));
    }
    db.Exec("COMMIT");
  }
  if (!db.ok() && db.InTransaction())
    sqlite3_exec(db.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  return db.Check("bringing the audit database to this program's schema");
}

Status AttachStage(sqlite::Database& db, std::int64_t run, bool resumed) {
  const std::string path = StagePath(db);
  // A write-ahead log, so that a process that dies leaves whole transactions. What a power cut may
  // do to it is found on opening, and costs the pages staged, no more.
  const auto attach = [&] {
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0) ::close(file);
    db.Exec("ATTACH " + Quoted(path) + " AS stage");
    db.Exec(
        "PRAGMA stage.locking_mode = EXCLUSIVE; PRAGMA stage.journal_mode = WAL;"
        "PRAGMA stage.synchronous = OFF; PRAGMA stage.cache_size = -4096;");
  };
  if (resumed) {
    attach();
    const bool ours = db.Number("PRAGMA stage.user_version") == kStageVersion &&
                      db.Number("SELECT number FROM stage.run") == run &&
                      db.Number("SELECT quick_check = 'ok' FROM pragma_quick_check(1, 'stage')");
    if (db.ok() && ours) return {};
    (void)db.Check("opening the staging area");
    sqlite3_exec(db.handle(), "DETACH stage", nullptr, nullptr, nullptr);
  }
  RemoveStage(db);
  attach();
  db.Exec(kStageTables);
  db.Exec(fmt::format("PRAGMA stage.user_version = {}", kStageVersion));
  db.Exec(fmt::format("INSERT INTO stage.run VALUES ({})", run));
  return db.Check("making the staging area of the audit database");
}

void DetachStage(sqlite::Database& db, bool keep) {
  db.ForgetStatements();
  sqlite3_exec(db.handle(), "DETACH stage", nullptr, nullptr, nullptr);
  if (!keep) RemoveStage(db);
}

void RemoveStage(const sqlite::Database& db) {
  const std::string path = StagePath(db);
  for (const char* suffix : {"", "-journal", "-wal", "-shm"}) ::unlink((path + suffix).c_str());
}

}  // namespace spa
