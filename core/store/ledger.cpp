#include <fmt/format.h>

#include "core/store/coverage.h"
#include "core/store/sqlite_store.h"

namespace spa {
namespace {

// The objects of run ?1.
constexpr char kObjects[] =
    "SELECT type, oid, scope FROM object "
    "WHERE from_run <= ?1 AND (to_run IS NULL OR to_run > ?1) ORDER BY oid";

constexpr char kScopes[] = R"sql(
  SELECT count(*), count(DISTINCT s.acl) FROM scope s
  JOIN object o ON o.oid = s.oid AND o.scope = o.oid
    AND o.from_run <= ?1 AND (o.to_run IS NULL OR o.to_run > ?1)
  WHERE s.from_run <= ?1 AND (s.to_run IS NULL OR s.to_run > ?1))sql";

// Each permission set counts as often as it applies. A link reaches outside where anybody may use
// it or one of its people is known as a guest.
constexpr char kGrants[] = R"sql(
  WITH used AS (
    SELECT s.acl, count(*) AS times FROM scope s
    JOIN object o ON o.oid = s.oid AND o.scope = o.oid
      AND o.from_run <= ?1 AND (o.to_run IS NULL OR o.to_run > ?1)
    WHERE s.from_run <= ?1 AND (s.to_run IS NULL OR s.to_run > ?1) GROUP BY s.acl
    UNION ALL
    SELECT acl, count(*) FROM site_scope
    WHERE from_run <= ?1 AND (to_run IS NULL OR to_run > ?1) GROUP BY acl),
  guest(id) AS (
    SELECT principal_id FROM acl_grant WHERE principal_type = 'guest' AND principal_id <> ''
    UNION SELECT id FROM member WHERE user_type = 'guest' AND id <> '')
  SELECT sum(times), sum(times * (principal_type = 'link')),
         sum(times * (principal_type = 'guest' OR (principal_type = 'link' AND (
           link_scope IS 'anonymous' OR (link_scope IS NOT 'organization' AND EXISTS (
             SELECT 1 FROM json_each(link_people) j WHERE j.value IN (SELECT id FROM guest))))))),
         sum(times * (principal_type = 'link' AND link_scope IS 'anonymous'))
  FROM used JOIN acl_grant g ON g.acl = used.acl WHERE g.role <> 'none')sql";

}  // namespace

void SqliteStore::WriteGap(std::optional<Oid> oid, std::string_view url, CoverageState state,
                           std::string_view reason, std::string_view remedy) {
  db_->Get("INSERT INTO gap(run, oid, url, state, reason, remedy) VALUES (?, ?, ?, ?, ?, ?)")
      .Bind(run_, oid, url, Name(state), reason, remedy)
      .Run();
}

Status SqliteStore::PutGap(const Gap& gap) {
  if (auto begun = StartWrite(); !begun) return begun;
  WriteGap(gap.oid, gap.url, gap.state, gap.reason, gap.remedy);
  return EndWrite(fmt::format("storing a gap about {}", gap.url));
}

Result<std::vector<Gap>> SqliteStore::Gaps(RunNo run) {
  std::vector<Gap> gaps;
  sqlite::Statement rows(*db_, R"sql(
    SELECT g.oid, CASE WHEN g.url <> '' THEN g.url ELSE (
             SELECT coalesce(o.url, p.url || '/' || coalesce(o.url_segment, o.name))
             FROM object o LEFT JOIN object p ON p.oid = o.parent AND p.to_run IS NULL
             WHERE o.oid = g.oid AND o.to_run IS NULL) END AS object_url,
           g.state, g.reason, g.remedy
    FROM gap g WHERE g.run = ? ORDER BY object_url, g.seq)sql");
  rows.Bind(run);
  while (rows.Step()) {
    Gap gap;
    if (!rows.IsNull(0)) gap.oid = rows.Int(0);
    gap.url = rows.String(1);
    gap.state = CoverageStateNamed(rows.Text(2));
    gap.reason = rows.String(3);
    gap.remedy = rows.String(4);
    gaps.push_back(std::move(gap));
  }
  if (auto read = db_->Check("listing what could not be read"); !read) return Fail(read.error());
  return gaps;
}

Result<StoreCounts> SqliteStore::Counts(RunNo run) {
  StoreCounts counts;
  std::int64_t* const by_type[] = {&counts.sites, &counts.libraries, &counts.folders,
                                   &counts.files, &counts.lists,     &counts.list_items};
  Coverage coverage(*db_, run);
  sqlite::Statement objects(*db_, kObjects);
  objects.Bind(run);
  while (objects.Step()) {
    ++*by_type[objects.Int(0)];
    ++counts.discovered;
    switch (coverage.StateOf(objects.Int(1), objects.Int(2)).state) {
      case CoverageState::kRead:
        ++counts.read;
        break;
      case CoverageState::kInherited:
        ++counts.inherited;
        break;
      case CoverageState::kSkipped:
        ++counts.skipped;
        break;
      default:
        ++counts.failed;
    }
  }
  sqlite::Statement scopes(*db_, kScopes);
  if (scopes.Bind(run).Step()) {
    counts.unique_scopes = scopes.Int(0);
    counts.acls = scopes.Int(1);
  }
  sqlite::Statement grants(*db_, kGrants);
  if (grants.Bind(run).Step()) {
    counts.grants = grants.Int(0);
    counts.links = grants.Int(1);
    counts.external = grants.Int(2);
    counts.anonymous = grants.Int(3);
  }
  if (auto read = db_->Check("counting what the run found"); !read) return Fail(read.error());
  return counts;
}

Result<std::vector<std::pair<std::string, std::int64_t>>> SqliteStore::MethodCounts(RunNo run) {
  std::vector<std::pair<std::string, std::int64_t>> methods;
  sqlite::Statement rows(*db_, R"sql(
    SELECT m.name, count(*) FROM container c CROSS JOIN object o ON o.oid = c.oid
      AND o.from_run <= ?1 AND (o.to_run IS NULL OR o.to_run > ?1)
    JOIN scope_method m ON m.method = o.method
    WHERE c.finished_run >= ?1 GROUP BY m.method ORDER BY m.method)sql");
  rows.Bind(run);
  while (rows.Step()) methods.emplace_back(rows.String(0), rows.Int(1));
  if (auto read = db_->Check("counting the methods used"); !read) return Fail(read.error());
  return methods;
}

Result<std::int64_t> SqliteStore::OldestRead() {
  sqlite::Statement row(*db_, R"sql(
    SELECT coalesce(unixepoch(started_at), 0) FROM run WHERE number = (
      SELECT min(read_run) FROM (
        SELECT min(s.read_run) AS read_run FROM scope s WHERE s.to_run IS NULL
        UNION ALL SELECT min(read_run) FROM site_scope WHERE to_run IS NULL
        UNION ALL SELECT min(read_run) FROM group_info WHERE to_run IS NULL)))sql");
  const std::int64_t oldest = row.Step() ? row.Int(0) : 0;
  if (auto read = db_->Check("looking for the oldest permissions"); !read) {
    return Fail(read.error());
  }
  return oldest;
}

}  // namespace spa
