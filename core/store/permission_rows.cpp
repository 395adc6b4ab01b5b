#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/store/content_hash.h"
#include "core/store/sqlite_store.h"

namespace spa {
namespace {

// What a permission set says about marking inherited entries: no grants, none marked, some marked.
enum Marks { kNoGrants = 0, kNoneMarked = 1, kSomeMarked = 2 };

Marks MarksOf(std::span<const Grant> grants) {
  if (grants.empty()) return kNoGrants;
  for (const Grant& grant : grants) {
    if (grant.inherited) return kSomeMarked;
  }
  return kNoneMarked;
}

std::string JsonList(const std::vector<std::string>& texts) {
  if (texts.empty()) return "[]";  // As nearly all are.
  return nlohmann::json(texts).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<std::string_view> OrNull(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string_view>(text);
}

// Rights are 63 bits (permissions.md 3.3).
std::optional<std::int64_t> Number(const std::optional<std::uint64_t>& rights) {
  return rights ? std::optional(static_cast<std::int64_t>(*rights)) : std::nullopt;
}

std::optional<std::int64_t> Find(sqlite::Statement& statement, const std::string& hash) {
  std::optional<std::int64_t> id;
  if (statement.Bind(sqlite::Blob{hash}).Step()) id = statement.Int(0);
  statement.Reset();
  return id;
}

std::int64_t AclOf(sqlite::Database& db, std::span<const Grant> given) {
  const std::vector<Grant> grants = Normalised(given);
  const std::string hash = ContentHash(grants);
  if (const auto known = Find(db.Get("SELECT id FROM acl WHERE hash = ?"), hash)) return *known;
  db.Get("INSERT INTO acl(hash) VALUES (?)").Bind(sqlite::Blob{hash}).Run();
  const std::int64_t acl = db.LastInsertId();
  auto& insert = db.Get(
      "INSERT INTO acl_grant VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
      "?, ?, ?)");
  int ord = 0;
  for (const Grant& g : grants) {
    const std::string levels = JsonList(g.levels), people = JsonList(g.link_people);
    const std::string invited = JsonList(g.link_invited), groups = JsonList(g.link_groups);
    insert
        .Bind(acl, ord++, g.grant_id, Name(g.principal_type), g.principal_id, g.principal_name,
              g.principal_login, g.principal_email, Name(g.role), levels, OrNull(g.link_scope),
              OrNull(g.link_type), OrNull(g.link_expires_at), g.link_has_password, people, g.source,
              invited, OrNull(g.claim), Number(g.rights), g.custom_level, g.link_blocks_download,
              groups)
        .Run();
  }
  return acl;
}

std::int64_t MemberSetOf(sqlite::Database& db, std::span<const Member> given) {
  const std::vector<Member> members = Normalised(given);
  const std::string hash = ContentHash(members);
  if (const auto known = Find(db.Get("SELECT id FROM member_set WHERE hash = ?"), hash)) {
    return *known;
  }
  db.Get("INSERT INTO member_set(hash) VALUES (?)").Bind(sqlite::Blob{hash}).Run();
  const std::int64_t set = db.LastInsertId();
  auto& insert = db.Get("INSERT INTO member VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  int ord = 0;
  for (const Member& m : members) {
    insert
        .Bind(set, ord++, m.id, m.kind, m.name, m.login, m.email, OrNull(m.user_type),
              m.account_enabled, OrNull(m.external_state), OrNull(m.external_since),
              OrNull(m.claim))
        .Run();
  }
  return set;
}

}  // namespace

Status SqliteStore::PutScope(Oid owner, std::span<const Grant> grants) {
  if (auto begun = StartWrite(); !begun) return begun;
  const std::int64_t acl = AclOf(*db_, grants);
  const int marks = MarksOf(grants);
  const auto refreshed = db_->Get(
                                "UPDATE scope SET read_run = ?2, marks = ?4, due = 0 "
                                "WHERE oid = ?1 AND to_run IS NULL AND acl = ?3")
                             .Bind(owner, run_, acl, marks)
                             .Run();
  if (refreshed == 0) {
    CloseScope(owner);
    db_->Get("INSERT INTO scope(oid, from_run, acl, read_run, marks) VALUES (?1, ?2, ?3, ?2, ?4)")
        .Bind(owner, run_, acl, marks)
        .Run();
  }
  // A site or list whose own set was read owns it. FinishDrive and ResolveItemScopes say who owns
  // in a library.
  auto& type = db_->Get("SELECT type FROM object WHERE oid = ? AND to_run IS NULL");
  const bool decides =
      type.Bind(owner).Step() && (type.Int(0) == static_cast<int>(ObjectType::kSite) ||
                                  type.Int(0) == static_cast<int>(ObjectType::kList));
  type.Reset();
  if (decides) SetScope(owner, owner);
  return EndWrite("storing a permission set");
}

Status SqliteStore::PutInherits(Oid object) {
  if (auto begun = StartWrite(); !begun) return begun;
  auto& find = db_->Get(
      "SELECT o.parent, p.scope FROM object o JOIN object p ON p.oid = o.parent AND "
      "p.to_run IS NULL WHERE o.oid = ? AND o.to_run IS NULL");
  // The parent's own owner where it is known already; the run's end looks once more.
  const Oid owner = find.Bind(object).Step() ? find.Int(1) : 0;
  find.Reset();
  if (owner != 0) {
    SetScope(object, owner);
    CloseScope(object);
  }
  return EndWrite("storing that an object inherits");
}

Status SqliteStore::PutItemInherits(Oid item) {
  if (auto begun = StartWrite(); !begun) return begun;
  Oid library = 0, owner = 0;
  auto& above = db_->Get(
      "SELECT o.container, CASE WHEN o.parent = o.container THEN o.parent ELSE p.scope END "
      "FROM object o JOIN object p ON p.oid = o.parent AND p.to_run IS NULL "
      "WHERE o.oid = ? AND o.to_run IS NULL");
  if (above.Bind(item).Step()) {
    library = above.Int(0);
    owner = above.Int(1);
  }
  above.Reset();
  std::vector<Oid> users;  // Itself among them.
  auto& used = db_->Get(
      "SELECT o.oid FROM entity e JOIN object o ON o.oid = e.oid AND o.to_run IS NULL "
      "WHERE e.container = ? AND o.scope = ?");
  used.Bind(library, item);
  while (used.Step()) users.push_back(used.Int(0));
  used.Reset();
  for (const Oid user : users) SetScope(user, owner);
  if (!users.empty()) CloseScope(item);
  return EndWrite("storing that an item inherits");
}

Result<bool> SqliteStore::MayInherit(Oid item, std::span<const Grant> grants) {
  if (auto begun = StartWrite(); !begun) return Fail(begun.error());
  const std::vector<Grant> normal = Normalised(grants);
  const std::string hash = ContentHash(normal);
  auto& same = db_->Get(
      "SELECT 1 FROM scope s JOIN acl a ON a.id = s.acl "
      "WHERE s.oid = ? AND s.to_run IS NULL AND a.hash = ?");
  const bool stands = same.Bind(item, sqlite::Blob{hash}).Step();
  same.Reset();
  std::int64_t above = -1;
  auto& count = db_->Get(R"sql(
    WITH RECURSIVE up(oid, scope) AS (
      SELECT p.oid, p.scope FROM object o JOIN object p ON p.oid = o.parent AND p.to_run IS NULL
      WHERE o.oid = ? AND o.to_run IS NULL
      UNION SELECT s.oid, s.scope FROM up JOIN object s ON s.oid = up.scope AND s.to_run IS NULL)
    SELECT (SELECT count(*) FROM acl_grant g WHERE g.acl = s.acl AND g.role <> 'none'
            AND g.principal_type <> 'link')
    FROM up JOIN scope s ON s.oid = up.oid AND s.to_run IS NULL WHERE up.scope = up.oid)sql");
  if (count.Bind(item).Step()) above = count.Int(0);
  count.Reset();
  const auto own = std::count_if(normal.begin(), normal.end(), [](const Grant& grant) {
    return grant.role != Role::kNone && grant.principal_type != PrincipalType::kLink;
  });
  if (auto read = EndWrite("comparing a permission set with the one above"); !read) {
    return Fail(read.error());
  }
  return !stands || own == above;
}

void SqliteStore::MakeDue(std::string_view link_id) {
  if (link_id.empty()) return;
  db_->Get(
         "UPDATE scope SET due = ?3 WHERE to_run IS NULL AND NOT due AND read_run < ?2 AND acl IN "
         "(SELECT acl FROM acl_grant WHERE principal_type = 'link' AND lower(grant_id) = ?1)")
      .Bind(link_id, run_, kDueUntold)
      .Run();
}

Status SqliteStore::PutSiteScope(Oid site, const std::string& source,
                                 std::span<const Grant> grants) {
  if (auto begun = StartWrite(); !begun) return begun;
  const std::int64_t acl = AclOf(*db_, grants);
  const auto refreshed = db_->Get(
                                "UPDATE site_scope SET read_run = ?3 "
                                "WHERE oid = ?1 AND source = ?2 AND to_run IS NULL AND acl = ?4")
                             .Bind(site, source, run_, acl)
                             .Run();
  if (refreshed == 0) {
    db_->Get("DELETE FROM site_scope WHERE oid = ? AND source = ? AND from_run = ?")
        .Bind(site, source, run_)
        .Run();
    db_->Get("UPDATE site_scope SET to_run = ?3 WHERE oid = ?1 AND source = ?2 AND to_run IS NULL")
        .Bind(site, source, run_)
        .Run();
    db_->Get(
           "INSERT INTO site_scope(oid, source, from_run, acl, read_run) "
           "VALUES (?1, ?2, ?3, ?4, ?3)")
        .Bind(site, source, run_, acl)
        .Run();
  }
  return EndWrite("storing what holds for a site collection");
}

Status SqliteStore::PutListSecurity(Oid list, std::int64_t read, std::int64_t write) {
  if (auto begun = StartWrite(); !begun) return begun;
  db_->Get("UPDATE container SET read_security = ?2, write_security = ?3 WHERE oid = ?1")
      .Bind(list, read, write)
      .Run();
  return EndWrite("storing the settings of a list");
}

Status SqliteStore::PutMembers(const GroupRef& group, std::span<const Member> members,
                               const GroupFacts& facts) {
  if (auto begun = StartWrite(); !begun) return begun;
  constexpr std::string_view kKinds[] = {"group", "group_owners", "site_group"};
  const std::string key = group.Key();
  const std::int64_t set = MemberSetOf(*db_, members);
  auto& now = db_->Get("SELECT member_set FROM group_info WHERE key = ? AND to_run IS NULL");
  const bool same = now.Bind(key).Step() && now.Int(0) == set;
  now.Reset();
  const auto refreshed =
      db_->Get(
             "UPDATE group_info SET read_run = ?2 WHERE key = ?1 AND to_run IS NULL "
             "AND member_set = ?3 AND link_id IS ?4 AND name IS ?5 AND associated IS ?6 "
             "AND members_edit IS ?7 AND auto_accept IS ?8")
          .Bind(key, run_, set, OrNull(facts.link_id), OrNull(facts.name), OrNull(facts.associated),
                facts.members_edit, facts.auto_accept)
          .Run();
  if (refreshed == 0) {
    if (!same) MakeDue(facts.link_id);
    db_->Get("DELETE FROM group_info WHERE key = ? AND from_run = ?").Bind(key, run_).Run();
    db_->Get("UPDATE group_info SET to_run = ?2 WHERE key = ?1 AND to_run IS NULL")
        .Bind(key, run_)
        .Run();
    db_->Get(
           "INSERT INTO group_info(key, from_run, kind, id, site_id, member_set, read_run, "
           "link_id, name, associated, members_edit, auto_accept) "
           "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?2, ?7, ?8, ?9, ?10, ?11)")
        .Bind(key, run_, kKinds[static_cast<int>(group.kind)], group.id, OrNull(group.site_id), set,
              OrNull(facts.link_id), OrNull(facts.name), OrNull(facts.associated),
              facts.members_edit, facts.auto_accept)
        .Run();
  }
  return EndWrite(fmt::format("storing the members of {}", key));
}

Status SqliteStore::SettleSiteGroups(const std::string& site_id) {
  if (auto begun = StartWrite(); !begun) return begun;
  std::vector<std::string> gone;
  auto& unseen = db_->Get(
      "SELECT coalesce(link_id, '') FROM group_info WHERE kind = 'site_group' AND site_id = ? AND "
      "to_run IS NULL AND read_run < ?");
  unseen.Bind(site_id, run_);
  while (unseen.Step()) gone.push_back(unseen.String(0));
  unseen.Reset();
  if (gone.empty()) return EndWrite("looking for removed site groups");
  for (const std::string& link_id : gone) MakeDue(link_id);
  db_->Get(
         "UPDATE group_info SET to_run = ?2 WHERE kind = 'site_group' AND site_id = ?1 AND "
         "to_run IS NULL AND read_run < ?2")
      .Bind(site_id, run_)
      .Run();
  return EndWrite("closing removed site groups");
}

Result<std::optional<LinkGroup>> SqliteStore::FindLinkGroup(Oid object, const std::string& number) {
  std::optional<LinkGroup> found;
  auto& row = db_->Get(R"sql(
    WITH RECURSIVE up(oid, above) AS (
      SELECT oid, container FROM object WHERE oid = ?1 AND to_run IS NULL
      UNION
      SELECT o.oid, iif(o.container <> 0, o.container, o.parent)
      FROM up JOIN object o ON o.oid = up.above AND o.to_run IS NULL)
    SELECT gi.link_id, gi.name, gi.member_set FROM up JOIN entity e ON e.oid = up.oid
    JOIN group_info gi ON gi.key = 'site_group:' || e.graph_id || ':' || ?2 AND gi.to_run IS NULL
    WHERE up.above = 0 AND gi.link_id IS NOT NULL)sql");
  std::int64_t set = 0;
  if (row.Bind(object, number).Step()) {
    found.emplace();
    found->link_id = row.String(0);
    found->title = row.String(1);
    set = row.Int(2);
  }
  row.Reset();
  if (found) {
    auto& members =
        db_->Get("SELECT id, kind, login, email FROM member WHERE member_set = ? ORDER BY ord");
    members.Bind(set);
    while (members.Step()) {
      Member member;
      member.id = members.String(0);
      member.kind = members.String(1);
      member.login = members.String(2);
      member.email = members.String(3);
      found->members.push_back(std::move(member));
    }
    members.Reset();
  }
  if (auto read = db_->Check("looking for the group of a link"); !read) return Fail(read.error());
  return found;
}

// Site groups belong to the site collection: they are named by its topmost web known here.
Status SqliteStore::ForEachGroupUse(const std::function<void(const GroupUse&)>& use) {
  if (auto begun = StartWrite(); !begun) return begun;
  sqlite::Statement rows(*db_, R"sql(
    SELECT g.principal_type, g.principal_id, g.principal_login, CASE o.type
             WHEN 0 THEN o.oid
             WHEN 1 THEN o.container
             WHEN 4 THEN o.container
             ELSE (SELECT l.container FROM object l WHERE l.oid = o.container AND l.to_run IS NULL)
           END
    FROM (SELECT oid, acl FROM scope WHERE to_run IS NULL
          UNION ALL SELECT oid, acl FROM site_scope WHERE to_run IS NULL) s
    JOIN object o ON o.oid = s.oid AND o.to_run IS NULL
    JOIN acl_grant g ON g.acl = s.acl
    WHERE g.principal_id <> '' AND g.role <> 'none' AND g.principal_type IN ('group', 'site_group')
    ORDER BY s.oid, g.ord)sql");
  auto& top = db_->Get(R"sql(
    WITH RECURSIVE up(oid, parent) AS (
      SELECT oid, parent FROM object WHERE oid = ? AND to_run IS NULL
      UNION SELECT o.oid, o.parent FROM up JOIN object o ON o.oid = up.parent AND o.to_run IS NULL)
    SELECT e.graph_id FROM up JOIN entity e ON e.oid = up.oid WHERE up.parent = 0)sql");
  Oid last_site = 0;
  std::string last_site_id;
  GroupUse found;
  while (rows.Step()) {
    found.group.id = rows.String(1);
    if (rows.Text(0) == Name(PrincipalType::kSiteGroup)) {
      found.group.kind = GroupRef::Kind::kSiteGroup;
      if (rows.Int(3) != last_site) {
        last_site = rows.Int(3);
        last_site_id = top.Bind(last_site).Step() ? top.String(0) : "";
        top.Reset();
      }
      found.group.site_id = last_site_id;
    } else {
      // The owners of a Microsoft 365 group: its id with "_o" behind it (permissions.md 4).
      found.group.kind =
          rows.Text(2).ends_with("_o") ? GroupRef::Kind::kOwners : GroupRef::Kind::kMembers;
      found.group.site_id.clear();
    }
    use(found);
  }
  // Groups that links were sent to.
  sqlite::Statement linked(*db_, R"sql(
    SELECT lower(j.value) FROM scope s JOIN object o ON o.oid = s.oid AND o.to_run IS NULL
    JOIN acl_grant g ON g.acl = s.acl, json_each(g.link_groups) j
    WHERE s.to_run IS NULL AND g.role <> 'none' AND g.link_groups <> '[]'
    ORDER BY s.oid, g.ord, j.key)sql");
  found.group.kind = GroupRef::Kind::kMembers;
  found.group.site_id.clear();
  while (linked.Step()) {
    found.group.id = linked.String(0);
    use(found);
  }
  // Directory groups that stand in site groups, by the site group they stand in.
  sqlite::Statement nested(*db_, R"sql(
    SELECT m.kind, m.id FROM group_info gi JOIN member m ON m.member_set = gi.member_set
    WHERE gi.kind = 'site_group' AND gi.to_run IS NULL AND m.id <> ''
      AND m.kind IN ('group', 'group_owners') ORDER BY gi.key, m.ord)sql");
  found.group.site_id.clear();
  while (nested.Step()) {
    found.group.kind =
        nested.Text(0) == "group" ? GroupRef::Kind::kMembers : GroupRef::Kind::kOwners;
    found.group.id = nested.String(1);
    use(found);
  }
  return EndWrite("looking for the groups in the permissions");
}

}  // namespace spa
