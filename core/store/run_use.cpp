#include "core/store/run_use.h"

#include <map>

#include "core/store/run_reader.h"

namespace spa {
namespace {

// A use is a grant in a scope, or a place in another group.
constexpr char kGroups[] = R"sql(
  SELECT id, owners, sum(uses) AS uses FROM (
    SELECT g.principal_id AS id, g.principal_login LIKE '%\_o' ESCAPE '\' AS owners,
           count(*) AS uses
    FROM (SELECT acl, from_run, to_run FROM scope
          UNION ALL SELECT acl, from_run, to_run FROM site_scope) s
    JOIN acl_grant g ON g.acl = s.acl
    WHERE s.from_run <= ?1 AND (s.to_run IS NULL OR s.to_run > ?1) AND g.principal_id <> ''
      AND g.principal_type = 'group' AND g.role <> 'none'
    GROUP BY 1, 2
    UNION ALL
    SELECT m.id, m.kind = 'group_owners', count(*)
    FROM group_info i JOIN member m ON m.member_set = i.member_set
    WHERE i.from_run <= ?1 AND (i.to_run IS NULL OR i.to_run > ?1)
      AND m.kind IN ('group', 'group_owners') AND m.id <> ''
    GROUP BY 1, 2)
  GROUP BY id, owners ORDER BY uses DESC, id, owners LIMIT ?2)sql";

constexpr char kSites[] = R"sql(
  SELECT e.graph_id, coalesce(p.graph_id, ''), o.url, o.name, c.personal
  FROM object o JOIN entity e ON e.oid = o.oid JOIN container c ON c.oid = o.oid
  LEFT JOIN entity p ON p.oid = o.parent
  WHERE o.type = 0 AND o.from_run <= ?1 AND (o.to_run IS NULL OR o.to_run > ?1)
    AND e.graph_id <> o.url
    AND NOT EXISTS (SELECT 1 FROM gap WHERE run = ?1 AND oid = o.oid AND state = 'skipped')
  ORDER BY o.oid)sql";

}  // namespace

Result<RunUse> UseOfLastRun(const std::string& db_path, std::int64_t most) {
  const auto opened = OpenRun(db_path, "last");
  if (!opened) return Fail(opened.error());
  sqlite::Database& db = *opened->db;
  const RunNo run = opened->info.number;
  RunUse use;
  use.run_id = opened->info.id;
  sqlite::Statement groups(db, kGroups);
  groups.Bind(run, most);
  while (groups.Step()) {
    GroupRef group;
    group.id = groups.String(0);
    if (groups.Int(1) != 0) group.kind = GroupRef::Kind::kOwners;
    use.groups.push_back(std::move(group));
  }
  sqlite::Statement sites(db, kSites);
  sites.Bind(run);
  std::map<std::string, std::string> roots;  // By site; a parent comes before what stands in it.
  while (sites.Step()) {
    Site site;
    site.id = sites.String(0);
    site.parent_id = sites.String(1);
    site.web_url = sites.String(2);
    site.name = sites.String(3);
    site.is_personal = sites.Int(4) != 0;
    if (!site.parent_id.empty()) {
      const auto above = roots.find(site.parent_id);
      site.root_id = above == roots.end() ? site.parent_id : above->second;
    }
    roots.emplace(site.id, site.root_id.empty() ? site.id : site.root_id);
    use.sites.push_back(std::move(site));
  }
  if (auto read = db.Check("reading what the last run used"); !read) return Fail(read.error());
  return use;
}

}  // namespace spa
