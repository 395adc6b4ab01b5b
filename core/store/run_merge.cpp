// One run out of the runs of several databases, each of which audited its shard of a tenant.
//
// The sources are copied into temporary tables one after the other (SQLite attaches ten files at
// most, and none within a transaction), with the numbers they have there and, in `src`, whose they
// are. Then one transaction gives every object its number here, by what never changes about it, and
// every set by its hash. Columns that need no translation are copied by name, so that a new one
// takes part by itself.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "core/shard.h"
#include "core/store/schema.h"
#include "core/store/sqlite_store.h"

namespace spa {
namespace {

struct Source {
  Source() = default;
  std::string path;
  RunInfo run;
  Shard shard;
};

tl::unexpected<Error> Refused(std::string message, std::string remedy) {
  return Fail(ErrorCode::kUsage, std::move(message), std::move(remedy));
}

Result<Source> Look(const std::string& path) {
  auto store = AuditStore::Open(path, AuditStore::Mode::kReadOnly);
  if (!store) return Fail(store.error());
  auto run = (*store)->FindRun("");
  if (!run) {
    run.error().message = fmt::format("{}: {}", path, run.error().message);
    return Fail(run.error());
  }
  Source source;
  source.path = path;
  source.run = *run;
  const auto shard = ParseShard(run->shard);
  if (!shard) {
    return Refused(
        fmt::format("run {} in {} is of the whole tenant, not of a shard", run->id, path),
        "Merge what `audit --shard` wrote.");
  }
  source.shard = *shard;
  return source;
}

// All of one tenant and one way to split it, none twice. The missing ones, by number.
Result<std::vector<int>> CheckTogether(const std::vector<Source>& sources) {
  const Source& first = sources.front();
  std::map<int, const Source*> have;
  for (const Source& each : sources) {
    if (each.run.tenant_id != first.run.tenant_id) {
      return Refused(fmt::format("{} is of tenant {}, {} of tenant {}", first.path,
                                 first.run.tenant_id, each.path, each.run.tenant_id),
                     "Merge the shards of one tenant.");
    }
    if (each.shard.count != first.shard.count) {
      return Refused(fmt::format("{} is shard {}, {} is shard {}: they overlap", first.path,
                                 first.shard.Text(), each.path, each.shard.Text()),
                     "Merge shards of the same number in all.");
    }
    const auto [at, fresh] = have.emplace(each.shard.number, &each);
    if (!fresh) {
      return Refused(fmt::format("{} and {} are both shard {}", at->second->path, each.path,
                                 each.shard.Text()),
                     "Name each shard once.");
    }
  }
  std::vector<int> missing;
  for (int number = 1; number <= first.shard.count; ++number) {
    if (!have.contains(number)) missing.push_back(number);
  }
  return missing;
}

// The columns of a table that are copied as they are: all but those named.
std::vector<std::string> Columns(sqlite::Database& db, const char* table,
                                 const std::vector<std::string>& without) {
  std::vector<std::string> names;
  sqlite::Statement rows(db, "SELECT name FROM pragma_table_info(?, 'main')");
  rows.Bind(table);
  while (rows.Step()) {
    std::string name = rows.String(0);
    if (std::find(without.begin(), without.end(), name) == without.end()) {
      names.push_back(std::move(name));
    }
  }
  return names;
}

// ", a, b", or ", g.a, g.b" of the table g.
std::string Then(const std::vector<std::string>& columns, const std::string& of = "") {
  std::string list;
  for (const std::string& column : columns) {
    list += ", ";
    if (!of.empty()) list += of + '.';
    list += column;
  }
  return list;
}

class Merge {
 public:
  Merge(sqlite::Database& db, bool partial)
      : db_(db),
        partial_(partial),
        object_(
            Columns(db, "object", {"oid", "from_run", "to_run", "container", "parent", "scope"})),
        container_(Columns(
            db, "container",
            {"oid", "seen_run", "listed_run", "finished_run", "delta_link", "delta_shape"})),
        grant_(Columns(db, "acl_grant", {"acl"})),
        member_(Columns(db, "member", {"member_set"})),
        scope_(Columns(db, "scope", {"oid", "from_run", "to_run", "acl", "read_run"})),
        group_(Columns(db, "group_info", {"key", "from_run", "to_run", "member_set", "read_run"})),
        gap_(Columns(db, "gap", {"seq", "run", "oid"})),
        principal_(Columns(db, "principal", {"id", "from_run", "to_run", "read_run"})) {}

  void Take(std::size_t number, const Source& source);
  void Apply(RunNo run);
  void DropTables();

 private:
  // Appends what `select` yields, from the source attached as `src`, to the temporary table.
  void Copy(std::size_t number, const std::string& table, const std::string& select);
  void Index(const std::string& table, const std::string& columns) {
    db_.Exec(fmt::format("CREATE INDEX temp.{0}_by ON {0}({1})", table, columns));
  }
  void ForgetNamesakes();
  void NumberObjects();
  void BringSets(const std::string& set, const std::string& rows,
                 const std::vector<std::string>& columns);
  void BringObjects(RunNo run);
  void BringScopes(RunNo run);
  void BringSiteScopes(RunNo run);
  void BringGroups(RunNo run);
  void BringPrincipals(RunNo run);
  void BringSettings(RunNo run);
  void BringLedger(RunNo run);
  // Makes what holds in `table` equal to temp.now_TABLE: the rest ends, what differs begins anew.
  // `known`: of a partial merge, what it may end.
  void Replace(const std::string& table, const std::string& key, const std::string& known,
               const std::vector<std::string>& columns, RunNo run);

  sqlite::Database& db_;
  bool partial_;
  std::vector<std::string> object_, container_, grant_, member_, scope_, group_, gap_, principal_;
  std::vector<std::string> tables_;
};

void Merge::Copy(std::size_t number, const std::string& table, const std::string& select) {
  const bool first = std::find(tables_.begin(), tables_.end(), table) == tables_.end();
  if (first) tables_.push_back(table);
  db_.Exec(fmt::format("{} SELECT {} AS src, {}",
                       first ? "CREATE TEMP TABLE " + table + " AS" : "INSERT INTO temp." + table,
                       number, select));
}

void Merge::DropTables() {
  db_.ForgetStatements();
  for (const std::string& table : tables_) db_.Exec("DROP TABLE temp." + table);
  tables_.clear();
}

void Merge::Take(std::size_t number, const Source& source) {
  const std::string run = std::to_string(source.run.number);
  const std::string held = fmt::format("from_run <= {0} AND (to_run IS NULL OR to_run > {0})", run);
  const auto ours = [&](std::string_view column, std::string_view table) {
    return fmt::format("IN (SELECT {} FROM temp.{} WHERE src = {})", column, table, number);
  };
  db_.Exec("ATTACH " + Quoted(source.path) + " AS src");
  db_.Exec("BEGIN");  // One look at the source, though it may be written to.
  Copy(number, "m_entity", "oid, container, graph_id, NULL AS target FROM src.entity");
  Copy(
      number, "m_object",
      fmt::format("oid, container, parent, scope{} FROM src.object WHERE {}", Then(object_), held));
  Copy(number, "m_container",
       fmt::format(
           "oid, seen_run >= {0} AS seen, listed_run >= {0} AS listed, "
           "coalesce(finished_run >= {0}, 0) AS finished{1} FROM src.container WHERE oid {2}",
           run, Then(container_), ours("oid", "m_object")));
  Copy(number, "m_scope",
       fmt::format("oid, acl, read_run >= {} AS fresh{} FROM src.scope WHERE {}", run, Then(scope_),
                   held));
  Copy(number, "m_site_scope",
       fmt::format("oid, source, acl, read_run >= {} AS fresh FROM src.site_scope WHERE {}", run,
                   held));
  const std::string acls = fmt::format(
      "IN (SELECT acl FROM temp.m_scope WHERE src = {0} "
      "UNION SELECT acl FROM temp.m_site_scope WHERE src = {0})",
      number);
  Copy(number, "m_acl", "id, hash FROM src.acl WHERE id " + acls);
  Copy(number, "m_acl_grant",
       fmt::format("acl{} FROM src.acl_grant WHERE acl {}", Then(grant_), acls));
  Copy(number, "m_principal",
       fmt::format("id, read_run >= {} AS fresh{} FROM src.principal WHERE {}", run,
                   Then(principal_), held));
  Copy(number, "m_setting",
       fmt::format("key, value, read_run >= {} AS fresh FROM src.setting WHERE {}", run, held));
  Copy(number, "m_group",
       fmt::format("key, member_set, read_run >= {} AS fresh{} FROM src.group_info WHERE {}", run,
                   Then(group_), held));
  Copy(number, "m_member_set",
       "id, hash FROM src.member_set WHERE id " + ours("member_set", "m_group"));
  Copy(number, "m_member",
       fmt::format("member_set{} FROM src.member WHERE member_set {}", Then(member_),
                   ours("member_set", "m_group")));
  Copy(number, "m_gap", fmt::format("seq, oid{} FROM src.gap WHERE run = {}", Then(gap_), run));
  Copy(number, "m_acceptance",
       "finding, owner, reason, until, baseline, accepted_at FROM src.acceptance");
  Copy(number, "m_confirmed",
       fmt::format("container FROM src.confirmed WHERE {} BETWEEN from_run AND to_run", run));
  db_.Exec("COMMIT");
  db_.ForgetStatements();
  sqlite3_exec(db_.handle(), "DETACH src", nullptr, nullptr, nullptr);
}

void Merge::Apply(RunNo run) {
  Index("m_entity", "src, oid");
  Index("m_acl", "src, id");
  Index("m_member_set", "src, id");
  ForgetNamesakes();
  NumberObjects();
  BringSets("acl", "acl_grant", grant_);
  BringSets("member_set", "member", member_);
  BringObjects(run);
  BringScopes(run);
  BringSiteScopes(run);
  BringGroups(run);
  BringPrincipals(run);
  BringSettings(run);
  BringLedger(run);
}

// A configured site that could not be looked up goes by its address, in every shard. Where one
// shard knows it, its word counts.
void Merge::ForgetNamesakes() {
  tables_.emplace_back("m_namesake");
  db_.Exec(R"sql(
    CREATE TEMP TABLE m_namesake AS
      SELECT o.src, o.oid FROM m_object o JOIN m_entity e ON e.src = o.src AND e.oid = o.oid
      WHERE o.type = 0 AND e.graph_id = o.url AND o.url IN (
        SELECT p.url FROM m_object p JOIN m_entity f ON f.src = p.src AND f.oid = p.oid
        WHERE p.type = 0 AND f.graph_id <> p.url);)sql");
  for (const char* table : {"m_object", "m_container", "m_gap"}) {
    db_.Exec(fmt::format("DELETE FROM temp.{} WHERE (src, oid) IN (SELECT * FROM temp.m_namesake)",
                         table));
  }
}

void Merge::NumberObjects() {
  db_.Exec(R"sql(
    INSERT OR IGNORE INTO main.entity(container, graph_id)
      SELECT 0, graph_id FROM m_entity WHERE container = 0;
    UPDATE temp.m_entity SET target = (SELECT e.oid FROM main.entity e
        WHERE e.container = 0 AND e.graph_id = m_entity.graph_id)
      WHERE container = 0;)sql");
  for (int depth = 0; depth < 2; ++depth) {  // Libraries and lists, then what is in them.
    db_.Exec(R"sql(
      INSERT OR IGNORE INTO main.entity(container, graph_id)
        SELECT c.target, e.graph_id
        FROM m_entity e JOIN m_entity c ON c.src = e.src AND c.oid = e.container
        WHERE e.target IS NULL AND c.target IS NOT NULL;
      UPDATE temp.m_entity SET target = (SELECT e.oid
          FROM temp.m_entity c JOIN main.entity e
            ON e.container = c.target AND e.graph_id = m_entity.graph_id
          WHERE c.src = m_entity.src AND c.oid = m_entity.container)
        WHERE target IS NULL;)sql");
  }
}

// `set` is found by its hash; `rows` are what it holds, and the same where the hash is.
void Merge::BringSets(const std::string& set, const std::string& rows,
                      const std::vector<std::string>& columns) {
  db_.Exec(fmt::format("INSERT OR IGNORE INTO main.{0}(hash) SELECT hash FROM m_{0}", set));
  db_.Exec(fmt::format(
      "INSERT OR IGNORE INTO main.{1}({0}{2}) SELECT s.id{3} FROM m_{1} r "
      "JOIN m_{0} m ON m.src = r.src AND m.id = r.{0} JOIN main.{0} s ON s.hash = m.hash",
      set, rows, Then(columns), Then(columns, "r")));
}

void Merge::Replace(const std::string& table, const std::string& key, const std::string& known,
                    const std::vector<std::string>& columns, RunNo run) {
  std::string same;
  for (const std::string& column : columns) {
    same += fmt::format(" AND n.{0} IS {1}.{0}", column, table);
  }
  db_.Exec(fmt::format(
      "UPDATE main.{0} SET to_run = {1} WHERE to_run IS NULL AND NOT EXISTS "
      "(SELECT 1 FROM temp.now_{0} n WHERE n.{2} = {0}.{2}{3}){4}",
      table, run, key, same,
      partial_ ? fmt::format(" AND {0} IN (SELECT {0} FROM temp.{1})", key, known) : ""));
  // `read_run` where the table has one: nobody's, until it is known to be this run's.
  const bool read = table != "object";
  db_.Exec(fmt::format(
      "INSERT INTO main.{0}({1}, from_run{2}{3}) SELECT n.{1}, {4}{5}{6} FROM temp.now_{0} n "
      "WHERE NOT EXISTS (SELECT 1 FROM main.{0} o WHERE o.{1} = n.{1} AND o.to_run IS NULL)",
      table, key, read ? ", read_run" : "", Then(columns), run, read ? ", 0" : "",
      Then(columns, "n")));
  if (!read) return;
  db_.Exec(
      fmt::format("UPDATE main.{0} SET read_run = {1} WHERE to_run IS NULL AND {2} IN "
                  "(SELECT {2} FROM temp.now_{0} WHERE fresh)",
                  table, run, key));
}

void Merge::BringObjects(RunNo run) {
  tables_.emplace_back("now_object");
  db_.Exec(
      fmt::format("CREATE TEMP TABLE now_object(oid INTEGER PRIMARY KEY, container, parent, "
                  "scope{})",
                  Then(object_)));
  db_.Exec(fmt::format(R"sql(
    INSERT OR IGNORE INTO temp.now_object(oid, container, parent, scope{})
      SELECT e.target, coalesce(c.target, 0), coalesce(p.target, 0), coalesce(s.target, e.target){}
      FROM m_object o JOIN m_entity e ON e.src = o.src AND e.oid = o.oid
      LEFT JOIN m_entity c ON c.src = o.src AND c.oid = o.container
      LEFT JOIN m_entity p ON p.src = o.src AND p.oid = o.parent
      LEFT JOIN m_entity s ON s.src = o.src AND s.oid = o.scope
      WHERE e.target IS NOT NULL)sql",
                       Then(object_), Then(object_, "o")));
  std::vector<std::string> columns = object_;
  columns.insert(columns.end(), {"container", "parent", "scope"});
  Replace("object", "oid", "now_object", columns, run);
  // Links to changes are left behind: they belong to the run that asked.
  db_.Exec(fmt::format(
      "INSERT OR REPLACE INTO main.container(oid, seen_run, listed_run, finished_run{0}) "
      "SELECT e.target, iif(c.seen, {1}, 0), iif(c.listed, {1}, 0), iif(c.finished, {1}, NULL){2} "
      "FROM m_container c JOIN m_entity e ON e.src = c.src AND e.oid = c.oid",
      Then(container_), run, Then(container_, "c")));
  db_.Exec(fmt::format(
      "INSERT OR IGNORE INTO main.confirmed(container, from_run, to_run) SELECT e.target, {0}, {0} "
      "FROM m_confirmed c JOIN m_entity e ON e.src = c.src AND e.oid = c.container",
      run));
}

void Merge::BringScopes(RunNo run) {
  tables_.emplace_back("now_scope");
  db_.Exec(fmt::format("CREATE TEMP TABLE now_scope(oid INTEGER PRIMARY KEY, acl, fresh{})",
                       Then(scope_)));
  db_.Exec(fmt::format(R"sql(
    INSERT OR IGNORE INTO temp.now_scope(oid, acl, fresh{})
      SELECT e.target, a.id, s.fresh{} FROM m_scope s
      JOIN m_entity e ON e.src = s.src AND e.oid = s.oid
      JOIN m_acl m ON m.src = s.src AND m.id = s.acl JOIN main.acl a ON a.hash = m.hash
      WHERE e.target IS NOT NULL)sql",
                       Then(scope_), Then(scope_, "s")));
  std::vector<std::string> columns = scope_;
  columns.emplace_back("acl");
  Replace("scope", "oid", "now_object", columns, run);
}

// By site and source: what one could not tell may stand beside what the other did.
void Merge::BringSiteScopes(RunNo run) {
  tables_.emplace_back("now_site_scope");
  db_.Exec(R"sql(
    CREATE TEMP TABLE now_site_scope(oid, source, acl, fresh, PRIMARY KEY(oid, source)) WITHOUT ROWID;
    INSERT OR IGNORE INTO temp.now_site_scope(oid, source, acl, fresh)
      SELECT e.target, s.source, a.id, s.fresh FROM m_site_scope s
      JOIN m_entity e ON e.src = s.src AND e.oid = s.oid
      JOIN m_acl m ON m.src = s.src AND m.id = s.acl JOIN main.acl a ON a.hash = m.hash
      WHERE e.target IS NOT NULL;)sql");
  db_.Exec(fmt::format(
      "UPDATE main.site_scope SET to_run = {} WHERE to_run IS NULL AND (oid, source, acl) NOT IN "
      "(SELECT oid, source, acl FROM temp.now_site_scope){}",
      run, partial_ ? " AND oid IN (SELECT oid FROM temp.now_object)" : ""));
  db_.Exec(fmt::format(R"sql(
    INSERT INTO main.site_scope(oid, source, from_run, acl, read_run)
      SELECT n.oid, n.source, {0}, n.acl, 0 FROM temp.now_site_scope n WHERE NOT EXISTS (
        SELECT 1 FROM main.site_scope o
        WHERE o.oid = n.oid AND o.source = n.source AND o.to_run IS NULL);
    UPDATE main.site_scope SET read_run = {0} WHERE to_run IS NULL AND (oid, source) IN
      (SELECT oid, source FROM temp.now_site_scope WHERE fresh);)sql",
                       run));
}

// What the shard that began last was told of somebody.
void Merge::BringPrincipals(RunNo run) {
  tables_.emplace_back("now_principal");
  db_.Exec(
      fmt::format("CREATE TEMP TABLE now_principal(id TEXT PRIMARY KEY, fresh{}) WITHOUT ROWID",
                  Then(principal_)));
  db_.Exec(fmt::format(
      "INSERT OR IGNORE INTO temp.now_principal(id, fresh{0}) SELECT id, fresh{0} FROM m_principal "
      "ORDER BY src DESC",
      Then(principal_)));
  Replace("principal", "id", "now_principal", principal_, run);
}

// The same for settings.
void Merge::BringSettings(RunNo run) {
  tables_.emplace_back("now_setting");
  db_.Exec(
      "CREATE TEMP TABLE now_setting(key TEXT PRIMARY KEY, fresh, value) WITHOUT ROWID;"
      "INSERT OR IGNORE INTO temp.now_setting(key, fresh, value) SELECT key, fresh, value FROM "
      "m_setting ORDER BY src DESC;");
  Replace("setting", "key", "now_setting", {"value"}, run);
}

// A directory group that several shards met: the word of the shard that began last.
void Merge::BringGroups(RunNo run) {
  tables_.emplace_back("now_group_info");
  db_.Exec(fmt::format(
      "CREATE TEMP TABLE now_group_info(key TEXT PRIMARY KEY, member_set, fresh{}) WITHOUT ROWID",
      Then(group_)));
  db_.Exec(fmt::format(R"sql(
    INSERT OR IGNORE INTO temp.now_group_info(key, member_set, fresh{})
      SELECT g.key, s.id, g.fresh{} FROM m_group g
      JOIN m_member_set m ON m.src = g.src AND m.id = g.member_set
      JOIN main.member_set s ON s.hash = m.hash ORDER BY g.src DESC)sql",
                       Then(group_), Then(group_, "g")));
  std::vector<std::string> columns = group_;
  columns.emplace_back("member_set");
  Replace("group_info", "key", "now_group_info", columns, run);
}

// What several shards could not read alike, a group or a site, is told once.
void Merge::BringLedger(RunNo run) {
  Index("m_gap", "url");
  db_.Exec(fmt::format(R"sql(
    INSERT INTO main.gap(run, oid{0})
      SELECT {1}, e.target{2} FROM m_gap g
      LEFT JOIN m_entity e ON e.src = g.src AND e.oid = g.oid
      WHERE NOT EXISTS (
        SELECT 1 FROM m_gap h LEFT JOIN m_entity f ON f.src = h.src AND f.oid = h.oid
        WHERE h.url = g.url AND h.state = g.state AND h.src < g.src AND f.target IS e.target)
      ORDER BY g.src, g.seq)sql",
                       Then(gap_), run, Then(gap_, "g")));
  // Findings are concluded from the whole; what was decided about them stands.
  db_.Exec(
      "INSERT OR IGNORE INTO main.acceptance(finding, owner, reason, until, baseline, accepted_at) "
      "SELECT finding, owner, reason, until, baseline, accepted_at FROM m_acceptance ORDER BY "
      "accepted_at DESC");
}

std::string ShardsOf(const std::vector<int>& numbers, int count) {
  std::vector<std::string> names;
  for (const int number : numbers) names.push_back(Shard(number, count).Text());
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

Result<RunInfo> SqliteStore::BeginMerge(const std::vector<std::string>& from, bool partial) {
  if (run_ != 0 || from.empty()) return Fail(ErrorCode::kInternal, "nothing to merge into a run");
  std::vector<Source> sources;
  for (const std::string& path : from) {
    auto source = Look(path);
    if (!source) return Fail(source.error());
    sources.push_back(*std::move(source));
  }
  const auto missing = CheckTogether(sources);
  if (!missing) return Fail(missing.error());
  const int count = sources.front().shard.count;
  if (!missing->empty() && !partial) {
    return Refused("missing: shard " + ShardsOf(*missing, count),
                   "Name their databases, too, or merge what there is with --partial.");
  }
  std::sort(sources.begin(), sources.end(), [](const Source& one, const Source& other) {
    return one.run.started_at < other.run.started_at;
  });

  Merge merge(*db_, partial);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    merge.Take(i, sources[i]);
    if (auto taken = db_->Check("copying from " + sources[i].path); !taken) {
      sqlite3_exec(db_->handle(), "ROLLBACK; DETACH src", nullptr, nullptr, nullptr);
      return Fail(taken.error());
    }
  }
  db_->Exec("BEGIN IMMEDIATE");
  auto ours = TakeLock();
  if (ours) ours = CheckShard("");
  RunInfo run;
  run.tenant_id = sources.front().run.tenant_id;
  run.started_at = sources.front().run.started_at;  // Nothing in it is older.
  run.mode = "merged";
  if (ours) {
    auto& other = db_->Get("SELECT tenant_id FROM run WHERE tenant_id <> ? LIMIT 1");
    if (other.Bind(run.tenant_id).Step()) {
      ours = Refused(fmt::format("{} holds runs of tenant {}, not of {}", db_->path(),
                                 other.String(0), run.tenant_id),
                     "Give each tenant a database of its own with --db.");
    }
    other.Reset();
  }
  if (ours) {
    EnterRun(run);
    run_ = run.number;
    settled_ = true;
    broken_.reset();
    replayed_.reset();
    merge.Apply(run_);
    for (const int number : *missing) {
      WriteGap(std::nullopt, "shard " + Shard(number, count).Text(), CoverageState::kFailed,
               "this part of the tenant was not merged", "audit it, and merge all shards");
    }
    merge.DropTables();
    ours = db_->Check("merging the runs");
  }
  if (!ours) {
    sqlite3_exec(db_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    run_ = 0;
    return Fail(ours.error());
  }
  committed_ = heartbeat_ = SteadyClock::now();
  return run;
}

}  // namespace spa
