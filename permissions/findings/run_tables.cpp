#include "permissions/findings/run_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <vector>

#include "core/ascii.h"
#include "core/clock.h"
#include "permissions/findings/rule.h"

namespace spa {
namespace {

constexpr char kTables[] = R"sql(
CREATE TEMP TABLE threshold(
  name TEXT PRIMARY KEY, value REAL NOT NULL, day TEXT NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE internal_domain(domain TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE allowed_domain(domain TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE sensitive_label(label TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE site(
  oid INTEGER PRIMARY KEY, top INTEGER, graph_id TEXT, url TEXT, name TEXT, personal INTEGER);
CREATE TEMP TABLE scope_owner(
  oid INTEGER PRIMARY KEY, object_type TEXT, object_url TEXT, name TEXT, site INTEGER, top INTEGER,
  library INTEGER, acl INTEGER);
CREATE TEMP TABLE granted(
  oid INTEGER, acl INTEGER, ord INTEGER, node INTEGER, audience TEXT, expired INTEGER,
  top INTEGER, site_wide INTEGER);
CREATE TEMP TABLE link_person(oid INTEGER, acl INTEGER, ord INTEGER, person INTEGER);
CREATE TEMP TABLE person(
  node INTEGER PRIMARY KEY, id TEXT, login TEXT, name TEXT, mail TEXT, user_type TEXT,
  enabled INTEGER, domain TEXT, external INTEGER, gone INTEGER);
CREATE TEMP TABLE directory_group(
  node INTEGER PRIMARY KEY, kind TEXT, id TEXT, name TEXT, state TEXT, people INTEGER,
  deepest INTEGER, whole INTEGER);
CREATE TEMP TABLE inside(
  grp INTEGER, person INTEGER, depth INTEGER, PRIMARY KEY(grp, person)) WITHOUT ROWID;
CREATE TEMP TABLE site_owner(
  top INTEGER, person INTEGER, admin INTEGER, PRIMARY KEY(top, person)) WITHOUT ROWID;
CREATE TEMP TABLE site_audience(top INTEGER PRIMARY KEY, people INTEGER);
CREATE TEMP TABLE blocked_domain(domain TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE tenant_setting(name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TEMP TABLE site_setting(
  top INTEGER PRIMARY KEY, sharing TEXT, effective TEXT, label TEXT, group_id TEXT,
  group_visibility TEXT);
CREATE TEMP TABLE labelled(
  oid INTEGER PRIMARY KEY, top INTEGER, owner INTEGER, label TEXT, sensitive INTEGER);
CREATE TEMP TABLE sign_in(person INTEGER PRIMARY KEY, last TEXT);
)sql";

// access_grant: each grant of each scope; site_grant: what holds for a whole site collection.
// everyone_grant: grants, not links, by which everybody comes in. external_grant: a grant and
// somebody from outside whom it lets in.
constexpr char kViews[] = R"sql(
CREATE INDEX temp.granted_top ON granted(top);
CREATE INDEX temp.granted_node ON granted(node);
CREATE TEMP VIEW access_grant AS
  SELECT n.oid, n.node, n.audience, n.expired, o.object_type, o.object_url, o.site, o.top,
         o.library, g.*
  FROM granted n CROSS JOIN scope_owner o ON o.oid = n.oid
  CROSS JOIN acl_grant g ON g.acl = n.acl AND g.ord = n.ord WHERE NOT n.site_wide;
CREATE TEMP VIEW site_grant AS
  SELECT n.oid, n.node, n.audience, n.expired, n.top, g.*
  FROM granted n CROSS JOIN acl_grant g ON g.acl = n.acl AND g.ord = n.ord WHERE n.site_wide;
CREATE TEMP VIEW everyone_grant AS
  SELECT a.*, CASE WHEN a.node = 2 OR EXISTS (
      SELECT 1 FROM inside i WHERE i.grp = a.node AND i.person = 2)
    THEN 'everyone' ELSE 'organization' END AS whom,
    coalesce(nullif(a.principal_id, ''), lower(a.principal_login)) AS grantee
  FROM access_grant a
  WHERE a.principal_type <> 'link' AND (a.node IN (1, 2) OR EXISTS (
    SELECT 1 FROM inside i WHERE i.grp = a.node AND i.person IN (1, 2)));
CREATE TEMP TABLE external_grant AS
  SELECT n.oid, n.acl, n.ord, n.top, n.site_wide, n.expired, n.node AS person
  FROM granted n JOIN person p ON p.node = n.node WHERE p.external
  UNION
  SELECT n.oid, n.acl, n.ord, n.top, n.site_wide, n.expired, i.person
  FROM granted n JOIN inside i ON i.grp = n.node JOIN person p ON p.node = i.person
  WHERE p.external
  UNION
  SELECT n.oid, n.acl, n.ord, n.top, n.site_wide, n.expired, l.person
  FROM link_person l JOIN granted n ON n.oid = l.oid AND n.acl = l.acl AND n.ord = l.ord
  JOIN person p ON p.node = l.person WHERE p.external;
CREATE INDEX temp.external_grant_scope ON external_grant(oid, ord);
CREATE INDEX temp.external_grant_person ON external_grant(person);
CREATE INDEX temp.external_grant_top ON external_grant(top);
)sql";

constexpr std::string_view kMade[] = {
    "external_grant",  "everyone_grant", "site_grant",     "access_grant",    "site_audience",
    "site_owner",      "inside",         "link_person",    "granted",         "directory_group",
    "person",          "scope_owner",    "site",           "sensitive_label", "allowed_domain",
    "internal_domain", "threshold",      "blocked_domain", "tenant_setting",  "site_setting",
    "labelled",        "sign_in"};

std::string_view AfterAt(std::string_view address) {
  const auto at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
}

// Of a guest "alias_domain#ext#@tenant" what follows the last "_": names of domains hold none
// (permissions.md 4).
std::string HomeDomain(const Principal& person) {
  const std::string login = AsciiLower(person.login);
  if (const auto mark = login.find("#ext#"); mark != std::string::npos) {
    const auto underscore = login.rfind('_', mark);
    if (underscore != std::string::npos) {
      return login.substr(underscore + 1, mark - underscore - 1);
    }
  } else if (const auto domain = AfterAt(login); !domain.empty()) {
    return std::string(domain);
  }
  return AsciiLower(AfterAt(person.mail));
}

std::optional<std::string_view> OrNull(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

// What stood in this run, of the settings whose key begins so.
std::string SettingsLike(std::string_view prefix, RunNo run) {
  return fmt::format(
      "(SELECT substr(key, {0} + 1) AS name, value FROM main.setting WHERE key >= '{1}' AND key < "
      "'{1}' || char(1114111) AND from_run <= {2} AND (to_run IS NULL OR to_run > {2}))",
      prefix.size(), prefix, run);
}

std::size_t LengthOf(const Expansion& expansion, std::uint32_t chain) {
  std::size_t length = 0;
  for (; chain != UINT32_MAX; chain = expansion.chains[chain].before) ++length;
  return length;
}

}  // namespace

RunTables::RunTables(sqlite::Database& db, RunNo run, const FindingsConfig& config)
    : db_(db), run_(run), rows_(db, run), principals_(rows_), access_(rows_, principals_) {
  MakeViews();
  db_.Exec(kTables);
  PutSettings(config);
  PutSites();
  PutScopes();
  PutSharing();
  PutLabels();
  PutGrants();
  PutPeople(config);
  PutGroups();
  PutAudiences();
  db_.Exec(kViews);
}

RunTables::~RunTables() {
  sqlite::Statement made(db_, "SELECT type, name FROM sqlite_temp_schema WHERE type = 'view'");
  std::vector<std::string> views;
  while (made.Step()) views.push_back(made.String(1));
  made.Reset();
  for (const std::string& view : views) db_.Exec("DROP VIEW temp." + view);
  for (const std::string_view table : kMade) {
    if (std::find(views.begin(), views.end(), table) == views.end()) {
      db_.Exec(fmt::format("DROP TABLE IF EXISTS temp.{}", table));
    }
  }
}

// The stable views show the last finished run; these show ours, under the same names.
void RunTables::MakeViews() {
  sqlite::Statement views(db_, "SELECT name, sql FROM main.sqlite_schema WHERE type = 'view'");
  std::vector<std::string> made = {
      fmt::format("CREATE TEMP VIEW latest_run AS SELECT {} AS run", run_)};
  constexpr std::string_view kBegin = "CREATE VIEW";
  while (views.Step()) {
    if (views.Text(0) == "latest_run" || !views.Text(1).starts_with(kBegin)) continue;
    made.push_back("CREATE TEMP VIEW" + std::string(views.Text(1).substr(kBegin.size())));
  }
  views.Reset();
  for (const std::string& view : made) db_.Exec(view);
}

void RunTables::PutSettings(const FindingsConfig& config) {
  const auto start = ParseUtc(rows_.started_at());
  sqlite::Statement insert(db_, "INSERT INTO temp.threshold VALUES (?, ?, ?)");
  for (const Threshold& threshold : Thresholds()) {
    const double value = ThresholdOf(config, threshold.name);
    const std::string number = fmt::format("{}", value);
    // So many days before the run, for those that are days.
    const std::string day = start ? UtcText(*start - std::chrono::hours(static_cast<std::int64_t>(
                                                         std::min(value, 36500.0) * 24)))
                                  : "";
    insert.Bind(threshold.name, number, day).Run();
  }
  const auto put = [&](const char* sql, const std::vector<std::string>& texts) {
    sqlite::Statement insert(db_, sql);
    for (const std::string& text : texts) {
      const std::string lower = AsciiLower(text);
      insert.Bind(lower).Run();
    }
  };
  put("INSERT OR IGNORE INTO temp.internal_domain VALUES (?)", config.internal_domains);
  put("INSERT OR IGNORE INTO temp.allowed_domain VALUES (?)", config.allowed_guest_domains);
  put("INSERT OR IGNORE INTO temp.sensitive_label VALUES (?)", config.sensitive_labels);
}

void RunTables::PutSites() {
  db_.Exec(R"sql(
    INSERT INTO temp.site SELECT o.oid, 0, e.graph_id, o.url, o.name, coalesce(c.personal, 0)
    FROM entity e CROSS JOIN latest_object o ON o.oid = e.oid
    LEFT JOIN container c ON c.oid = e.oid WHERE e.container = 0)sql");
  sqlite::Statement sites(db_, "SELECT oid FROM temp.site");
  std::vector<Oid> all;
  while (sites.Step()) all.push_back(sites.Int(0));
  sites.Reset();
  sqlite::Statement update(db_, "UPDATE temp.site SET top = ?2 WHERE oid = ?1");
  for (const Oid site : all) update.Bind(site, rows_.TopSiteOf(site)).Run();
}

void RunTables::PutScopes() {
  db_.Exec(R"sql(
    INSERT INTO temp.scope_owner
      SELECT s.oid, t.name,
             coalesce(o.url, (SELECT p.url FROM latest_object p WHERE p.oid = o.parent) || '/' ||
               coalesce(o.url_segment, o.name)),
             o.name,
             CASE WHEN o.type = 0 THEN o.oid WHEN o.type IN (1, 4) THEN o.container
                  ELSE (SELECT l.container FROM latest_object l WHERE l.oid = o.container) END,
             0, CASE WHEN o.type = 0 THEN NULL WHEN o.type IN (1, 4) THEN o.oid
                     ELSE o.container END, s.acl
      FROM latest_scope s CROSS JOIN latest_object o ON o.oid = s.oid AND o.scope = o.oid
      JOIN object_type t ON t.type = o.type;
    UPDATE temp.scope_owner SET top = (SELECT top FROM temp.site s WHERE s.oid = site);)sql");
}

void RunTables::PutSharing() {
  const std::string tenant = SettingsLike("tenant_sharing", run_);
  db_.Exec(fmt::format(R"sql(
    INSERT INTO temp.tenant_setting SELECT j.key, j.value FROM {0} t, json_each(t.value) j
      WHERE j.type NOT IN ('array', 'null');
    INSERT OR IGNORE INTO temp.allowed_domain
      SELECT d.value FROM {0} t, json_each(t.value, '$.allowed_domains') d
      WHERE json_extract(t.value, '$.domain_mode') = 'allow';
    INSERT OR IGNORE INTO temp.blocked_domain
      SELECT d.value FROM {0} t, json_each(t.value, '$.blocked_domains') d
      WHERE json_extract(t.value, '$.domain_mode') = 'block';
    INSERT INTO temp.site_setting(top, sharing, label, group_id)
      SELECT s.oid, json_extract(x.value, '$.sharing'), json_extract(x.value, '$.label'),
             json_extract(x.value, '$.group_id')
      FROM temp.site s LEFT JOIN {1} x ON x.name = s.graph_id WHERE s.top = s.oid;
    UPDATE temp.site_setting SET group_visibility = (
      SELECT lower(p.visibility) FROM main.principal p WHERE p.id = group_id AND p.from_run <= {2}
        AND (p.to_run IS NULL OR p.to_run > {2})) WHERE group_id <> '';)sql",
                       tenant, SettingsLike("site_sharing:", run_), run_));
  sqlite::Statement sites(db_, "SELECT top FROM temp.site_setting");
  std::vector<Oid> tops;
  while (sites.Step()) tops.push_back(sites.Int(0));
  sites.Reset();
  sqlite::Statement update(db_, "UPDATE temp.site_setting SET effective = ?2 WHERE top = ?1");
  for (const Oid top : tops) {
    const Sharing sharing = rows_.SharingOf(top);
    if (sharing != Sharing::kUnknown) update.Bind(top, Name(sharing)).Run();
  }
}

// Sites by the label's id, files by its name; of files only those with a sensitive one are known.
void RunTables::PutLabels() {
  db_.Exec(fmt::format(R"sql(
    INSERT INTO temp.labelled SELECT top, top, top, label, label IN (
      SELECT label FROM temp.sensitive_label) FROM temp.site_setting WHERE label <> '';
    CREATE TEMP TABLE label_at(
      library INTEGER, number INTEGER, label TEXT, PRIMARY KEY(library, number)) WITHOUT ROWID;
    INSERT OR IGNORE INTO temp.label_at
      SELECT d.oid, CAST(substr(x.name, instr(x.name, '/') + 1) AS INTEGER),
             json_extract(x.value, '$.label')
      FROM {} x JOIN (SELECT e.oid, e.graph_id FROM main.container c JOIN main.entity e
                      ON e.oid = c.oid) d ON d.graph_id = substr(x.name, 1, instr(x.name, '/') - 1)
      WHERE lower(json_extract(x.value, '$.label')) IN (SELECT label FROM temp.sensitive_label);)sql",
                       SettingsLike("item_label:", run_)));
  if (db_.Number("SELECT EXISTS (SELECT 1 FROM temp.label_at)") != 0) {
    db_.Exec(R"sql(
      INSERT OR IGNORE INTO temp.labelled
        SELECT o.oid, (SELECT s.top FROM latest_object l JOIN temp.site s ON s.oid = l.container
                       WHERE l.oid = o.container), 0, a.label, 1
        FROM latest_object o CROSS JOIN temp.label_at a
          ON a.library = o.container AND a.number = o.list_item_id)sql");
  }
  db_.Exec("DROP TABLE temp.label_at");
  sqlite::Statement items(db_, "SELECT oid FROM temp.labelled WHERE owner = 0");
  std::vector<Oid> labelled;
  while (items.Step()) labelled.push_back(items.Int(0));
  items.Reset();
  sqlite::Statement update(db_, "UPDATE temp.labelled SET owner = ?2 WHERE oid = ?1");
  for (const Oid item : labelled) {
    if (const auto face = rows_.FaceOf(item)) update.Bind(item, face->owner).Run();
  }
}

void RunTables::PutGrants() {
  struct Scope {
    Scope() = default;
    Oid oid = 0, top = 0;
    std::int64_t acl = 0;
  };
  sqlite::Statement owners(db_, "SELECT oid, coalesce(top, 0), acl FROM temp.scope_owner");
  sqlite::Statement ords(db_,
                         "SELECT ord FROM acl_grant WHERE acl = ? AND role <> 'none' ORDER BY ord");
  sqlite::Statement insert(db_,
                           "INSERT INTO temp.granted(oid, acl, ord, node, audience, expired, top, "
                           "site_wide) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  sqlite::Statement person(db_, "INSERT INTO temp.link_person VALUES (?, ?, ?, ?)");
  const auto node_of = [](Node node) {
    return node == kNoNode ? std::nullopt : std::optional(static_cast<std::int64_t>(node));
  };
  while (owners.Step()) {
    Scope scope;
    scope.oid = owners.Int(0);
    scope.top = owners.Int(1);
    scope.acl = owners.Int(2);
    const ScopeGrants grants = access_.BareGrantsOf(scope.oid);
    ords.Bind(scope.acl);
    for (const ScopeGrant& grant : grants.grants) {
      // Those of the scope itself come first and in this order.
      if (grant.site_wide || !ords.Step()) break;
      const std::int64_t ord = ords.Int(0);
      const Node audience = grant.is_link                                       ? grant.audience
                            : grant.principal != kNoNode && grant.principal < 3 ? grant.principal
                                                                                : kNoNode;
      insert
          .Bind(scope.oid, scope.acl, ord, node_of(grant.principal),
                audience == kNoNode ? std::nullopt : OrNull(principals_.At(audience).id),
                grant.expired, scope.top, false)
          .Run();
      const auto named = [&](Node each) {
        person.Bind(scope.oid, scope.acl, ord, static_cast<std::int64_t>(each)).Run();
      };
      for (const Node each : grant.people) named(each);
      for (const Node group : grant.groups) {
        const auto expansion = access_.expansions().Of(group);
        for (const Step& step : expansion->steps) {
          if (principals_.At(step.who).guest != Principal::Guest::kMember) named(step.who);
        }
      }
    }
    ords.Reset();
  }
  if (db_.Number("SELECT count(*) FROM main.sqlite_schema WHERE name = 'site_scope'") == 0) return;
  sqlite::Statement sites(db_,
                          "SELECT s.oid, s.acl, g.ord, g.principal_type, g.principal_id, "
                          "g.principal_login, g.principal_email FROM latest_run r "
                          "CROSS JOIN site_scope s ON s.from_run <= r.run AND "
                          "(s.to_run IS NULL OR s.to_run > r.run) "
                          "CROSS JOIN acl_grant g ON g.acl = s.acl AND g.role <> 'none'");
  GrantRow row;
  while (sites.Step()) {
    row.principal_type = sites.Text(3);
    row.principal_id = sites.Text(4);
    row.principal_login = sites.Text(5);
    row.principal_email = sites.Text(6);
    const Node node = principals_.OfGrant(row, rows_.GraphIdOf(sites.Int(0)));
    insert
        .Bind(sites.Int(0), sites.Int(1), sites.Int(2), node_of(node),
              node < 3 ? OrNull(principals_.At(node).id) : std::nullopt, false, sites.Int(0), true)
        .Run();
  }
}

void RunTables::PutPeople(const FindingsConfig& config) {
  std::unordered_set<std::string> internal, of_members;
  for (const std::string& domain : config.internal_domains) internal.insert(AsciiLower(domain));
  for (Node node = 0; node < principals_.size(); ++node) {
    const Principal& p = principals_.At(node);
    if (p.kind == Principal::Kind::kPerson && p.guest == Principal::Guest::kMember &&
        p.login.find("#ext#") == std::string_view::npos) {
      of_members.insert(AsciiLower(AfterAt(p.login)));
    }
  }
  sqlite::Statement insert(db_, "INSERT INTO temp.person VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (Node node = 0; node < principals_.size(); ++node) {
    const Principal& p = principals_.At(node);
    if (p.kind != Principal::Kind::kPerson) continue;
    const std::string domain = HomeDomain(p);
    // Somebody invited by an address of a domain that no member has is from outside, too.
    const bool unknown = p.guest == Principal::Guest::kUnknown && p.id.empty() && !domain.empty() &&
                         !of_members.contains(domain);
    const bool external = (p.is_guest() || unknown) && !internal.contains(domain);
    const std::string_view type = p.is_guest()                           ? "guest"
                                  : p.guest == Principal::Guest::kMember ? "member"
                                                                         : "";
    insert
        .Bind(static_cast<std::int64_t>(node), p.id, p.login, p.name, p.mail, OrNull(type),
              p.enabled, domain, external, p.gone)
        .Run();
  }
  db_.Exec(fmt::format(
      "INSERT OR IGNORE INTO temp.sign_in SELECT p.node, json_extract(x.value, '$.last') FROM "
      "temp.person p JOIN {} x ON x.name = p.id WHERE p.id <> ''",
      SettingsLike("sign_in:", run_)));
}

void RunTables::PutGroups() {
  sqlite::Statement groups(db_, "SELECT DISTINCT node FROM temp.granted WHERE node IS NOT NULL");
  sqlite::Statement put_group(db_,
                              "INSERT INTO temp.directory_group VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  sqlite::Statement put_inside(db_, "INSERT OR IGNORE INTO temp.inside VALUES (?, ?, ?)");
  std::unordered_set<Node> granted;
  std::vector<Node> nodes;
  while (groups.Step()) nodes.push_back(static_cast<Node>(groups.Int(0)));
  groups.Reset();
  for (const Node node : nodes) {
    if (!principals_.At(node).is_group()) continue;
    granted.insert(node);
    const auto expansion = access_.expansions().Of(node);
    std::vector<std::size_t> lengths(expansion->chains.size());
    for (std::uint32_t i = 0; i < lengths.size(); ++i) lengths[i] = LengthOf(*expansion, i);
    std::int64_t people = 0, deepest = 0;
    Node last = kNoNode;
    for (const Step& step : expansion->steps) {
      if (step.who == last) continue;  // The shortest chain comes first.
      last = step.who;
      const auto depth = static_cast<std::int64_t>(lengths[step.chain]);
      deepest = std::max(deepest, depth);
      const Principal& p = principals_.At(step.who);
      if (p.kind == Principal::Kind::kPerson) ++people;
      // Members of the organisation are counted, not listed: rules ask for the others.
      const bool plain = p.kind == Principal::Kind::kPerson &&
                         p.guest == Principal::Guest::kMember && p.enabled != false && !p.gone;
      if (plain) continue;
      put_inside.Bind(static_cast<std::int64_t>(node), static_cast<std::int64_t>(step.who), depth)
          .Run();
    }
    const Principal& group = principals_.At(node);
    put_group
        .Bind(static_cast<std::int64_t>(node), KindOf(group), group.id, group.name,
              Name(group.state), people, deepest, !expansion->lower)
        .Run();
  }
  // Groups inside others that are gone are told, too.
  for (Node node = 0; node < principals_.size(); ++node) {
    const Principal& group = principals_.At(node);
    if (!group.is_group() || granted.contains(node)) continue;
    put_group
        .Bind(static_cast<std::int64_t>(node), KindOf(group), group.id, group.name,
              Name(group.state), 0, 0, group.state == Principal::State::kRead)
        .Run();
  }
}

void RunTables::PutAudiences() {
  std::int64_t members = 0;
  for (Node node = 0; node < principals_.size(); ++node) {
    if (principals_.At(node).guest == Principal::Guest::kMember) ++members;
  }
  sqlite::Statement uses(db_,
                         "SELECT DISTINCT n.top, n.node, n.audience IS NOT NULL AND n.audience <> "
                         "'anyone', n.site_wide OR (n.oid = n.top AND g.role = 'owner'), "
                         "n.site_wide FROM temp.granted n "
                         "CROSS JOIN acl_grant g ON g.acl = n.acl AND g.ord = n.ord "
                         "WHERE n.node IS NOT NULL OR n.audience IS NOT NULL ORDER BY n.top");
  sqlite::Statement put_owner(db_,
                              "INSERT INTO temp.site_owner VALUES (?1, ?2, ?3) ON CONFLICT DO "
                              "UPDATE SET admin = admin OR ?3");
  sqlite::Statement put_audience(db_, "INSERT OR IGNORE INTO temp.site_audience VALUES (?, ?)");
  std::vector<std::int64_t> seen(principals_.size(), -1);
  std::int64_t top = -1, people = 0;
  bool all = false;
  const auto end = [&] {
    if (top >= 0) put_audience.Bind(top, all ? std::max(people, members) : people).Run();
  };
  while (uses.Step()) {
    if (uses.Int(0) != top) {
      end();
      top = uses.Int(0);
      people = 0;
      all = false;
    }
    all = all || uses.Int(2) != 0;
    if (uses.IsNull(1)) continue;
    const bool owns = uses.Int(3) != 0, admin = uses.Int(4) != 0;
    const auto meet = [&](Node who) {
      if (principals_.At(who).kind != Principal::Kind::kPerson) {
        all = all || who == kOrganizationNode || who == kEveryoneNode;
        return;
      }
      if (owns) put_owner.Bind(top, static_cast<std::int64_t>(who), admin).Run();
      if (seen[who] == top) return;
      seen[who] = top;
      ++people;
    };
    const auto node = static_cast<Node>(uses.Int(1));
    if (!principals_.At(node).is_group()) {
      meet(node);
      continue;
    }
    const auto expansion = access_.expansions().Of(node);
    Node last = kNoNode;
    for (const Step& step : expansion->steps) {
      if (step.who != last) meet(last = step.who);
    }
  }
  end();
}

}  // namespace spa
